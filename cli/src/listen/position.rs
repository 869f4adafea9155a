//! A listener's position in a gateway's events, stored in a file from one run to the next.
//!
//! Events do not become visible in the order in which they came in: one may wait in the queue while a later one is
//! handled. So a time alone is not enough: the position includes the keys that were seen around it.

use std::collections::HashMap;
use std::env::var_os;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::feed::Listed;

/// Period before the horizon in which late events are still looked for.
pub(super) const LATE: SignedDuration = SignedDuration::from_mins(15);

/// The events up to a time, and which of them were seen.
#[derive(Debug)]
pub(super) struct Position {
    /// Earlier events are not looked for.
    floor: Timestamp,
    horizon: Timestamp,
    seen: HashMap<String, Timestamp>,
}

#[derive(Debug, Error)]
pub(super) enum PositionError {
    #[error("the position cannot be stored: set HOME or XDG_STATE_HOME, or pass --no-resume")]
    NoFolder,
    #[error("cannot read the position in {0}; repair or delete it, or pass --since")]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("cannot write the position to {0}; --no-resume works without one")]
    Unwritable(PathBuf, #[source] io::Error),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    floor: String,
    horizon: String,
    seen: HashMap<String, String>,
}

impl Position {
    /// The position before all events that came in at a time or later.
    pub(super) fn at(time: Timestamp) -> Position {
        Position {
            floor: time,
            horizon: time,
            seen: HashMap::new(),
        }
    }

    /// The position after a time, from which late events from before it are still looked for.
    pub(super) fn behind(time: Timestamp) -> Position {
        Position {
            horizon: time,
            ..Position::at(time - LATE)
        }
    }

    /// The time from which to look for events, so far behind the horizon.
    pub(super) fn look_from(&self, behind: SignedDuration) -> Timestamp {
        self.floor.max(self.horizon - behind)
    }

    pub(super) fn horizon(&self) -> Timestamp {
        self.horizon
    }

    pub(super) fn has_seen(&self, key: &str) -> bool {
        self.seen.contains_key(key)
    }

    /// Notes that an event needs no more to be done.
    pub(super) fn mark(&mut self, event: &Listed) {
        self.seen.insert(event.summary.key.clone(), event.received);
    }

    /// Moves on to a time, once everything that was known of before is marked.
    pub(super) fn advance(&mut self, to: Timestamp) {
        self.horizon = self.horizon.max(to);
        let newest = self.seen.values().max().copied();
        self.horizon = self.horizon.max(newest.unwrap_or(to));
        let oldest = self.look_from(LATE);
        self.seen.retain(|_, received| *received >= oldest);
    }

    /// Reads the position of an earlier run; `None` if there was none.
    pub(super) fn read(file: &Path) -> Result<Option<Position>, PositionError> {
        let unreadable = |error| PositionError::Unreadable(file.into(), error);
        match fs::read(file) {
            Ok(text) => parse(&text).map(Some).map_err(unreadable),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// Writes it, in one step: a reader finds the one before, or this one.
    pub(super) fn write(&self, file: &Path) -> Result<(), PositionError> {
        self.replace(file)
            .map_err(|error| PositionError::Unwritable(file.into(), error))
    }

    fn replace(&self, file: &Path) -> io::Result<()> {
        let seen = self.seen.iter();
        let stored = Stored {
            floor: self.floor.to_string(),
            horizon: self.horizon.to_string(),
            seen: seen
                .map(|(key, time)| (key.clone(), time.to_string()))
                .collect(),
        };
        let folder = file.parent().ok_or(ErrorKind::InvalidInput)?;
        fs::create_dir_all(folder)?;
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(&serde_json::to_vec(&stored)?)?;
        new.persist(file)?;
        Ok(())
    }
}

fn parse(text: &[u8]) -> io::Result<Position> {
    let stored: Stored = serde_json::from_slice(text)?;
    let time = |text: &str| text.parse::<Timestamp>().map_err(io::Error::other);
    let seen = stored.seen.into_iter();
    let seen = seen.map(|(key, at)| time(&at).map(|at| (key, at)));
    Ok(Position {
        floor: time(&stored.floor)?,
        horizon: time(&stored.horizon)?,
        seen: seen.collect::<io::Result<_>>()?,
    })
}

/// The file for a listener with this gateway, selection and target: each such has a position of its own.
pub(super) fn file(words: &[Option<&str>]) -> Result<PathBuf, PositionError> {
    let absolute = |name| {
        var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let state = state.ok_or(PositionError::NoFolder)?;
    let mut name = Sha256::new();
    for word in words {
        name.update(format!("{word:?}\n"));
    }
    let name = name.finalize();
    let name: String = name[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(state.join("hookgate/listen").join(format!("{name}.json")))
}

#[cfg(test)]
mod tests {
    use crate::listen::feed::tests::event;

    use super::*;

    fn time(text: &str) -> Timestamp {
        format!("2026-03-01T{text}Z").parse().unwrap()
    }

    #[test]
    fn a_position_comes_back_from_its_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b.json");
        assert!(Position::read(&file).unwrap().is_none());
        let mut position = Position::at(time("12:00:00"));
        position.mark(&event("late", time("12:01:00")));
        position.write(&file).unwrap();
        position.mark(&event("next", time("12:02:00")));
        position.write(&file).unwrap();
        let read = Position::read(&file).unwrap().unwrap();
        assert_eq!(format!("{:?}", read.floor), format!("{:?}", position.floor));
        assert_eq!(read.horizon, position.horizon);
        assert_eq!(read.seen, position.seen);
        fs::write(&file, "{").unwrap();
        let error = Position::read(&file).unwrap_err().to_string();
        assert!(error.contains("b.json"), "{error}");
    }

    #[test]
    fn every_key_that_may_be_listed_again_is_remembered() {
        let mut position = Position::at(time("12:00:00"));
        position.mark(&event("old", time("12:10:00")));
        position.mark(&event("new", time("12:26:00")));
        position.advance(time("12:05:00"));
        assert_eq!(position.look_from(LATE), time("12:11:00"));
        assert!(!position.has_seen("old") && position.has_seen("new"));
        position.advance(time("12:20:00"));
        assert_eq!(position.horizon(), time("12:26:00"));
    }

    #[test]
    fn nothing_before_the_start_that_was_asked_for_is_looked_for() {
        let mut position = Position::at(time("12:00:00"));
        assert_eq!(position.look_from(LATE), time("12:00:00"));
        position.advance(time("12:10:00"));
        assert_eq!(position.look_from(LATE), time("12:00:00"));
        let behind = Position::behind(time("12:00:00"));
        assert_eq!(behind.look_from(LATE), time("11:45:00"));
    }
}
