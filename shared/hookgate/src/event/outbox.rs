//! The outbox: messages that wait in the table and not in the queue.
//!
//! A message waits here if the queue did not accept it, until a time that is too far away for the queue, or until its
//! route takes events again. Each is a row of its own (`sk = outbox#epoch`), found by the index under `outbox#shard` and the
//! time at which it is due, or under `held#route#shard`. A row has no expiry: only the sweeper removes it, once its
//! message is sent, and only as it was read. It is never written over by a message with a lower number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{KeysAndAttributes, Select};
use futures_util::future::ready;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hookgate_ledger::{REMOVE_ROW, REPLACE_ROW};

use crate::error::OrFailed;
use crate::event::archive::{compress, decompress};
use crate::table::event_item::SEQ;
use crate::table::payload_item::DATA;
use crate::table::{
    Attributes, DynamoTable, INDEX, INDEX_PK, INDEX_SK, PK, SK, b, bytes, index_time, n, names,
    number, s, text, values,
};
use crate::{AwsError, EventKey, Message, Number, unix_ms};

const PREFIX: &str = "outbox#";

/// The last time that an index key can name, in milliseconds.
const LAST_MS: u64 = 9_999_999_999_999;

/// The number of shards that are counted side by side.
const SIDE_BY_SIDE: usize = 8;

const READ: &str = "read the outbox";

/// The time until which a message waits.
#[derive(Clone, Copy, Debug)]
pub enum Until<'a> {
    /// This time.
    Due(SystemTime),
    /// The time at which a route takes events again.
    Released {
        /// The route's name.
        route: &'a str,
        /// The time from which on it is held.
        since: SystemTime,
    },
}

/// The rows that are looked for.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Those that are due at this time.
    Due(SystemTime),
    /// Those of the route of this name.
    Held(&'a str),
}

/// A row of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// The key of its event.
    pub key: EventKey,
    /// The number of its message.
    pub number: Number,
    /// The time at which it is due; for a message that is held, the time since which it is.
    pub due: SystemTime,
    /// The message; `None` if the row cannot be read.
    pub message: Option<Message>,
}

/// A part of a shard's rows, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct RowPage {
    /// The rows, without those that could not be read this time.
    pub rows: Vec<OutboxRow>,
    /// The number of rows that the index has here.
    pub found: usize,
    /// The position after them; `None` after the last.
    pub next: Option<RowPosition>,
}

/// A position between two rows of a shard.
#[derive(Clone, Debug)]
pub struct RowPosition(Attributes);

