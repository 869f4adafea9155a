//! Replays: events that are handled again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{EventState, Failed};

/// Events to be handled again at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeysRequest {
    /// Their keys, 1 to 100.
    pub keys: Vec<String>,
    /// The reason, in one line: it is stored with the replay.
    pub reason: String,
}

/// The result of a replay by keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeysReplayed {
    /// The replay's id; missing if the replay happened but could not be recorded.
    pub id: Option<String>,
    /// The events whose message is in the queue.
    pub replayed: Vec<ReplayedEvent>,
    /// The others.
    pub failed: Vec<Failed>,
}

/// An event whose message is in the queue again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ReplayedEvent {
    /// Its key.
    pub key: String,
    /// Its epoch: how often it was replayed.
    pub epoch: u32,
}

/// A range of events, and how to replay it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RangeRequest {
    /// Events from this source.
    pub source: String,
    /// Only of a type that this pattern matches.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Only events in this state.
    pub state: Option<EventState>,
    /// Received then or later.
    pub since: String,
    /// Only events received at this time or earlier; now by default.
    pub until: Option<String>,
    /// The reason, in one line: it is stored with the replay. A count needs none.
    pub reason: Option<String>,
    /// The number of events sent a second: 50 by default, at most 5000.
    pub rate_per_s: Option<u32>,
}

/// The number of a range's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RangeCount {
    /// So many were found.
    pub found: u64,
    /// False where the time of the request was over before the range was.
    pub complete: bool,
    /// Some of their keys.
    pub sample: Vec<String>,
    /// Received then or later.
    pub since: String,
    /// Only events received at this time or earlier.
    pub until: String,
}

/// A replay's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// Its events are being sent.
    Running,
    /// All were sent that could be.
    Done,
    /// An operator stopped it.
    Cancelled,
}

impl ReplayState {
    /// The word that is read and written.
    pub fn name(self) -> &'static str {
        match self {
            ReplayState::Running => "running",
            ReplayState::Done => "done",
            ReplayState::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ReplayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A replay, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ReplaySummary {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: ReplayState,
    /// The reason that was given.
    pub reason: String,
    /// The time at which it was requested.
    pub asked_at: String,
    /// The time at which it was done or cancelled.
    pub ended_at: Option<String>,
    /// Events that were found so far.
    pub found: u64,
    /// Messages that the queue took.
    pub sent: u64,
    /// Events whose payload is gone.
    pub skipped: u64,
    /// Events that could not be sent.
    pub failed: u64,
    /// Some of their keys.
    pub failed_keys: Vec<String>,
    /// The last error of sending.
    pub error: Option<String>,
    /// Its events, where it is of keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
    /// Its events, where it is of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<ReplayedRange>,
    /// The number of events sent a second, where it is of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<u32>,
}

/// The part of a replay's events that is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OutcomesRequest {
    /// After the last event that an earlier answer looked at: its `next`.
    pub cursor: Option<String>,
}

/// The outcomes of a replay's events that an answer looked at. The others that were sent are not begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ReplayOutcomes {
    /// Done by a target.
    pub handled: u64,
    /// Done, though no route takes them.
    pub unhandled: u64,
    /// Given up, and in the dead-letter queue.
    pub dead: u64,
    /// Between two attempts.
    pub waiting: u64,
    /// Claimed by the processor.
    pub processing: u64,
    /// Claimed by another replay since this one was asked for.
    pub overtaken: u64,
    /// The cursor to go on with; missing where there are no more.
    pub next: Option<String>,
}

/// The events of a source and a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ReplayedRange {
    /// The source.
    pub source: String,
    /// The pattern of their types.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// The state that they were in.
    pub state: Option<EventState>,
    /// Received then or later.
    pub since: String,
    /// Only events received at this time or earlier.
    pub until: String,
}

/// The selection of a list of replays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReplayListRequest {
    /// Maximum number, at least 1: 50 by default, at most 100.
    pub limit: Option<usize>,
    /// After the last replay of an earlier answer: its `next`.
    pub cursor: Option<String>,
}

/// Some replays, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ReplayList {
    /// The replays.
    pub replays: Vec<ReplaySummary>,
    /// The cursor of the next page; missing if there are no more.
    pub next: Option<String>,
}
