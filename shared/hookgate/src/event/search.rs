//! A search for events through the index of payloads: in the order of their receipt, from a position that an
//! earlier round named. Exact at every position: no event comes twice, and none is passed over.
//!
//! The index is in parts, one for each source, day and shard. A round reads the next entries of a day's parts side
//! by side and merges them as far as every part was read.

use std::cmp::Ordering;
use std::collections::HashMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use hookgate_api::{EventState, EventSummary, Order};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::AwsError;
use crate::error::OrFailed;
use crate::event::EventFilter;
use crate::event::list::summary;
use crate::event::range::time;
use crate::event::unwell::{is_listed, unwell_partition};
use crate::table::{
    Attributes, DynamoTable, INDEX, INDEX_SK, PAYLOAD_SHARDS, PK, SHARDS, day, index_time,
    partition_of, s, text,
};

/// The maximum number of events per round: what DynamoDB allows in one batch.
const ROUND: usize = 100;

/// The maximum number of parts of the index that are read at the same time.
const SIDE_BY_SIDE: usize = 8;

/// A selection of events that the processor has seen.
#[derive(Clone, Debug)]
pub struct EventSearch {
    /// Of these sources.
    pub sources: Vec<String>,
    /// Only these of them.
    pub filter: EventFilter,
    /// Only events of this tenant.
    pub tenant: Option<String>,
    /// Only events with this id from the provider.
    pub event_id: Option<String>,
    /// Received then or later, in milliseconds since 1970.
    pub since_ms: u64,
    /// Received then or earlier, in milliseconds since 1970.
    pub until_ms: u64,
    /// The order in which they come.
    pub order: Order,
}

/// A position between two events: all that come before it were looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// A time of receipt, in milliseconds since 1970.
    pub received_ms: u64,
    /// The key of the event that was looked at last; empty at the earlier border of the millisecond.
    pub key: String,
}

/// The result of a round.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// The events that were found. There may be none, and more to come.
    pub events: Vec<EventSummary>,
    /// The position to go on from; `None` after the last event.
    pub next: Option<Position>,
}

impl DynamoTable {
    /// Looks for the next events, at most `limit`, in one day at a time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn search(
        &self,
        search: &EventSearch,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Round, AwsError> {
        let from = after.cloned().unwrap_or_else(|| search.start());
        let Some((day, first_ms)) = search.day_at(&from) else {
            return Ok(Round::default());
        };
        let enough = if search.is_open() {
            limit.clamp(1, ROUND)
        } else {
            ROUND
        };
        let parts = search.parts(&day).into_iter();
        let parts = parts.map(|part| self.entries(part, search, first_ms, enough));
        let parts = stream::iter(parts).buffered(SIDE_BY_SIDE).try_collect();
        let merged = search.merged(parts.await?, &from);
        let entries = &merged.entries[..merged.entries.len().min(ROUND)];
        let mut events = self.found(search, entries).await?;
        let next = if events.len() > limit {
            events.truncate(limit);
            events.last().map(|(position, _)| position.clone())
        } else if merged.entries.len() > ROUND {
            entries.last().cloned()
        } else {
            merged.next.or_else(|| search.following(first_ms))
        };
        Ok(Round {
            events: events.into_iter().map(|(_, event)| event).collect(),
            next: next.filter(|next| search.day_at(next).is_some()),
        })
    }

    /// The entries of one part of the index from a time on: `enough` of them, and then to the end of a
    /// millisecond, or all.
    async fn entries(
        &self,
        part: String,
        search: &EventSearch,
        first_ms: u64,
        enough: usize,
    ) -> Result<Part, AwsError> {
        let (since, until) = match search.order {
            Order::Newest => (search.since_ms, first_ms),
            Order::Oldest => (first_ms, search.until_ms),
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
            read.entries
                .extend(page.items.unwrap_or_default().iter().filter_map(entry));
            // An empty page may be followed by others; the last one names no key.
            if page.last_evaluated_key.is_some() && read.has(enough) {
                read.read_to = read.entries.last().map(|last| last.received_ms);
                break;
            }
        }
        Ok(read)
    }

    /// Those of the entries that are meant, as they are now, each with its position.
    async fn found(
        &self,
        search: &EventSearch,
        entries: &[Position],
    ) -> Result<Vec<(Position, EventSummary)>, AwsError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        let items = self.ledger_items(&keys).await?;
        let mut summaries: HashMap<String, EventSummary> = items
            .iter()
            .filter_map(summary)
            .map(|event| (event.key.clone(), event))
            .collect();
        let found = entries
            .iter()
            .filter_map(|entry| Some((entry.clone(), summaries.remove(&entry.key)?)));
        Ok(found.filter(|(_, event)| search.admits(event)).collect())
    }
}

