//! The events of the table: one after the other over thirty days, ten of a source in each batch.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::{Body, Event, EventKey};

/// The events of a batch, all of one source.
pub(super) const BATCH: usize = 10;

/// The time over which the events come in.
pub(super) const SPAN: Duration = Duration::from_secs(30 * 24 * 3600 - 7200);

/// The sources, each with the number of batches in a hundred.
pub(super) const SOURCES: [(&str, usize); 3] = [("stripe", 60), ("github", 30), ("shop", 10)];

/// The type and the tenant of the one event in the middle.
pub(super) const RARE: &str = "rare";

/// The state that an event ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Waiting,
    Dead,
    Unhandled,
}

impl End {
    pub(super) const ALL: [End; 4] = [End::Done, End::Waiting, End::Dead, End::Unhandled];

    /// One event in a thousand waits, one is dead, and one has no target.
    pub(super) fn of(number: usize) -> End {
        match number % 1000 {
            123 => End::Waiting,
            456 => End::Dead,
            789 => End::Unhandled,
            _ => End::Done,
        }
    }
}

/// So many events from a time on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) events: usize,
    pub(super) start: SystemTime,
}

impl Load {
    pub(super) fn received(&self, number: usize) -> SystemTime {
        let batch = number / BATCH;
        let share = batch as f64 / self.events.div_ceil(BATCH) as f64;
        let within = Duration::from_millis(10 * (number % BATCH) as u64);
        // To the millisecond, as ingest notes it.
        let ms = SPAN.mul_f64(share).as_millis();
        self.start + Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)) + within
    }

    pub(super) fn event(&self, number: usize) -> Event {
        let source = source(number / BATCH);
        let is_rare = number == self.events / 2;
        let id = id(number);
        let tenant = match is_rare {
            true => RARE.to_owned(),
            false => format!("tenant-{}", number % 997),
        };
        let event_type = match is_rare {
            true => RARE.to_owned(),
            false => format!("order.{}", number % 19),
        };
        Event {
            key: EventKey::new(Some(&tenant), source, &format!("id:{id}")),
            source: source.to_owned(),
            tenant: Some(tenant),
            body: Body::Inline(Bytes::from(format!(
                r#"{{"id":"{id}","type":"{event_type}","amount":{number},"currency":"eur"}}"#
            ))),
            id: Some(id),
            event_type: Some(event_type),
            received: self.received(number),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            trace: None,
        }
    }
}

/// The provider's id of an event.
pub(super) fn id(number: usize) -> String {
    format!("evt_{number}")
}

/// The source of a batch.
pub(super) fn source(batch: usize) -> &'static str {
    let mut place = batch % 100;
    for (name, batches) in SOURCES {
        if place < batches {
            return name;
        }
        place -= batches;
    }
    SOURCES[0].0
}
