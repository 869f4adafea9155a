//! A search for events: in the order of their receipt, from a position that an earlier round named. Exact at every
//! position: no event comes twice, and none is passed over.
//!
//! The index and the archive are in parts. A round reads the next entries of some parts and merges them as far as every
//! part was read. Events of a state that has an index are found there, in a part for each source and shard; all others in
//! the archive, in a part for each shard of a source's day. Days and shards without events are not read.

use std::cmp::Ordering;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use hookgate_api::{EventState, EventSummary, Order};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::AwsError;
use crate::event::EventFilter;
use crate::event::list::summary;
use crate::table::event_item::ARCHIVED;
use crate::table::{Attributes, DynamoTable, day, text, time};

/// The maximum number of events that a round asks the ledger for.
const ROUND: usize = 1000;

/// The number of items that DynamoDB reads in one batch.
const BATCH: usize = 100;

/// The maximum number of calls at the same time.
pub(crate) const SIDE_BY_SIDE: usize = 8;

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
        let Some(first_ms) = search.first_after(&from) else {
            return Ok(Round::default());
        };
        let (parts, following) = match search.listed_state() {
            Some(state) => (self.listed_parts(search, state, &from, limit).await?, None),
            None => match self.day_of_archive(search, first_ms).await? {
                Some(archive) => (
                    self.archive_parts(search, &archive, &from, limit).await?,
                    search.following(&archive.day),
                ),
                None => return Ok(Round::default()),
            },
        };
        let merged = search.merged(parts, &from);
        let entries = &merged.entries[..merged.round()];
        let mut events = self.found(search, entries, limit).await?;
        let next = if events.len() > limit {
            events.truncate(limit);
            events.last().map(|(position, _)| position.clone())
        } else if merged.entries.len() > entries.len() {
            entries.last().map(|entry| entry.position.clone())
        } else {
            merged.next.or(following)
        };
        Ok(Round {
            events: events.into_iter().map(|(_, event)| event).collect(),
            next: next.filter(|next| search.first_after(next).is_some()),
        })
    }

    /// Those of the entries that are meant, as they are now, each with its position: all of them, or more than `limit`.
    async fn found(
        &self,
        search: &EventSearch,
        entries: &[SearchEntry],
        limit: usize,
    ) -> Result<Vec<(Position, EventSummary)>, AwsError> {
        let mut found = Vec::new();
        for entries in entries.chunks(BATCH) {
            let keys = entries.iter().map(|entry| entry.position.key.as_str());
            let items = self.ledger_items(keys).await?;
            for entry in entries {
                let item = items.get(&entry.position.key);
                let known = item.and_then(summary);
                let event = known.or_else(|| entry.forgotten.clone());
                let meant = event.filter(|event| entry.counts(item) && search.admits(event));
                // An event that was archived twice has two entries at one position.
                let is_new = found.last().is_none_or(|(last, _)| *last != entry.position);
                found.extend(
                    meant
                        .filter(|_| is_new)
                        .map(|event| (entry.position.clone(), event)),
                );
            }
            if found.len() > limit {
                break;
            }
        }
        Ok(found)
    }
}

/// Reads parts, some of them at the same time.
pub(crate) async fn side_by_side<F: Future<Output = Result<Part, AwsError>>>(
    reads: Vec<F>,
) -> Result<Vec<Part>, AwsError> {
    stream::iter(reads)
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await
}

impl Merged {
    /// The number of entries that a round looks at: all entries of a position, or none of them.
    fn round(&self) -> usize {
        let mut round = self.entries.len().min(ROUND);
        while round > 0
            && let [last, next, ..] = &self.entries[round - 1..]
            && last.position == next.position
        {
            round += 1;
        }
        round
    }
}

/// True for a state whose events are in an index of their own.
fn is_listed(state: EventState) -> bool {
    matches!(
        state,
        EventState::Waiting | EventState::Dead | EventState::Unhandled
    )
}

/// An event that may be meant.
#[derive(Clone, Debug)]
pub(crate) struct SearchEntry {
    pub(crate) position: Position,
    /// The event as it is shown if the ledger has forgotten it; `None` if only the ledger can tell.
    pub(crate) forgotten: Option<EventSummary>,
    /// Its place in the archive, where it was found there.
    pub(crate) place: Option<String>,
}

