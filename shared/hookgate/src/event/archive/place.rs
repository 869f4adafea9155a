//! Places in the archive: where events of one batch are written together.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::table::{day, time};
use crate::{Body, Event, unix_ms};

/// The time within which events of one place were received.
pub(crate) const SPAN_MS: u64 = 1000;

/// The number of digits of a time.
const TIME_DIGITS: usize = 13;

/// The number of characters of a sort key: a time, a sign, and twelve digits of chance.
const SORT_KEY: usize = TIME_DIGITS + 13;

/// Bytes of bodies that are written together: no more than this is read for one event.
const MAX_BODIES: u64 = 1024 * 1024;

/// A place in the archive of a source, as the ledger notes it: the shard, and the sort key of the first item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupPlace {
    pub(crate) shard: u8,
    pub(crate) sort_key: String,
}

/// A place in the archive, with its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArchivePlace {
    /// The source.
    pub source: String,
    /// The place.
    pub place: String,
}

impl GroupPlace {
    /// Reads a place that was printed earlier; `None` if the text cannot be one.
    pub(crate) fn parse(text: &str) -> Option<GroupPlace> {
        let (shard, sort_key) = text.split_once('-')?;
        is_sort_key(sort_key).then_some(GroupPlace {
            shard: shard.parse().ok()?,
            sort_key: sort_key.to_owned(),
        })
    }

    /// The partition of the table that has it.
    pub(crate) fn partition(&self, source: &str) -> String {
        let ms = self.sort_key[..TIME_DIGITS].parse().unwrap_or_default();
        partition(source, &day(time(ms)), self.shard)
    }
}

impl fmt::Display for GroupPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.shard, self.sort_key)
    }
}

/// True for a text that is the sort key of a first item.
pub(crate) fn is_sort_key(text: &str) -> bool {
    let is_digit = |(index, byte): (usize, u8)| match index {
        TIME_DIGITS => byte == b'-',
        0..TIME_DIGITS => byte.is_ascii_digit(),
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == SORT_KEY && text.bytes().enumerate().all(is_digit)
}

/// The time of a sort key, in milliseconds since 1970: no later than any event of its place.
pub(crate) fn time_of(sort_key: &str) -> Option<u64> {
    sort_key.get(..TIME_DIGITS)?.parse().ok()
}

/// The partition of a source's day and shard.
pub(crate) fn partition(source: &str, day: &str, shard: u8) -> String {
    format!("archive#{source}#{day}#{shard}")
}

/// A sort key before all places of this millisecond.
pub(crate) fn before(ms: u64) -> String {
    format!("{ms:0TIME_DIGITS$}")
}

/// A sort key after all places of this millisecond.
pub(crate) fn after(ms: u64) -> String {
    format!("{ms:0TIME_DIGITS$}-~")
}

/// The places of a batch's events: one for those of a source that were received within a second of one day.
pub(crate) fn places(events: &[&Event], shard: u8) -> Vec<GroupPlace> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_key(|index| (&events[*index].source, events[*index].received));
    let mut planned = vec![None; events.len()];
    let mut open: Option<Open<'_>> = None;
    for index in order {
        let event = events[index];
        let next = match open.take().filter(|open| open.takes(event)) {
            Some(open) => open,
            None => Open::at(event, shard),
        };
        let next = Open {
            bytes: next.bytes + inline_bytes(event),
            ..next
        };
        planned[index] = Some(next.place.clone());
        open = Some(next);
    }
    planned.into_iter().flatten().collect()
}

/// A place that may take more events.
struct Open<'a> {
    source: &'a str,
    day: String,
    first: SystemTime,
    bytes: u64,
    place: GroupPlace,
}

impl<'a> Open<'a> {
    fn at(event: &'a Event, shard: u8) -> Open<'a> {
        let chance = fastrand::u64(..1 << 48);
        let ms = unix_ms(event.received);
        Open {
            source: &event.source,
            day: day(event.received),
            first: event.received,
            bytes: 0,
            place: GroupPlace {
                shard,
                sort_key: format!("{ms:0TIME_DIGITS$}-{chance:012x}"),
            },
        }
    }

    fn takes(&self, event: &Event) -> bool {
        let end = self.first + Duration::from_millis(SPAN_MS);
        self.source == event.source
            && self.day == day(event.received)
            && event.received < end
            && self.bytes + inline_bytes(event) <= MAX_BODIES
    }
}

/// The bytes that an event adds to its place.
fn inline_bytes(event: &Event) -> u64 {
    match &event.body {
        Body::Inline(body) => body.len() as u64,
        Body::Stored(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::EventKey;

    fn event(source: &str, ms: u64, bytes: usize) -> Event {
        Event {
            key: EventKey::new(None, source, &ms.to_string()),
            source: source.into(),
            tenant: None,
            id: None,
            event_type: None,
            received: UNIX_EPOCH + Duration::from_millis(ms),
            headers: Vec::new(),
            trace: None,
            body: Body::Inline(vec![0; bytes].into()),
        }
    }

    fn planned(events: &[Event]) -> Vec<GroupPlace> {
        places(&events.iter().collect::<Vec<_>>(), 7)
    }

    #[test]
    fn events_of_a_source_and_a_second_have_one_place() {
        let start = 1_760_000_000_000;
        let places = planned(&[
            event("a", start + 999, 1),
            event("b", start, 1),
            event("a", start, 1),
            event("a", start + 1000, 1),
        ]);
        assert_eq!(places[0], places[2]);
        assert_eq!(time_of(&places[0].sort_key), Some(start));
        assert_ne!(places[0], places[1], "another source");
        assert_ne!(places[0], places[3], "a second later");
        let large = [event("a", 1, 600_000), event("a", 2, 600_000)];
        let large = planned(&large);
        assert_ne!(large[0], large[1], "together they are too large");
    }

    #[test]
    fn no_place_has_events_of_two_days() {
        let midnight = 1_760_054_400_000;
        let places = planned(&[event("a", midnight - 1, 1), event("a", midnight, 1)]);
        assert_ne!(places[0], places[1]);
        assert!(places[1].partition("a").ends_with("#2025-10-10#7"));
    }

    #[test]
    fn a_printed_place_reads_back_and_other_text_does_not() {
        let place = planned(&[event("a", 1_760_000_000_000, 1)]).remove(0);
        assert_eq!(GroupPlace::parse(&place.to_string()), Some(place));
        for text in ["", "7-", "7-1760000000000", "x-1760000000000-0123456789ab"] {
            assert_eq!(GroupPlace::parse(text), None, "{text}");
        }
    }
}
