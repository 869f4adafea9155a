//! The shards of the outbox. Their number may be changed at any time: rows stay where they are, so the largest number
//! that was ever in use is written down before the first row that needs it, and all shards up to it are read.

use crate::error::OrFailed;
use crate::table::{DynamoTable, PK, SHARDS, SK, s, text, values};
use crate::{AwsError, EventKey};

/// The partition of the numbers that were in use.
const NUMBERS: &str = "outbox-shards";

impl DynamoTable {
    /// The shards of the outbox that may have rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox_shards(&self) -> Result<impl Iterator<Item = u8> + use<>, AwsError> {
        let largest = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(NUMBERS))
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .or_failed("read the number of the outbox's shards")?;
        let largest = largest.items.unwrap_or_default();
        let largest = largest
            .first()
            .and_then(|item| text(item, SK)?.parse().ok());
        Ok(0..largest.unwrap_or(0).max(self.outbox_shards))
    }

    /// The shard of an event's rows.
    pub(super) fn outbox_shard(&self, key: &EventKey) -> u8 {
        let scaled = u16::from(key.first_byte()) * u16::from(self.outbox_shards) / 256;
        u8::try_from(scaled).unwrap_or(0)
    }

    /// Writes down the number of shards, once a process, if it is larger than the default.
    pub(super) async fn note_outbox_shards(&self) -> Result<(), AwsError> {
        if self.outbox_shards <= SHARDS || self.marks.has(NUMBERS) {
            return Ok(());
        }
        let item = values([
            (PK, s(NUMBERS)),
            (SK, s(format!("{:03}", self.outbox_shards))),
        ]);
        let put = self.client.put_item().table_name(&self.name);
        let put = put.set_item(Some(item)).send().await;
        put.or_failed("note the number of the outbox's shards")?;
        self.marks.add(NUMBERS.to_owned());
        Ok(())
    }
}