impl SearchEntry {
    /// True unless the event was archived elsewhere too, and the ledger knows that other place.
    fn counts(&self, item: Option<&Attributes>) -> bool {
        let noted = item.and_then(|item| text(item, ARCHIVED));
        let place = self.place.as_deref();
        noted.is_none_or(|noted| place.is_none_or(|place| place == noted))
    }
}

/// The entries that were read of one part, in the search's order.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) entries: Vec<SearchEntry>,
    /// The last millisecond, in the search's order, that may have more entries; `None` if the part was read to its end.
    pub(crate) read_to: Option<u64>,
}

/// The entries of all parts, in order, as far as every part was read.
struct Merged {
    entries: Vec<SearchEntry>,
    /// The position after them; `None` if all parts were read to their end.
    next: Option<Position>,
}

impl EventSearch {
    /// The state whose events have an index of their own, if only those are meant.
    pub(crate) fn listed_state(&self) -> Option<EventState> {
        self.filter.state.filter(|state| is_listed(*state))
    }

    /// Answers whether every event of the sources and the time is meant.
    pub(crate) fn is_open(&self) -> bool {
        self.filter.is_open() && self.tenant.is_none() && self.event_id.is_none()
    }

    /// Answers whether an event of the sources and the time is meant.
    pub(crate) fn admits(&self, event: &EventSummary) -> bool {
        self.filter.admits(event) && self.admits_described(event)
    }

    /// Answers whether an event of the sources and the time is meant, in whatever state it is.
    pub(crate) fn admits_described(&self, event: &EventSummary) -> bool {
        let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        self.filter.admits_type(event)
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

    /// The first millisecond that has events after a position; `None` after the last.
    pub(crate) fn first_after(&self, position: &Position) -> Option<u64> {
        let first = match self.order {
            Order::Newest if position.key.is_empty() => position.received_ms.checked_sub(1)?,
            Order::Newest | Order::Oldest => position.received_ms,
        };
        let first = match self.order {
            Order::Newest => first.min(self.until_ms),
            Order::Oldest => first.max(self.since_ms),
        };
        (self.since_ms..=self.until_ms)
            .contains(&first)
            .then_some(first)
    }

    /// The position at the border of the next day, after all of this one.
    fn following(&self, day: &str) -> Option<Position> {
        let day: Date = day.parse().ok()?;
        let border_day = match self.order {
            Order::Newest => day,
            Order::Oldest => day.tomorrow().ok()?,
        };
        let start = border_day.to_zoned(TimeZone::UTC).ok()?;
        Some(border(
            u64::try_from(start.timestamp().as_millisecond()).ok()?,
        ))
    }

    /// The days within which events are meant, from a millisecond on.
    pub(crate) fn days_from(&self, first_ms: u64) -> (String, String) {
        let (since, until) = match self.order {
            Order::Newest => (self.since_ms, first_ms),
            Order::Oldest => (first_ms, self.until_ms),
        };
        (day(time(since)), day(time(until)))
    }

    /// True for a millisecond of which a part has no more entries, if it was read to another.
    pub(crate) fn is_whole(&self, ms: u64, read_to: u64) -> bool {
        match self.order {
            Order::Newest => ms > read_to,
            Order::Oldest => ms < read_to,
        }
    }

    /// True for a position after another.
    pub(crate) fn is_after(&self, position: &Position, from: &Position) -> bool {
        self.compare(from, position) == Ordering::Less
    }

    /// True for a millisecond within the time that is meant.
    pub(crate) fn has_time(&self, ms: u64) -> bool {
        (self.since_ms..=self.until_ms).contains(&ms)
    }

    fn merged(&self, parts: Vec<Part>, from: &Position) -> Merged {
        let ends = parts.iter().filter_map(|part| part.read_to);
        let horizon = match self.order {
            Order::Newest => ends.max(),
            Order::Oldest => ends.min(),
        };
        let is_whole = |ms: u64| horizon.is_none_or(|horizon| self.is_whole(ms, horizon));
        let entries = parts.into_iter().flat_map(|part| part.entries);
        let mut entries: Vec<SearchEntry> = entries
            .filter(|entry| {
                is_whole(entry.position.received_ms) && self.is_after(&entry.position, from)
            })
            .collect();
        entries.sort_by(|a, b| self.compare(&a.position, &b.position));
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
