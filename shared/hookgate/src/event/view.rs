//! Events as operators ask for them and see them.

use std::fmt;
use std::time::SystemTime;

use hookgate_ledger::State;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wildmatch::WildMatch;

use crate::Event;

/// A list of events, newest first.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Of these sources.
    pub sources: Vec<String>,
    /// Only these of them.
    pub filter: EventFilter,
    /// Received at this time or later.
    pub since: SystemTime,
    /// Received at this time or earlier.
    pub until: SystemTime,
    /// At most so many.
    pub limit: usize,
}

/// A selection of a source's events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter {
    /// Only in this state.
    #[serde(
        serialize_with = "state_to_name",
        deserialize_with = "state_from_name",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub state: Option<State>,
    /// Only of a type that this pattern matches: `*` is any run of characters, `?` any one.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub event_type: Option<String>,
}

impl EventFilter {
    /// True where every event is meant.
    pub fn is_open(&self) -> bool {
        self.state.is_none() && self.event_type.is_none()
    }

    /// True for an event that is meant. One without a type is matched by `*` alone.
    pub fn admits(&self, event: &EventSummary) -> bool {
        let event_type = event.event_type.as_deref().unwrap_or_default();
        self.state.is_none_or(|state| state.name() == event.state)
            && self
                .event_type
                .as_deref()
                .is_none_or(|pattern| WildMatch::new(pattern).matches(event_type))
    }
}

// Serde hands the field over by reference.
#[expect(clippy::ref_option, reason = "the form that serde calls")]
fn state_to_name<S: Serializer>(state: &Option<State>, to: S) -> Result<S::Ok, S::Error> {
    state.map(State::name).serialize(to)
}

fn state_from_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<State>, D::Error> {
    let Some(name) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    let names = State::ALL.map(State::name).join(", ");
    let unknown = || serde::de::Error::custom(format!("unknown state `{name}`; there are {names}"));
    State::from_name(&name).map(Some).ok_or_else(unknown)
}

/// One event, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// `received`, `enqueued`, `processing`, `done` or `dead`.
    pub state: &'static str,
    /// How often it was claimed.
    pub attempts: u32,
    /// How often a replay was asked for.
    pub epoch: u32,
    /// When its request arrived, RFC 3339.
    pub received_at: String,
    /// When it was done or dead-lettered, RFC 3339.
    pub completed_at: Option<String>,
    /// The last attempt's error.
    pub error: Option<String>,
}

/// One event with its payload, where that is still kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventDetail {
    /// The event.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// The request; `None` before the processor saw it, after its retention, or with
    /// `archive = "none"`.
    pub payload: Option<Payload>,
}

/// The request that the provider sent.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Payload {
    /// The headers, without those that carry a credential.
    pub headers: Vec<(String, String)>,
    /// The body, where it is text of at most 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
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

/// An event that may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The epoch that it was last handled at.
    pub epoch: u32,
    /// The event as it came in; `None` where its payload is gone.
    pub event: Option<Event>,
}
