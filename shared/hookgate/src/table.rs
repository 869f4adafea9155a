//! The table: its items, every attribute's name, and values written and read.
//!
//! One item per event (`sk = event`), the hot one, under 1 KB. Payloads are in the archive, items of their own that
//! hold all events of a batch. The index has only events that are not well, messages in the outbox and replays: an
//! event that goes well never pays for it.
//!
//! In expressions `#st` stands for the attribute `st`: [`names`] resolves what an expression uses.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::error::OrFailed;
use crate::{AwsError, BoxError, EventKey, S3Bodies, unix_ms};

/// Partition key: the event's key.
pub const PK: &str = "pk";
/// Sort key: which item of the event.
pub const SK: &str = "sk";
/// The time at which DynamoDB may delete the item, in seconds since 1970.
pub const EXPIRES: &str = "exp";
/// The index over events that are not well, the outbox and replays.
pub const INDEX: &str = "by-received";
/// The index's partition key, such as `dead#source#shard`.
pub const INDEX_PK: &str = "gpk";
/// The index's sort key: the time of receipt in milliseconds, 13 digits.
pub const INDEX_SK: &str = "gsk";

/// The attributes of an event's item.
pub(crate) mod event_item {
    /// The state's code.
    pub(crate) const STATE: &str = "st";
    /// The epoch: how often a replay took over.
    pub(crate) const EPOCH: &str = "ep";
    /// The number of carriers of this epoch before the one that claimed it, or that was noted; 0 where it is missing.
    pub(crate) const SEQ: &str = "sq";
    /// The owner of the claim.
    pub(crate) const OWNER: &str = "own";
    /// The end of the claim's lease, in ms since 1970.
    pub(crate) const LEASE_UNTIL: &str = "lu";
    /// The number of times that the event was claimed.
    pub(crate) const CLAIMS: &str = "att";
    /// SHA-256 of the body.
    pub(crate) const BODY_SHA256: &str = "bh";
    /// The time at which its request arrived, in ms since 1970.
    pub(crate) const RECEIVED: &str = "t0";
    /// The begin of its last attempt, in ms since 1970.
    pub(crate) const BEGAN: &str = "t2";
    /// The begin of the attempt before, in ms since 1970.
    pub(crate) const BEGAN_BEFORE: &str = "t3";
    /// The time of its next attempt, in ms since 1970, while it waits for it.
    pub(crate) const NEXT_ATTEMPT: &str = "nx";
    /// The replay that claimed it last, behind its epoch and `#`.
    pub(crate) const REPLAY: &str = "rp";
    /// The target that handled it; the empty text where no route takes it.
    pub(crate) const TARGET: &str = "tgt";
    /// The time at which it was done or dead-lettered, in ms since 1970.
    pub(crate) const COMPLETED: &str = "t1";
    /// The source.
    pub(crate) const SOURCE: &str = "src";
    /// The tenant, or the empty text.
    pub(crate) const TENANT: &str = "ten";
    /// The provider's id, or the empty text.
    pub(crate) const EVENT_ID: &str = "eid";
    /// The provider's type, or the empty text.
    pub(crate) const EVENT_TYPE: &str = "typ";
    /// The place of its payload in the archive.
    pub(crate) const ARCHIVED: &str = "arc";
    /// The place where its payload may be in the archive, while it is being handled.
    pub(crate) const PLACE: &str = "at";
    /// The last attempt's error.
    pub(crate) const ERROR: &str = "err";

    /// The number of times that the event was claimed at this epoch, since it was last done or dead at it.
    pub(crate) fn claims_at(epoch: u32) -> String {
        format!("a{epoch}")
    }

    /// The time of the first attempt that failed at this epoch, since it was last done or dead at it, in ms.
    pub(crate) fn failed_first_at(epoch: u32) -> String {
        format!("f{epoch}")
    }
}

/// The attributes of archived events and outbox entries.
pub(crate) mod payload_item {
    /// A part of the compressed events; the compressed message of an outbox entry.
    pub(crate) const DATA: &str = "data";
    /// The number of parts.
    pub(crate) const PARTS: &str = "parts";
}

/// The attributes of a replay's item.
pub(crate) mod replay_item {
    /// The replay, as JSON.
    pub(crate) const REPLAY: &str = "job";
    /// The number of times that it was saved.
    pub(crate) const VERSION: &str = "ver";
}

/// The retention of events in the ledger: longer than a message can live in the queue and the dead-letter
/// queue (14 days each), and longer than providers retry.
pub const LEDGER_RETENTION: Duration = Duration::from_secs(35 * 24 * 3600);

