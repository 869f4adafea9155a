//! Events: which came in, and what became of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An event's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Recorded.
    Received,
    /// Recorded, and known to be in the queue.
    Enqueued,
    /// Claimed by the processor.
    Processing,
    /// Between two attempts: one failed, and another follows.
    Waiting,
    /// Handled.
    Done,
    /// Done, though no route takes it.
    Unhandled,
    /// Given up, and in the dead-letter queue.
    Dead,
    /// Deleted from the ledger, though its payload is still archived: it is replayed by its range.
    Forgotten,
}

impl EventState {
    /// Answers whether nothing follows, unless the event is replayed or redriven.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            EventState::Done | EventState::Unhandled | EventState::Dead
        )
    }

    /// The word that is read and written.
    pub fn name(self) -> &'static str {
        match self {
            EventState::Received => "received",
            EventState::Enqueued => "enqueued",
            EventState::Processing => "processing",
            EventState::Waiting => "waiting",
            EventState::Done => "done",
            EventState::Unhandled => "unhandled",
            EventState::Dead => "dead",
            EventState::Forgotten => "forgotten",
        }
    }
}

impl fmt::Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

/// The selection of a list of events. Those that the processor has seen can be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventListRequest {
    /// Only events from this source.
    pub source: Option<String>,
    /// Only events in this state.
    pub state: Option<EventState>,
    /// Only of a type that this pattern matches: `*` is any run of characters, `?` any one.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Only events of this tenant.
    pub tenant: Option<String>,
    /// Only events with this id from the provider.
    pub event_id: Option<String>,
    /// Only events received at this time or later; 30 days ago by default.
    pub since: Option<String>,
    /// Only events received at this time or earlier; now by default.
    pub until: Option<String>,
    /// The order; newest first by default.
    pub order: Option<Order>,
    /// Maximum number, at least 1: 50 by default, at most 1000.
    pub limit: Option<usize>,
    /// After the last event that an earlier answer looked at: its `next`.
    pub cursor: Option<String>,
}

/// Some events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EventList {
    /// The events, in the order that was requested.
    pub events: Vec<EventSummary>,
    /// The cursor of the next page; missing if there are no more. A page may have fewer events than its limit,
    /// or none, and still name one: then the time of the request was over.
    pub next: Option<String>,
    /// The time of receipt that the search has come to; missing if there are no more.
    #[serde(default)]
    pub searched_to: Option<String>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EventSummary {
    /// Its key in the ledger.
    pub key: String,
    /// The source it came in by.
    pub source: String,
    /// Its tenant.
    pub tenant: Option<String>,
    /// The provider's id.
    pub event_id: Option<String>,
    /// The provider's type.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Its state.
    pub state: EventState,
    /// The number of times it was claimed.
    pub attempts: u32,
    /// The number of times it was replayed.
    pub epoch: u32,
    /// The time at which its request arrived.
    pub received_at: String,
    /// The time at which it was done, unhandled or dead-lettered.
    pub completed_at: Option<String>,
    /// The time of the next attempt, where it waits for one.
    pub next_attempt_at: Option<String>,
    /// The target that handled it, as the route names it: `handler:order_created`.
    pub target: Option<String>,
    /// The last attempt's error.
    pub error: Option<String>,
}

/// One event with its payload, if that is still stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct EventDetail {
    /// The event.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// Its last attempts, at most 16, the oldest first.
    pub history: Vec<AttemptSummary>,
    /// The request; missing before the processor saw it, after its retention, or with `archive = "none"`.
    pub payload: Option<Payload>,
}

/// An attempt at an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AttemptSummary {
    /// Its number: 1 is the event's first, and replays count on.
    pub number: u32,
    /// The number of replays before it; missing where its end was not noted.
    pub epoch: Option<u32>,
    /// Its outcome.
    pub outcome: AttemptOutcome,
    /// The time of its begin. It may be missing, where its end was not noted.
    pub began_at: Option<String>,
    /// The time of its end; missing where it was not noted.
    pub ended_at: Option<String>,
    /// The target that it ran, as the route names it.
    pub target: Option<String>,
    /// The beginning of the reason why it failed.
    pub reason: Option<String>,
}

/// An attempt's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The target did its work.
    Handled,
    /// No route takes the event.
    Unhandled,
    /// It failed, and another attempt follows.
    Failed,
    /// It failed, and the event was given up.
    GivenUp,
    /// Its end was not noted: the process was stopped, its lease ran out, or the table did not answer.
    Interrupted,
    /// It has not ended.
    Running,
}

impl AttemptOutcome {
    /// The word that is read and written.
    pub fn name(self) -> &'static str {
        match self {
            AttemptOutcome::Handled => "handled",
            AttemptOutcome::Unhandled => "unhandled",
            AttemptOutcome::Failed => "failed",
            AttemptOutcome::GivenUp => "given_up",
            AttemptOutcome::Interrupted => "interrupted",
            AttemptOutcome::Running => "running",
        }
    }
}

/// The request that the provider sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Payload {
    /// The headers, without those that carry a credential.
    pub headers: Vec<(String, String)>,
    /// The body, where it is text of at most 1 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body, byte for byte.
    pub body_base64: String,
}

/// Without anything of it: it is the provider's and its customers' own.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").finish_non_exhaustive()
    }
}
