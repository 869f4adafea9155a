//! The parts of the archive that a search reads: a day's shards, each from a position on.

use hookgate_api::Order;

use crate::error::OrFailed;
use crate::event::archive::{
    DayPart, Group, GroupPlace, SPAN_MS, after, before, partition, take_whole, time_of,
};
use crate::event::list::forgotten;
use crate::event::search::{EventSearch, Part, Position, SearchEntry, side_by_side};
use crate::table::{Attributes, DynamoTable, SK, day, text, time};
use crate::{AwsError, unix_ms};

/// The number of places that a round reads of all parts together, at first.
const PLACES: usize = 256;

/// The fewest and the most places that are read of a part at first.
const MIN_PLACES: usize = 4;
const MAX_PLACES: usize = 50;

/// The shards that have events of a search on one day, each with its source.
pub(crate) struct DayOfArchive {
    pub(crate) day: String,
    parts: Vec<(String, DayPart)>,
}

impl DynamoTable {
    /// The next day, from a millisecond on, that has events of any of the sources; `None` if none has.
    pub(crate) async fn day_of_archive(
        &self,
        search: &EventSearch,
        first_ms: u64,
    ) -> Result<Option<DayOfArchive>, AwsError> {
        let (since, until) = search.days_from(first_ms);
        let mut all = Vec::new();
        for source in &search.sources {
            let days = (since.as_str(), until.as_str());
            let parts = self.parts_of_next_day(source, days, search.order).await?;
            all.extend(parts.into_iter().map(|part| (source.clone(), part)));
        }
        let days = all.iter().map(|(_, part)| &part.day);
        let day = match search.order {
            Order::Newest => days.max(),
            Order::Oldest => days.min(),
        };
        let day = day.cloned();
        Ok(day.map(|day| {
            all.retain(|(_, part)| part.day == day);
            DayOfArchive { day, parts: all }
        }))
    }

    /// The next entries of a day's parts, after a position.
    pub(crate) async fn archive_parts(
        &self,
        search: &EventSearch,
        archive: &DayOfArchive,
        from: &Position,
        limit: usize,
    ) -> Result<Vec<Part>, AwsError> {
        let most = match search.is_open() {
            true => limit.clamp(MIN_PLACES, MAX_PLACES),
            false => MAX_PLACES,
        };
        let share = PLACES / archive.parts.len().max(1);
        let places = share.clamp(MIN_PLACES, most);
        let parts = archive.parts.iter();
        let reads = parts.map(|(source, part)| {
            let reading = PartReading {
                search,
                source,
                from,
            };
            self.archive_part(reading, part, places)
        });
        side_by_side(reads.collect()).await
    }

    /// The next entries of one part: so many places, and then until some of what was read is whole.
    async fn archive_part(
        &self,
        reading: PartReading<'_>,
        part: &DayPart,
        places: usize,
    ) -> Result<Part, AwsError> {
        let PartReading { search, source, .. } = reading;
        let Some((since, until)) = reading.bounds() else {
            return Ok(Part::default());
        };
        let partition = partition(source, &part.day, part.shard);
        let mut pages = self
            .archive_between(partition, (before(since), after(until)))
            .scan_index_forward(search.order == Order::Oldest)
            .limit(i32::try_from(places).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let (mut items, mut read) = (Vec::new(), Part::default());
        // The first event after the position, in the search's order.
        let mut first: Option<u64> = None;
        while let Some(page) = pages.next().await {
            let page = page.or_failed("search the archive")?;
            items.extend(page.items.unwrap_or_default());
            let read_to = page
                .last_evaluated_key
                .as_ref()
                .and_then(|key| reading.read_to(key, &part.day));
            for group in take_whole(source, &mut items) {
                let times = reading.entries(group, part.shard, &mut read.entries);
                first = reading.earlier(first, times);
            }
            let is_some_whole =
                |read_to| first.is_some_and(|first| search.is_whole(first, read_to));
            if read_to.is_some_and(is_some_whole) {
                read.read_to = read_to;
                break;
            }
        }
        Ok(read)
    }
}

/// A search's way through a source's part.
#[derive(Clone, Copy)]
struct PartReading<'a> {
    search: &'a EventSearch,
    source: &'a str,
    from: &'a Position,
}

impl PartReading<'_> {
    /// The times within which places may have events that come next. A place may have events that were received up to
    /// a second after its own time.
    fn bounds(&self) -> Option<(u64, u64)> {
        let first = self.search.first_after(self.from)?;
        let (since, until) = match self.search.order {
            Order::Newest => (self.search.since_ms, first),
            Order::Oldest => (first, self.search.until_ms),
        };
        Some((since.saturating_sub(SPAN_MS - 1), until))
    }

    /// The last millisecond that may have more events, after a page that ended with this key.
    fn read_to(&self, key: &Attributes, of_day: &str) -> Option<u64> {
        let ms = time_of(text(key, SK)?)?;
        match self.search.order {
            Order::Newest => (ms..ms + SPAN_MS).rev().find(|ms| day(time(*ms)) == of_day),
            Order::Oldest => Some(ms),
        }
    }

    /// Adds those of a place's events that may be meant. The times of all that come after the position.
    fn entries(&self, group: Group, shard: u8, entries: &mut Vec<SearchEntry>) -> Vec<u64> {
        let mut times = Vec::new();
        let place = GroupPlace {
            shard,
            sort_key: group.sort_key,
        };
        for event in group.events {
            let position = Position {
                received_ms: unix_ms(event.received),
                key: event.key.to_string(),
            };
            let ms = position.received_ms;
            if !self.search.has_time(ms) || !self.search.is_after(&position, self.from) {
                continue;
            }
            times.push(ms);
            let event = forgotten(&event);
            if self.search.admits_described(&event) {
                entries.push(SearchEntry {
                    position,
                    forgotten: Some(event),
                    place: Some(place.to_string()),
                });
            }
        }
        times
    }

    /// The one of some times that comes first in the search's order.
    fn earlier(&self, first: Option<u64>, times: Vec<u64>) -> Option<u64> {
        let times = first.into_iter().chain(times);
        match self.search.order {
            Order::Newest => times.max(),
            Order::Oldest => times.min(),
        }
    }
}