/// The number of partitions over which entries of one kind are spread; each allows 1,000 writes a second.
pub const SHARDS: u8 = 64;

/// The marks that this process has written: of days in the archive, and of the outbox's shards.
#[derive(Clone, Debug, Default)]
pub(crate) struct MarksWritten(Arc<Mutex<HashSet<String>>>);

impl MarksWritten {
    pub(crate) fn has(&self, mark: &str) -> bool {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.contains(mark)
    }

    pub(crate) fn add(&self, mark: String) {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.insert(mark);
    }
}

/// The ledger and archive in one DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoTable {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) retention: Option<Duration>,
    pub(crate) bodies: Option<S3Bodies>,
    pub(crate) outbox_shards: u8,
    pub(crate) shard: u8,
    pub(crate) marks: MarksWritten,
}

impl DynamoTable {
    /// The table with this name. Payloads are stored for `retention`, or not at all, in a shard of the archive that
    /// is drawn by chance.
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
            outbox_shards: SHARDS,
            shard: fastrand::u8(..SHARDS),
            marks: MarksWritten::default(),
        }
    }

    /// The table, with its outbox spread over so many partitions; each allows 1,000 writes a second.
    #[must_use]
    pub fn with_outbox_shards(self, shards: u8) -> DynamoTable {
        DynamoTable {
            outbox_shards: shards.max(1),
            ..self
        }
    }

    /// The table, whose payloads are written to this shard of the archive.
    #[must_use]
    pub fn in_shard(self, shard: u8) -> DynamoTable {
        DynamoTable { shard, ..self }
    }

    /// The table, with the place where the large bodies of its payloads are.
    #[must_use]
    pub fn with_bodies(self, bodies: Option<S3Bodies>) -> DynamoTable {
        DynamoTable { bodies, ..self }
    }

    /// Makes the first connection, so that no request has to wait for it.
    pub async fn warm_up(&self) {
        let key = [(PK.to_owned(), s("-")), (SK.to_owned(), s("-"))];
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
    /// When the database rejects it.
    pub async fn create(&self) -> Result<(), AwsError> {
        const OPERATION: &str = "create the table";
        let describe = self.client.describe_table().table_name(&self.name);
        if describe.send().await.is_ok() {
            return Ok(());
        }
        self.create_table().await.or_failed(OPERATION)?;
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name(EXPIRES)
            .enabled(true)
            .build();
        self.client
            .update_time_to_live()
            .table_name(&self.name)
            .time_to_live_specification(ttl.or_failed(OPERATION)?)
            .send()
            .await
            .or_failed(OPERATION)?;
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

/// The shard of an event's entry in the index: of 64, the value of the key's first character.
pub(crate) fn shard(key: &EventKey) -> u8 {
    let scaled = u16::from(key.first_byte()) * u16::from(SHARDS) / 256;
    u8::try_from(scaled).unwrap_or(0)
}

/// The day of a time in UTC, `yyyy-mm-dd`.
pub(crate) fn day(time: SystemTime) -> String {
    let timestamp = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    timestamp.strftime("%Y-%m-%d").to_string()
}

/// A time in milliseconds since 1970.
pub(crate) fn time(ms: u64) -> SystemTime {
    let since = Duration::from_millis(ms);
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

pub(crate) fn expires_s(from: SystemTime, after: Duration) -> u64 {
    unix_ms(from) / 1000 + after.as_secs()
}

/// The sort key of the index: a time of receipt.
pub(crate) fn index_time(received_ms: u64) -> AttributeValue {
    s(format!("{received_ms:013}"))
}

/// An item, or a part of one.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// The names that expressions use: `#st` stands for the attribute `st`.
pub(crate) fn names(expressions: &[&str]) -> HashMap<String, String> {
    let parts = expressions
        .iter()
        .flat_map(|expression| expression.split('#').skip(1));
    let names = parts.map(|part| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric());
        &part[..end.unwrap_or(part.len())]
    });
    names
        .map(|name| (format!("#{name}"), name.to_owned()))
        .collect()
}

/// The values that an expression uses, by their placeholders.
pub(crate) fn values<const N: usize>(values: [(&str, AttributeValue); N]) -> Attributes {
    values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn b(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(crate) fn text<'a>(item: &'a Attributes, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn number<T: std::str::FromStr>(item: &Attributes, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(crate) fn bytes<'a>(item: &'a Attributes, name: &str) -> Option<&'a [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}