impl DynamoTable {
    /// Adds a message to the outbox; when this returns, it or a later one of its event is durable. Doing it twice is
    /// harmless.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_to_outbox(&self, message: &Message, until: Until<'_>) -> Result<(), AwsError> {
        const OPERATION: &str = "add the message to the outbox";
        // Before the row: a shard that is not counted is not looked at.
        self.note_outbox_shards().await?;
        let json = message.to_json().or_failed(OPERATION)?;
        let compressed = compress(json.as_bytes()).or_failed(OPERATION)?;
        let key = &message.event.key;
        let (partition, time) = match until {
            Until::Due(time) => (due_in(self.outbox_shard(key)), time),
            Until::Released { route, since } => (held_in(route, self.outbox_shard(key)), since),
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(row_key(key, message.number.epoch)))
            .item(SEQ, n(message.number.seq))
            .item(DATA, b(compressed))
            .item(INDEX_PK, s(partition))
            .item(INDEX_SK, index_time(unix_ms(time)))
            .condition_expression(REPLACE_ROW)
            .set_expression_attribute_names(Some(names(&[REPLACE_ROW])))
            .expression_attribute_values(":sq", n(message.number.seq));
        match put.send().await.map_err(|error| error.into_service_error()) {
            // A later message of the event is there, which is as good.
            Ok(_) | Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(error).or_failed(OPERATION),
        }
    }

    /// The next rows of a shard, at most `limit` (100 at the most).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox_page(
        &self,
        rows: Rows<'_>,
        shard: u8,
        from: Option<RowPosition>,
        limit: i32,
    ) -> Result<RowPage, AwsError> {
        let (partition, until) = match rows {
            Rows::Due(time) => (due_in(shard), unix_ms(time)),
            Rows::Held(route) => (held_in(route, shard), LAST_MS),
        };
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk AND gsk <= :until")
            .expression_attribute_values(":gpk", s(&partition))
            .expression_attribute_values(":until", index_time(until))
            .limit(limit)
            .set_exclusive_start_key(from.map(|from| from.0))
            .send()
            .await
            .or_failed(READ)?;
        let keys = page.items.unwrap_or_default();
        let found = keys.len();
        let mut rows = self.rows_at(keys).await?;
        // The index may be older than the rows.
        rows.retain(|(at, row)| *at == partition && unix_ms(row.due) <= until);
        Ok(RowPage {
            rows: rows.into_iter().map(|(_, row)| row).collect(),
            found,
            next: page.last_evaluated_key.map(RowPosition),
        })
    }

    /// The number of rows that are due, for the metrics.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox_depth(&self, now: SystemTime) -> Result<u64, AwsError> {
        self.count_all(due_in, unix_ms(now)).await
    }

    /// The number of messages that are held for a route.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn held_depth(&self, route: &str) -> Result<u64, AwsError> {
        self.count_all(|shard| held_in(route, shard), LAST_MS).await
    }

    /// Removes a row whose message was sent, unless it was written anew meanwhile. Doing it twice is harmless.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove_from_outbox(&self, row: &OutboxRow) -> Result<(), AwsError> {
        let removed = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(row_key(&row.key, row.number.epoch)))
            .condition_expression(REMOVE_ROW)
            .set_expression_attribute_names(Some(names(&[REMOVE_ROW])))
            .expression_attribute_values(":sq", n(row.number.seq))
            .send()
            .await;
        match removed.map_err(|error| error.into_service_error()) {
            Ok(_) | Err(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(error).or_failed("remove the message from the outbox"),
        }
    }

    /// The number of rows in all shards up to a time.
    async fn count_all(
        &self,
        partition: impl Fn(u8) -> String,
        until_ms: u64,
    ) -> Result<u64, AwsError> {
        let counts = self.outbox_shards().await?.map(partition);
        let counts = counts.map(|partition| self.count(partition, until_ms));
        let counts = stream::iter(counts).buffer_unordered(SIDE_BY_SIDE);
        counts
            .try_fold(0, |sum, count| ready(Ok(sum + count)))
            .await
    }

    /// The number of rows in a partition of the index up to a time. One response covers 1 MB of the index, thousands of
    /// rows: counting more would not change any alarm.
    async fn count(&self, partition: String, until_ms: u64) -> Result<u64, AwsError> {
        let counted = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk AND gsk <= :until")
            .expression_attribute_values(":gpk", s(partition))
            .expression_attribute_values(":until", index_time(until_ms))
            .select(Select::Count)
            .send()
            .await
            .or_failed("count the outbox")?;
        Ok(u64::try_from(counted.count).unwrap_or_default())
    }

    /// The rows at these keys of the index, each with its partition there, without those that another sweeper removed
    /// meanwhile. Rows that the database did not read this time are left out too: the next sweep finds them.
    async fn rows_at(&self, keys: Vec<Attributes>) -> Result<Vec<(String, OutboxRow)>, AwsError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = keys.iter().map(|key| {
            let part = |name| (name, s(text(key, name).unwrap_or_default()));
            values([part(PK), part(SK)])
        });
        let request = KeysAndAttributes::builder()
            .set_keys(Some(wanted.collect()))
            .consistent_read(true)
            .build()
            .or_failed(READ)?;
        let read = self
            .client
            .batch_get_item()
            .request_items(&self.name, request)
            .send()
            .await
            .or_failed(READ)?;
        let mut read = read.responses.unwrap_or_default();
        let items = read.remove(&self.name).unwrap_or_default();
        let rows = items
            .iter()
            .filter_map(|item| Some((text(item, INDEX_PK)?.to_owned(), read_row(item)?)));
        let mut rows: Vec<(String, OutboxRow)> = rows.collect();
        rows.sort_by_key(|(_, row)| row.due);
        Ok(rows)
    }
}

fn due_in(shard: u8) -> String {
    format!("{PREFIX}{shard}")
}

fn held_in(route: &str, shard: u8) -> String {
    format!("held#{route}#{shard}")
}

fn row_key(key: &EventKey, epoch: u32) -> Attributes {
    values([(PK, s(key.as_str())), (SK, s(format!("{PREFIX}{epoch}")))])
}

fn read_row(item: &Attributes) -> Option<OutboxRow> {
    let due_ms = text(item, INDEX_SK)?.parse().ok()?;
    Some(OutboxRow {
        key: EventKey::parse(text(item, PK)?)?,
        number: Number {
            epoch: text(item, SK)?.strip_prefix(PREFIX)?.parse().ok()?,
            seq: number(item, SEQ).unwrap_or(0),
        },
        due: UNIX_EPOCH + Duration::from_millis(due_ms),
        message: read_message(item),
    })
}

fn read_message(item: &Attributes) -> Option<Message> {
    let json = decompress(bytes(item, DATA)?)?;
    Message::from_json(std::str::from_utf8(&json).ok()?).ok()
}
