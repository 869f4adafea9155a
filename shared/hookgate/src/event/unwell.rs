//! The index over events that are not well: those that wait, are dead, or have no target. A request that makes an
//! event so lists it; the completion that follows takes it out. An event that goes well is never in the index.

use hookgate_api::{EventState, Order};

use crate::error::OrFailed;
use crate::event::search::{EventSearch, Part, Position, SearchEntry, side_by_side};
use crate::table::{
    Attributes, DynamoTable, INDEX, INDEX_SK, PK, SHARDS, index_time, s, shard, text, values,
};
use crate::{AwsError, Event, unix_ms};

/// The most entries of a part that a round reads at first.
const MAX_ENOUGH: usize = 100;

/// Sets the index keys of an event.
pub(crate) const LIST: &str = "#gpk = :gpk, #gsk = :gsk";

/// Removes the index keys of an event.
pub(crate) const UNLIST: &str = "#gpk, #gsk";

/// The values of [`LIST`].
pub(crate) fn listed(state: EventState, event: &Event) -> Attributes {
    let partition = unwell_partition(state, &event.source, shard(&event.key));
    values([
        (":gpk", s(partition)),
        (":gsk", index_time(unix_ms(event.received))),
    ])
}

/// The index partition of a source's events in this state.
pub(crate) fn unwell_partition(state: EventState, source: &str, shard: u8) -> String {
    format!("{}#{source}#{shard}", state.name())
}

impl DynamoTable {
    /// The next entries of a search for events in such a state, after a position.
    pub(crate) async fn listed_parts(
        &self,
        search: &EventSearch,
        state: EventState,
        from: &Position,
        limit: usize,
    ) -> Result<Vec<Part>, AwsError> {
        let sources = search.sources.iter();
        let parts = sources.flat_map(|source| {
            (0..SHARDS).map(move |shard| unwell_partition(state, source, shard))
        });
        let enough = limit.clamp(1, MAX_ENOUGH);
        let reads = parts.map(|part| self.listed_part(part, search, from, enough));
        side_by_side(reads.collect()).await
    }

    /// The entries of one part of the index: `enough` of them, and then to the end of a millisecond, or all.
    async fn listed_part(
        &self,
        part: String,
        search: &EventSearch,
        from: &Position,
        enough: usize,
    ) -> Result<Part, AwsError> {
        let Some(first) = search.first_after(from) else {
            return Ok(Part::default());
        };
        let (since, until) = match search.order {
            Order::Newest => (search.since_ms, first),
            Order::Oldest => (first, search.until_ms),
        };
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk AND gsk BETWEEN :since AND :until")
            .expression_attribute_values(":gpk", s(part))
            .expression_attribute_values(":since", index_time(since))
            .expression_attribute_values(":until", index_time(until))
            .scan_index_forward(search.order == Order::Oldest)
            .limit(i32::try_from(enough).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let mut read = Part::default();
        while let Some(page) = pages.next().await {
            let page = page.or_failed("search the index")?;
            let items = page.items.unwrap_or_default();
            read.entries.extend(items.iter().filter_map(entry));
            // An empty page may be followed by others; the last one names no key.
            if page.last_evaluated_key.is_some() && has(&read, enough) {
                let last = read.entries.last();
                read.read_to = last.map(|last| last.position.received_ms);
                break;
            }
        }
        Ok(read)
    }
}

/// Answers whether there are so many, and all of the first millisecond among them.
fn has(read: &Part, enough: usize) -> bool {
    let ends = read.entries.first().zip(read.entries.last());
    let whole =
        ends.is_some_and(|(first, last)| first.position.received_ms != last.position.received_ms);
    read.entries.len() >= enough && whole
}

fn entry(item: &Attributes) -> Option<SearchEntry> {
    Some(SearchEntry {
        position: Position {
            received_ms: text(item, INDEX_SK)?.parse().ok()?,
            key: text(item, PK)?.to_owned(),
        },
        forgotten: None,
        place: None,
    })
}
