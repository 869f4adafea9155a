//! A range of events, page by page, through the archive: day by day, shard by shard.

use hookgate_api::{EventSummary, Order};

use crate::error::OrFailed;
use crate::event::archive::{
    ArchivePlace, DayPart, Group, GroupPlace, SPAN_MS, after, before, partition, take_whole,
};
use crate::event::list::{forgotten, summary};
use crate::replay::{Cursor, EventRange, FoundEvent, OpenParts, Page};
use crate::table::event_item::{ARCHIVED, RECEIVED};
use crate::table::{Attributes, DynamoTable, day, number, text, time};
use crate::{AwsError, Event, EventKey, unix_ms};

/// The maximum number of events per page: what DynamoDB allows in one batch.
const MAX_PAGE: u32 = 100;

/// Events that are usually in one place.
const PER_PLACE: u32 = 10;

/// An event of a range, its place in the archive, and what the ledger has of it.
pub(crate) struct RangeEvent {
    pub(crate) event: Event,
    pub(crate) place: String,
    pub(crate) item: Option<Attributes>,
}

impl RangeEvent {
    fn summary(&self) -> EventSummary {
        let known = self.item.as_ref().and_then(summary);
        known.unwrap_or_else(|| forgotten(&self.event))
    }

    /// True for the one copy that counts of an event that was archived twice, once the ledger knows which. One that
    /// was forgotten and came in again has another time: then both count.
    fn counts(&self) -> bool {
        let Some(item) = &self.item else { return true };
        let noted = text(item, ARCHIVED);
        let is_other = number(item, RECEIVED) != Some(unix_ms(self.event.received));
        is_other || noted.is_none_or(|place| place == self.place)
    }
}

impl DynamoTable {
    /// The next events of a range, the oldest of a page first, from a cursor that an earlier
    /// page named. Looks at no more than `limit` events; some or all of them may not be of the range.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn page(
        &self,
        range: &EventRange,
        from: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page, AwsError> {
        let (events, next) = self.range_events(range, from, limit).await?;
        Ok(Page {
            events: found(range, &events),
            next,
        })
    }

    /// The parts of the archive with a range's events of its next day, from a position that earlier ones named; `None`
    /// after the last day. Parts can be read side by side.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_parts(
        &self,
        range: &EventRange,
        from: Option<&Cursor>,
    ) -> Result<Option<OpenParts>, AwsError> {
        let (since, until) = (day(time(range.since_ms)), day(time(range.until_ms)));
        let since = from.map_or(since, |from| part_of(from).sort_key());
        if from.is_some_and(|from| from.day > until) {
            return Ok(None);
        }
        let bounds = (since.as_str(), until.as_str());
        let parts = self
            .parts_of_next_day(&range.source, bounds, Order::Oldest)
            .await?;
        let Some(first) = parts.first() else {
            return Ok(None);
        };
        let rest = day_after(&first.day);
        let parts = parts
            .into_iter()
            .map(|part| match from.filter(|from| part_of(from) == part) {
                Some(from) => from.clone(),
                None => start(part),
            });
        Ok(Some(OpenParts {
            parts: parts.collect(),
            rest: start(rest),
        }))
    }

    /// The next events of one part of the archive; `next` is within the part. Looks at no more than `limit` events.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn part_page(
        &self,
        range: &EventRange,
        at: &Cursor,
        limit: u32,
    ) -> Result<Page, AwsError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let (events, next) = self.part_events(range, at, limit).await?;
        Ok(Page {
            events: found(range, &events),
            next,
        })
    }

    /// The next events of a range, whatever its filter, each as the ledger has it now, and the cursor after them.
    pub(crate) async fn range_events(
        &self,
        range: &EventRange,
        from: Option<&Cursor>,
        limit: u32,
    ) -> Result<(Vec<RangeEvent>, Option<Cursor>), AwsError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let first = DayPart {
            day: day(time(range.since_ms)),
            shard: 0,
        };
        let from = match from {
            Some(cursor) => Some(cursor.clone()),
            None => self.start_of(range, &first).await?,
        };
        let Some(from) = from else {
            return Ok((Vec::new(), None));
        };
        let (events, next) = self.part_events(range, &from, limit).await?;
        let next = match next {
            Some(next) => Some(next),
            None => self.start_of(range, &following(&from)).await?,
        };
        Ok((events, next))
    }

    /// The next events of one part of the archive, each as the ledger has it now, and the cursor after them within
    /// the part.
    async fn part_events(
        &self,
        range: &EventRange,
        at: &Cursor,
        limit: u32,
    ) -> Result<(Vec<RangeEvent>, Option<Cursor>), AwsError> {
        let (archived, after) = self.read_part(range, at, limit).await?;
        let next = after.map(|after| Cursor {
            after: Some(after),
            ..at.clone()
        });
        let keys = archived.iter().map(|(event, _)| event.key.as_str());
        let items = self.ledger_items(keys).await?;
        let events = archived.into_iter().map(|(event, place)| RangeEvent {
            item: items.get(event.key.as_str()).cloned(),
            place: place.to_string(),
            event,
        });
        Ok((events.filter(RangeEvent::counts).collect(), next))
    }

    /// The start of the first part, from one on, that has events; `None` after the range's last day.
    async fn start_of(
        &self,
        range: &EventRange,
        part: &DayPart,
    ) -> Result<Option<Cursor>, AwsError> {
        let last = day(time(range.until_ms));
        if part.day > last {
            return Ok(None);
        }
        let part = self.next_part(&range.source, part, &last).await?;
        Ok(part.map(start))
    }

    /// The next events of one part of the archive, and the position after them where there may be more.
    async fn read_part(
        &self,
        range: &EventRange,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<(Vec<(Event, GroupPlace)>, Option<(String, String)>), AwsError> {
        let since = match &cursor.after {
            Some((sort_key, _)) => sort_key.clone(),
            None => before(range.since_ms.saturating_sub(SPAN_MS - 1)),
        };
        let partition = partition(&range.source, &cursor.day, cursor.shard);
        let places = i32::try_from(limit.div_ceil(PER_PLACE) + 1).unwrap_or(i32::MAX);
        let mut pages = self
            .archive_between(partition, (since, after(range.until_ms)))
            .limit(places)
            .into_paginator()
            .send();
        let (mut items, mut looked_at) = (Vec::new(), Vec::new());
        let mut is_last = true;
        while let Some(page) = pages.next().await {
            let page = page.or_failed("read the range")?;
            items.extend(page.items.unwrap_or_default());
            is_last = page.last_evaluated_key.is_none();
            for group in take_whole(&range.source, &mut items) {
                looked_at.extend(events_after(group, cursor));
            }
            if !looked_at.is_empty() {
                break;
            }
        }
        let limit = limit as usize;
        let is_cut = looked_at.len() > limit;
        looked_at.truncate(limit);
        let last = looked_at.last().filter(|_| is_cut || !is_last);
        let after = last.map(|(event, place)| (place.sort_key.clone(), event.key.to_string()));
        let times = range.since_ms..=range.until_ms;
        looked_at.retain(|(event, _)| times.contains(&unix_ms(event.received)));
        looked_at.sort_by_key(|(event, _)| event.received);
        Ok((looked_at, after))
    }
}

