//! Dead letters: messages that were given up.
//!
//! A queue cannot be listed: it hands out some of its messages, and hides them for a while. Every answer says
//! whether it saw all of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Failed;

/// The length of a list of dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeadLetterListRequest {
    /// Maximum number, at least 1: 50 by default, at most 500.
    pub limit: Option<usize>,
}

/// Some dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeadLetterList {
    /// The dead letters.
    pub dead_letters: Vec<DeadLetterSummary>,
    /// True where the queue handed out all that it has, as far as it can tell.
    pub complete: bool,
    /// The number of dead letters, about.
    pub count: u64,
}

/// A dead letter, without its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeadLetterSummary {
    /// The message's id.
    pub message_id: String,
    /// The time at which it was sent to the dead-letter queue.
    pub sent_at: Option<String>,
    /// The reason why it is there.
    pub reason: Option<String>,
    /// `permanent`, `transient` or `unreadable`.
    pub class: Option<String>,
    /// The route's target.
    pub target: Option<String>,
    /// The attempt that was the last.
    pub attempt: Option<String>,
    /// The size of its text.
    pub body_bytes: u64,
    /// The event's key. This and what follows is missing where the text is no message of the gateway's.
    pub key: Option<String>,
    /// The event's source.
    pub source: Option<String>,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// The provider's id.
    pub event_id: Option<String>,
    /// The event's tenant.
    pub tenant: Option<String>,
    /// The event's epoch.
    pub epoch: Option<u32>,
    /// The time at which the event's request arrived.
    pub received_at: Option<String>,
}

/// The dead letters of one name, with their text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeadLetterDetails {
    /// The dead letters.
    pub dead_letters: Vec<DeadLetterDetail>,
    /// True where all of the queue was looked at, as far as it can tell.
    pub complete: bool,
}

/// A dead letter with its text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeadLetterDetail {
    /// The dead letter.
    #[serde(flatten)]
    pub dead_letter: DeadLetterSummary,
    /// Its text.
    pub body: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
}

/// Without the text, which holds a body.
impl fmt::Debug for DeadLetterDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dead_letter.fmt(f)
    }
}

/// The dead letters to send back to the queue: by their names, or by what they have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Redrive {
    /// Events' keys; with `message_ids`, 1 to 100 in all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Messages' ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub message_ids: Vec<String>,
    /// Those of events from this source.
    pub source: Option<String>,
    /// Those of a type that this pattern matches.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Those whose reason contains this text, in capitals or not.
    pub reason_contains: Option<String>,
    /// Those that were sent to the dead-letter queue before this time. With the time at which a series of requests
    /// began, each is redriven at most once, even if it comes back.
    pub sent_before: Option<String>,
}

/// The result of a redrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Redriven {
    /// The dead letters that are in the queue again.
    pub redriven: Vec<DeadLetterSummary>,
    /// Those that could not be sent.
    pub failed: Vec<Failed>,
    /// Names that the queue handed out no dead letter of.
    pub not_found: Vec<String>,
    /// False where the queue may have more: ask again.
    pub complete: bool,
}

/// The dead letters to discard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Discard {
    /// Events' keys; with `message_ids`, 1 to 100 in all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Messages' ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub message_ids: Vec<String>,
    /// The reason, in one line: it is logged, and shown as the event's error.
    pub reason: String,
}

/// The dead letters that were discarded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Discarded {
    /// The dead letters that are gone. Their events are dead, unless they were done, and can be replayed.
    pub discarded: Vec<DeadLetterSummary>,
    /// Those that were not removed, such as one whose event is being handled.
    pub failed: Vec<Failed>,
    /// Names that the queue handed out no dead letter of.
    pub not_found: Vec<String>,
    /// True where all of the queue was looked at, as far as it can tell.
    pub complete: bool,
}

/// A move of all dead letters back to the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MoveRequest {
    /// The number moved a second, at most 500; as fast as SQS can unless said.
    pub rate_per_s: Option<u32>,
}

/// A move that began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct MoveStarted {
    /// The handle that SQS gave it.
    pub task: String,
}

/// The moves of the last days, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct MoveList {
    /// The moves.
    pub moves: Vec<Move>,
}

/// A move that SQS makes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Move {
    /// The handle that SQS gave it; missing once it is over.
    pub task: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`, as SQS says.
    pub status: String,
    /// The number of messages that were moved, about.
    pub moved: i64,
    /// The number of messages to move, about.
    pub to_move: Option<i64>,
    /// The time at which it began.
    pub started_at: String,
    /// The reason why it failed.
    pub failure: Option<String>,
}
