//! Writing to the archive.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::pack::pack;
use super::place::{GroupPlace, places};
use crate::error::OrFailed;
use crate::table::payload_item::{DATA, PARTS};
use crate::table::{Attributes, DynamoTable, EXPIRES, PK, SK, b, expires_s, n, s, values};
use crate::{AwsError, Event};

const OPERATION: &str = "archive the events";

/// Compressed bytes per item. DynamoDB allows 400 KB per item, names included.
const PART_BYTES: usize = 350_000;

/// The places in the archive that were not written, each with the reason.
pub type NotArchived<'a> = BTreeMap<&'a str, Arc<AwsError>>;

impl DynamoTable {
    /// The place in the archive where each of a batch's events is to be written; none if nothing is archived.
    pub fn archive_places(&self, events: &[&Event]) -> Option<Vec<String>> {
        self.retention?;
        let places = places(events, self.shard);
        Some(places.iter().map(GroupPlace::to_string).collect())
    }

    /// Archives events, those of one place together; the places that failed, each with the reason.
    pub async fn archive_all<'a>(
        &self,
        events: impl Iterator<Item = (&'a str, &'a Event)>,
    ) -> NotArchived<'a> {
        let mut places: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for (place, event) in events {
            places.entry(place).or_default().push(event);
        }
        let writes = places.iter().map(|(place, events)| async move {
            let written = self.archive(place, events).await;
            written.err().map(|error| (*place, Arc::new(error)))
        });
        join_all(writes).await.into_iter().flatten().collect()
    }

    /// Archives the events of one place. When this returns, they can be found by it, and are in lists.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn archive(&self, place: &str, events: &[&Event]) -> Result<(), AwsError> {
        let (Some(retention), Some(first)) = (self.retention, events.first()) else {
            return Ok(());
        };
        let place = GroupPlace::parse(place).ok_or_else(|| AwsError::new(OPERATION, "no place"))?;
        // Before the events: a day that is not marked is not looked at.
        self.mark_day(&first.source, &place, retention).await?;
        let packed = pack(events).or_failed(OPERATION)?;
        let last = events.iter().map(|event| event.received).max();
        let expires = n(expires_s(last.unwrap_or(first.received), retention));
        let parts: Vec<&[u8]> = packed.chunks(PART_BYTES).collect();
        let item = |sort_key: String, data: &[u8]| {
            values([
                (PK, s(place.partition(&first.source))),
                (SK, s(sort_key)),
                (DATA, b(data)),
                (EXPIRES, expires.clone()),
            ])
        };
        for (index, part) in parts.iter().enumerate().skip(1) {
            let sort_key = format!("{}.{index:04}", place.sort_key);
            self.put(item(sort_key, part)).await?;
        }
        // Last: what it promises is there.
        let mut whole = item(
            place.sort_key.clone(),
            parts.first().copied().unwrap_or_default(),
        );
        whole.insert(PARTS.to_owned(), n(parts.len()));
        self.put(whole).await
    }

    async fn put(&self, item: Attributes) -> Result<(), AwsError> {
        let put = self.client.put_item().table_name(&self.name);
        put.set_item(Some(item)).send().await.or_failed(OPERATION)?;
        Ok(())
    }
}