/// The entries that were read of one part of the index, in the search's order.
#[derive(Debug, Default)]
struct Part {
    entries: Vec<Position>,
    /// The millisecond that may have more entries; `None` if the part was read to its end.
    read_to: Option<u64>,
}

impl Part {
    /// Answers whether there are so many, and all of the first millisecond among them.
    fn has(&self, enough: usize) -> bool {
        let ends = self.entries.first().zip(self.entries.last());
        self.entries.len() >= enough
            && ends.is_some_and(|(first, last)| first.received_ms != last.received_ms)
    }
}

/// The entries of all parts, in order, as far as every part was read.
struct Merged {
    entries: Vec<Position>,
    /// The position after them; `None` if all parts were read to their end.
    next: Option<Position>,
}

impl EventSearch {
    /// The state whose events have an index of their own, if only those are meant.
    fn listed_state(&self) -> Option<EventState> {
        self.filter.state.filter(|state| is_listed(*state))
    }

    /// The parts of the index that a round reads.
    fn parts(&self, day: &str) -> Vec<String> {
        let sources = self.sources.iter();
        match self.listed_state() {
            Some(state) => sources
                .flat_map(|source| {
                    (0..SHARDS).map(move |shard| unwell_partition(state, source, shard))
                })
                .collect(),
            None => sources
                .flat_map(|source| {
                    (0..PAYLOAD_SHARDS).map(move |shard| partition_of(source, day, shard))
                })
                .collect(),
        }
    }

    /// Answers whether every event of the sources and the time is meant.
    fn is_open(&self) -> bool {
        self.filter.is_open() && self.tenant.is_none() && self.event_id.is_none()
    }

    /// Answers whether an event of the sources and the time is meant.
    pub(crate) fn admits(&self, event: &EventSummary) -> bool {
        let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        self.filter.admits(event)
            && same(&self.tenant, &event.tenant)
            && same(&self.event_id, &event.event_id)
    }

    /// The position before the first event.
    pub fn start(&self) -> Position {
        border(match self.order {
            Order::Newest => self.until_ms + 1,
            Order::Oldest => self.since_ms,
        })
    }

    /// The day that has the events after a position, and the first millisecond of theirs; `None` after the last.
    fn day_at(&self, position: &Position) -> Option<(String, u64)> {
        let first = match self.order {
            Order::Newest if position.key.is_empty() => position.received_ms.checked_sub(1)?,
            Order::Newest | Order::Oldest => position.received_ms,
        };
        let first = match self.order {
            Order::Newest => first.min(self.until_ms),
            Order::Oldest => first.max(self.since_ms),
        };
        (self.since_ms <= first && first <= self.until_ms).then(|| (day(time(first)), first))
    }

    /// The position at the border of the next day, after all of the day of this millisecond.
    fn following(&self, ms: u64) -> Option<Position> {
        if self.listed_state().is_some() {
            return None; // Its index has no days.
        }
        let day: Date = day(time(ms)).parse().ok()?;
        let border_day = match self.order {
            Order::Newest => day,
            Order::Oldest => day.tomorrow().ok()?,
        };
        let start = border_day.to_zoned(TimeZone::UTC).ok()?;
        Some(border(
            u64::try_from(start.timestamp().as_millisecond()).ok()?,
        ))
    }

    fn merged(&self, parts: Vec<Part>, from: &Position) -> Merged {
        let ends = parts.iter().filter_map(|part| part.read_to);
        let horizon = match self.order {
            Order::Newest => ends.max(),
            Order::Oldest => ends.min(),
        };
        let is_whole = |ms: u64| match self.order {
            Order::Newest => horizon.is_none_or(|horizon| ms > horizon),
            Order::Oldest => horizon.is_none_or(|horizon| ms < horizon),
        };
        let entries = parts.into_iter().flat_map(|part| part.entries);
        let mut entries: Vec<Position> = entries
            .filter(|entry| {
                is_whole(entry.received_ms) && self.compare(from, entry) == Ordering::Less
            })
            .collect();
        entries.sort_by(|a, b| self.compare(a, b));
        Merged {
            entries,
            next: horizon.map(|horizon| {
                border(match self.order {
                    Order::Newest => horizon + 1,
                    Order::Oldest => horizon,
                })
            }),
        }
    }

    fn compare(&self, a: &Position, b: &Position) -> Ordering {
        match self.order {
            Order::Newest => b.cmp(a),
            Order::Oldest => a.cmp(b),
        }
    }
}

/// The border before this millisecond.
fn border(received_ms: u64) -> Position {
    Position {
        received_ms,
        key: String::new(),
    }
}

fn entry(item: &Attributes) -> Option<Position> {
    Some(Position {
        received_ms: text(item, INDEX_SK)?.parse().ok()?,
        key: text(item, PK)?.to_owned(),
    })
}