/// The events of a place that come after a cursor.
fn events_after(group: Group, cursor: &Cursor) -> impl Iterator<Item = (Event, GroupPlace)> {
    let is_of_group = |(sort_key, _): &&(String, String)| *sort_key == group.sort_key;
    let after = cursor.after.as_ref().filter(is_of_group);
    let seen = after.and_then(|(_, key)| {
        let mut events = group.events.iter();
        events.position(|event| event.key.as_str() == key)
    });
    let place = GroupPlace {
        shard: cursor.shard,
        sort_key: group.sort_key,
    };
    let events = group
        .events
        .into_iter()
        .skip(seen.map_or(0, |seen| seen + 1));
    events.map(move |event| (event, place.clone()))
}

/// The part after a cursor's, whether it has events or not.
fn following(cursor: &Cursor) -> DayPart {
    match cursor.shard.checked_add(1) {
        Some(shard) => DayPart {
            day: cursor.day.clone(),
            shard,
        },
        None => day_after(&cursor.day),
    }
}

/// The first part of the next day.
fn day_after(day: &str) -> DayPart {
    let date = day.parse::<jiff::civil::Date>();
    let next = date.and_then(jiff::civil::Date::tomorrow);
    DayPart {
        day: next.unwrap_or(jiff::civil::Date::MAX).to_string(),
        shard: 0,
    }
}

fn part_of(cursor: &Cursor) -> DayPart {
    DayPart {
        day: cursor.day.clone(),
        shard: cursor.shard,
    }
}

fn start(part: DayPart) -> Cursor {
    Cursor {
        day: part.day,
        shard: part.shard,
        after: None,
    }
}

/// Those of a range's events that its filter admits.
fn found(range: &EventRange, events: &[RangeEvent]) -> Vec<FoundEvent> {
    let found = events.iter().filter_map(|event| {
        let summary = event.summary();
        let key = EventKey::parse(&summary.key)?;
        range.filter.admits(&summary).then(|| FoundEvent {
            key,
            epoch: summary.epoch,
            place: ArchivePlace {
                source: range.source.clone(),
                place: event.place.clone(),
            },
        })
    });
    found.collect()
}
