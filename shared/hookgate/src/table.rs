//! The table's shape, in one place: what the template declares and the twin creates.
//!
//! One item per event (`sk = event`), the hot one, under 1 KB; and, once the processor has seen it,
//! its payload in items of their own (`sk = payload`, `payload.0001` …), written once. Only the
//! payload's first item carries the index keys, so that changing an event's state never pays for
//! the index. A large body is in S3: then the payload's one item has the claim check for it.

use std::time::{Duration, SystemTime};

use crate::ports::{BoxError, PortError};
use crate::{EventKey, unix_ms};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::S3Bodies;

/// Partition key: the event's key.
pub const PK: &str = "pk";
/// Sort key: which item of the event.
pub const SK: &str = "sk";
/// When DynamoDB may delete the item, in seconds since 1970.
pub const EXPIRES: &str = "exp";
/// The index over payloads by source, day and time of receipt.
pub const INDEX: &str = "by-received";
/// The index's partition key, `source#yyyy-mm-dd#shard`.
pub const INDEX_PK: &str = "gpk";
/// The index's sort key: the time of receipt in milliseconds, 13 digits.
pub const INDEX_SK: &str = "gsk";

/// How long an event is remembered: longer than a message can live in the queue and the dead-letter
/// queue (14 days each) and a provider retries.
pub const LEDGER_RETENTION: Duration = Duration::from_secs(35 * 24 * 3600);

/// Over how many index partitions a source's day is spread; each takes 1,000 writes a second.
pub(crate) const SHARDS: u8 = 4;

/// The ledger and archive in one DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoTable {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) retention: Option<Duration>,
    pub(crate) bodies: Option<S3Bodies>,
}

impl DynamoTable {
    /// The table of this name. Payloads are kept for `retention`, or not at all.
    pub fn new(
        client: Client,
        name: impl Into<String>,
        retention: Option<Duration>,
    ) -> DynamoTable {
        DynamoTable {
            client,
            name: name.into(),
            retention,
            bodies: None,
        }
    }

    /// The table, with the place where the large bodies of its payloads are.
    #[must_use]
    pub fn with_bodies(self, bodies: Option<S3Bodies>) -> DynamoTable {
        DynamoTable { bodies, ..self }
    }

    /// Makes the first connection, so that no request has to wait for it.
    pub async fn warm_up(&self) {
        let key = [
            (PK.to_owned(), crate::attributes::s("-")),
            (SK.to_owned(), crate::attributes::s("-")),
        ];
        // A failure shows again, with its cause, at the first request.
        let _ = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.into()))
            .send()
            .await;
    }

    /// Creates the table as the template declares it, unless it is there. The twin and tests do.
    ///
    /// # Errors
    /// When the database refuses it.
    pub async fn create(&self) -> Result<(), PortError> {
        let failed = |error: BoxError| PortError::new("create the table", error);
        let describe = self.client.describe_table().table_name(&self.name);
        if describe.send().await.is_ok() {
            return Ok(());
        }
        self.create_table().await.map_err(failed)?;
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name(EXPIRES)
            .enabled(true)
            .build();
        self.client
            .update_time_to_live()
            .table_name(&self.name)
            .time_to_live_specification(ttl.map_err(|error| failed(error.into()))?)
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(())
    }

    async fn create_table(&self) -> Result<(), BoxError> {
        let index = GlobalSecondaryIndex::builder()
            .index_name(INDEX)
            .key_schema(key(INDEX_PK, KeyType::Hash)?)
            .key_schema(key(INDEX_SK, KeyType::Range)?)
            .projection(
                Projection::builder()
                    .projection_type(ProjectionType::KeysOnly)
                    .build(),
            )
            .build()?;
        let mut create = self.client.create_table().table_name(&self.name);
        for name in [PK, SK, INDEX_PK, INDEX_SK] {
            let attribute = AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()?;
            create = create.attribute_definitions(attribute);
        }
        create
            .key_schema(key(PK, KeyType::Hash)?)
            .key_schema(key(SK, KeyType::Range)?)
            .global_secondary_indexes(index)
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await?;
        Ok(())
    }
}

fn key(
    name: &str,
    key_type: KeyType,
) -> Result<KeySchemaElement, aws_sdk_dynamodb::error::BuildError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(key_type)
        .build()
}

/// The index partition of an event.
pub(crate) fn index_partition(source: &str, received: SystemTime, shard: u8) -> String {
    format!("{source}#{}#{shard}", day(received))
}

/// Which shard an event's index entry is in.
pub(crate) fn shard(key: &EventKey) -> u8 {
    key.as_str()
        .as_bytes()
        .first()
        .map_or(0, |byte| byte % SHARDS)
}

/// The day of a time in UTC, `yyyy-mm-dd`.
pub(crate) fn day(time: SystemTime) -> String {
    let timestamp = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    timestamp.strftime("%Y-%m-%d").to_string()
}

pub(crate) fn expires_s(from: SystemTime, after: Duration) -> u64 {
    unix_ms(from) / 1000 + after.as_secs()
}
