//! A replay: which events are handled again, how far it is, and how it is stored.

mod outcomes;
mod sending;
mod store;

pub use hookgate_api::ReplayState;
pub use sending::{MAX_FAILURES, Sent, send_again, send_all_again};

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::event::ArchivePlace;
use crate::event::archive::is_sort_key;
use crate::event::view::EventFilter;
use crate::{EventKey, unix_ms};

/// The response to saving a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is saved.
    Yes,
    /// Another saved it since it was read.
    Overtaken,
}

/// The name of a replay: the time it was requested, and chance, both in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReplayId(String);

impl ReplayId {
    /// An id for a replay that is requested `now`.
    pub fn new(now: SystemTime, chance: u32) -> ReplayId {
        ReplayId(format!("{:011x}-{chance:08x}", unix_ms(now)))
    }

    /// Reads an id that was printed earlier; `None` if the text cannot be one.
    pub fn parse(text: &str) -> Option<ReplayId> {
        let (time, chance) = text.split_once('-')?;
        let is_hex = |part: &str, digits| {
            part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_hex(time, 11) && is_hex(chance, 8)).then(|| ReplayId(text.to_owned()))
    }

    /// The time at which the replay was requested, in milliseconds since 1970.
    pub fn asked_ms(&self) -> u64 {
        let time = self.0.split_once('-').map(|(time, _)| time);
        let ms = time.and_then(|time| u64::from_str_radix(time, 16).ok());
        ms.unwrap_or_default()
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An operator's order to process events again, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Its name.
    pub id: ReplayId,
    /// The reason, in the operator's words.
    pub reason: String,
    /// The events to replay.
    pub of: Replayed,
    /// The maximum number of events per second.
    pub rate_per_s: u32,
    /// The time at which it was requested, in milliseconds since 1970.
    pub asked_ms: u64,
    /// The time at which it was done or cancelled, in milliseconds since 1970.
    pub ended_ms: Option<u64>,
    /// Its state.
    pub state: ReplayState,
    /// Its progress.
    pub progress: Progress,
    /// The number of times that it was saved; the store counts them.
    #[serde(skip)]
    pub version: u64,
}

/// The events of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replayed {
    /// These.
    Keys(Vec<String>),
    /// Those of a source and a time.
    Range(EventRange),
}

/// Events of a source that arrived within a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRange {
    /// The source.
    pub source: String,
    /// The filter over its events.
    #[serde(flatten)]
    pub filter: EventFilter,
    /// Received then or later, in milliseconds since 1970.
    pub since_ms: u64,
    /// Received then or earlier, in milliseconds since 1970.
    pub until_ms: u64,
}

/// The progress of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Events that were found so far.
    pub found: u64,
    /// Messages that the queue took.
    pub sent: u64,
    /// Events whose payload is gone.
    pub skipped: u64,
    /// Events that could not be sent, however often it was tried.
    pub failed: u64,
    /// Some of the events that could not be sent.
    pub failed_keys: Vec<String>,
    /// The last error of sending.
    pub error: Option<String>,
    /// Events that are to be sent next, each with its epoch: what is sent again after a crash
    /// carries the same epoch as before, and is known to the ledger.
    pub pending: Vec<Pending>,
    /// The parts of the archive that are being read, and how far.
    #[serde(default)]
    pub open: Vec<Cursor>,
    /// The place from which on no part was opened; `None` at the start.
    pub next: Option<Cursor>,
    /// True if there is nothing more to look for.
    pub exhausted: bool,
}

/// An event that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its key.
    pub key: String,
    /// The epoch that its message carries.
    pub epoch: u32,
    /// The number of times that sending it failed.
    #[serde(default)]
    pub failures: u32,
    /// Its place in the archive, where a range named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<ArchivePlace>,
}

/// A position in a range: everything before it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The day, `yyyy-mm-dd`.
    pub day: String,
    /// The shard of the day's archive.
    pub shard: u8,
    /// The last event that was looked at there: the sort key of its place and its key; `None` at the shard's start.
    pub after: Option<(String, String)>,
}

impl Cursor {
    /// Reads a cursor that was printed earlier; `None` where the text cannot be one.
    pub fn parse(text: &str) -> Option<Cursor> {
        let mut parts = text.splitn(4, '.');
        let (day, shard) = (parts.next()?, parts.next()?);
        let after = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(place), Some(key)) => Some((
                is_sort_key(place).then(|| place.to_owned())?,
                EventKey::parse(key)?.to_string(),
            )),
            (Some(_), None) => return None,
        };
        Some(Cursor {
            day: day.parse::<jiff::civil::Date>().ok()?.to_string(),
            shard: shard.parse().ok()?,
            after,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.day, self.shard)?;
        match &self.after {
            Some((place, key)) => write!(f, ".{place}.{key}"),
            None => Ok(()),
        }
    }
}

/// An event of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEvent {
    /// Its key.
    pub key: EventKey,
    /// The epoch that it was last handled at.
    pub epoch: u32,
    /// Its place in the archive.
    pub place: ArchivePlace,
}

/// Some events of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The events.
    pub events: Vec<FoundEvent>,
    /// The beginning of the next page; `None` after the last.
    pub next: Option<Cursor>,
}

/// The parts of the archive with a day's events of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenParts {
    /// The place in each where reading begins.
    pub parts: Vec<Cursor>,
    /// The place where the next days begin.
    pub rest: Cursor,
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_printed_cursor_reads_back_and_other_text_does_not() {
        let key = EventKey::new(None, "pakk", "id:1").to_string();
        for after in [None, Some(("1760000000123-0123456789ab".to_owned(), key))] {
            let cursor = Cursor {
                day: "2028-02-29".into(),
                shard: 3,
                after,
            };
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
        for text in [
            "",
            "2028-02-29",
            "2028-02-30.1",
            "2028-02-29.1.2",
            "2028-02-29.1.2.k",
            "2028-02-29.1.1760000000123-0123456789ab.k",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_printed_id_reads_back_and_other_text_does_not() {
        let id = ReplayId::new(UNIX_EPOCH + Duration::from_millis(1_760_000_000_123), 7);
        assert_eq!(id.as_str(), "199c82cc07b-00000007");
        assert_eq!(ReplayId::parse(id.as_str()), Some(id));
        for text in [
            "",
            "-",
            "199c82cc07b",
            "199c82cc07b-0000000G",
            "199C82CC07B-00000007",
        ] {
            assert_eq!(ReplayId::parse(text), None, "{text}");
        }
    }
}
