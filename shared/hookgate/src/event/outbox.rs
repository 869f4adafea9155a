//! The outbox: messages that the queue did not accept, in the same table.
//!
//! Each message has its own item (`sk = outbox#epoch`), found by the index under `outbox#shard`. It has no
//! expiry: only the sweeper, once the message is sent, removes it.

use aws_sdk_dynamodb::types::Select;
use futures_util::future::try_join_all;

use crate::error::OrFailed;
use crate::event::archive::{compress, decompress};
use crate::table::payload_item::DATA;
use crate::table::{
    Attributes, DynamoTable, INDEX, INDEX_PK, INDEX_SK, PK, SHARDS, SK, b, bytes, index_time, s,
    shard, text, values,
};
use crate::{AwsError, EventKey, Message, unix_ms};

/// The number of entries that are read from a shard at a time.
const PAGE: i32 = 10;

const PREFIX: &str = "outbox#";

const READ: &str = "read the outbox";

/// A message in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its event.
    pub key: EventKey,
    /// Its epoch.
    pub epoch: u32,
    /// The message; `None` if the entry cannot be read.
    pub message: Option<Message>,
}

impl DynamoTable {
    /// Adds a message to the outbox; when this returns, it is durable. Doing it twice is harmless.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_to_outbox(&self, message: &Message) -> Result<(), AwsError> {
        const OPERATION: &str = "add the message to the outbox";
        let json = message.to_json().or_failed(OPERATION)?;
        let compressed = compress(json.as_bytes()).or_failed(OPERATION)?;
        let key = &message.event.key;
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item_key(key, message.epoch)))
            .item(DATA, b(compressed))
            .item(INDEX_PK, s(format!("{PREFIX}{}", shard(key))))
            .item(INDEX_SK, index_time(unix_ms(message.event.received)))
            .send()
            .await
            .or_failed(OPERATION)?;
        Ok(())
    }

    /// Some of the messages in the outbox, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox_entries(&self) -> Result<Vec<OutboxEntry>, AwsError> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.outbox_keys(shard))).await?;
        let entries = shards
            .into_iter()
            .flatten()
            .map(|key| self.outbox_entry(key));
        Ok(try_join_all(entries).await?.into_iter().flatten().collect())
    }

    /// The number of outbox entries.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox_depth(&self) -> Result<u64, AwsError> {
        let shards = try_join_all((0..SHARDS).map(|shard| self.depth_of_shard(shard))).await?;
        Ok(shards.into_iter().sum())
    }

    /// Removes a message that was sent. Doing it twice is harmless.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove_from_outbox(&self, entry: &OutboxEntry) -> Result<(), AwsError> {
        self.client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(item_key(&entry.key, entry.epoch)))
            .send()
            .await
            .or_failed("remove the message from the outbox")?;
        Ok(())
    }

    /// The number of entries in a shard. One response covers 1 MB of the index, thousands of entries:
    /// counting more would not change any alarm.
    async fn depth_of_shard(&self, shard: u8) -> Result<u64, AwsError> {
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
            .or_failed("count the outbox")?;
        Ok(u64::try_from(counted.count).unwrap_or_default())
    }

    /// The keys of a shard's oldest messages.
    async fn outbox_keys(&self, shard: u8) -> Result<Vec<(EventKey, u32)>, AwsError> {
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
            .or_failed(READ)?;
        let items = page.items.unwrap_or_default();
        Ok(items.iter().filter_map(read_key).collect())
    }

    /// One message; `None` if another sweeper removed it meanwhile.
    async fn outbox_entry(
        &self,
        (key, epoch): (EventKey, u32),
    ) -> Result<Option<OutboxEntry>, AwsError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(item_key(&key, epoch)))
            .consistent_read(true)
            .send()
            .await
            .or_failed(READ)?;
        Ok(found.item.map(|item| OutboxEntry {
            message: read_message(&item),
            key,
            epoch,
        }))
    }
}

fn item_key(key: &EventKey, epoch: u32) -> Attributes {
    values([(PK, s(key.as_str())), (SK, s(format!("{PREFIX}{epoch}")))])
}

fn read_key(item: &Attributes) -> Option<(EventKey, u32)> {
    let epoch = text(item, SK)?.strip_prefix(PREFIX)?.parse().ok()?;
    Some((EventKey::parse(text(item, PK)?)?, epoch))
}

fn read_message(item: &Attributes) -> Option<Message> {
    let json = decompress(bytes(item, DATA)?)?;
    Message::from_json(std::str::from_utf8(&json).ok()?).ok()
}
