//! The outbox: messages that the queue did not take, in the same table.
//!
//! An item of its own a message (`sk = outbox#epoch`), found by the index under `outbox#shard`. It has no
//! expiry: only the sweeper, once the message is sent, removes it.

use crate::ports::{BoxError, Kept, Outbox, OutboxReader, PortError};
use crate::{EventKey, Message, unix_ms};
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use futures_util::future::try_join_all;

use crate::attributes::{Attributes, b, bytes, s, text};
use crate::event::archive::{compress, decompress};
use crate::table::{DynamoTable, INDEX, INDEX_PK, INDEX_SK, PK, SHARDS, SK, shard};

/// How many messages are read from a shard at a time.
const PAGE: i32 = 10;

const PREFIX: &str = "outbox#";

impl Outbox for DynamoTable {
    async fn keep(&self, message: &Message) -> Result<(), PortError> {
        let failed = |error: BoxError| PortError::new("keep the message in the outbox", error);
        let json = message.to_json().map_err(|error| failed(error.into()))?;
        let compressed = compress(json.as_bytes()).map_err(|error| failed(error.into()))?;
        let key = &message.event.key;
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item_key(key, message.epoch)))
            .item("data", b(compressed))
            .item(INDEX_PK, s(format!("{PREFIX}{}", shard(key))))
            .item(
                INDEX_SK,
                s(format!("{:013}", unix_ms(message.event.received))),
            )
            .send()
            .await
            .map_err(|error| failed(error.into_service_error().into()))?;
        Ok(())
    }
}

impl OutboxReader for DynamoTable {
    async fn waiting(&self) -> Result<Vec<Kept>, PortError> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.waiting_in(shard))).await?;
        let rows = shards.into_iter().flatten().map(|key| self.kept(key));
        Ok(try_join_all(rows).await?.into_iter().flatten().collect())
    }

    async fn depth(&self) -> Result<u64, PortError> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.depth_of(shard))).await?;
        Ok(shards.into_iter().sum())
    }

    async fn remove(&self, kept: &Kept) -> Result<(), PortError> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(item_key(&kept.key, kept.epoch)))
            .send()
            .await
            .map_err(|error| {
                PortError::new(
                    "remove the message from the outbox",
                    error.into_service_error(),
                )
            })?;
        Ok(())
    }
}

impl DynamoTable {
    /// How many messages of a shard wait. What one answer holds (1 MB of the index, thousands of them)
    /// is enough: more of them alarm nobody more.
    async fn depth_of(&self, shard: u8) -> Result<u64, PortError> {
        let counted = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk")
            .expression_attribute_values(":gpk", s(format!("{PREFIX}{shard}")))
            .select(Select::Count)
            .send()
            .await
            .map_err(|error| PortError::new("count the outbox", error.into_service_error()))?;
        Ok(u64::try_from(counted.count).unwrap_or_default())
    }

    /// The keys of a shard's oldest messages.
    async fn waiting_in(&self, shard: u8) -> Result<Vec<(EventKey, u32)>, PortError> {
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk")
            .expression_attribute_values(":gpk", s(format!("{PREFIX}{shard}")))
            .limit(PAGE)
            .send()
            .await
            .map_err(|error| PortError::new("read the outbox", error.into_service_error()))?;
        Ok(page
            .items
            .unwrap_or_default()
            .iter()
            .filter_map(read_key)
            .collect())
    }

    /// One message; `None` where another sweeper removed it meanwhile.
    async fn kept(&self, (key, epoch): (EventKey, u32)) -> Result<Option<Kept>, PortError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(item_key(&key, epoch)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| PortError::new("read the outbox", error.into_service_error()))?;
        Ok(found.item.map(|item| Kept {
            message: read_message(&item),
            key,
            epoch,
        }))
    }
}

fn item_key(key: &EventKey, epoch: u32) -> Attributes {
    let pair = |name: &str, value: AttributeValue| (name.to_owned(), value);
    [
        pair(PK, s(key.as_str())),
        pair(SK, s(format!("{PREFIX}{epoch}"))),
    ]
    .into()
}

fn read_key(item: &Attributes) -> Option<(EventKey, u32)> {
    let epoch = text(item, SK)?.strip_prefix(PREFIX)?.parse().ok()?;
    Some((EventKey::parse(text(item, PK)?)?, epoch))
}

fn read_message(item: &Attributes) -> Option<Message> {
    let json = decompress(bytes(item, "data")?)?;
    Message::from_json(std::str::from_utf8(&json).ok()?).ok()
}
