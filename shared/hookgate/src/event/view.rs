use std::time::SystemTime;

use hookgate_ledger::State;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wildmatch::WildMatch;

use crate::ports::PortError;
use crate::replay::{EventRange, Page, Place};
use crate::{Body, Event, EventKey};

/// Reads what is known of events.
pub trait EventReader: Send + Sync {
    /// Events that the processor has seen, newest first.
    fn list_events(
        &self,
        query: &EventQuery,
    ) -> impl Future<Output = Result<Vec<EventSummary>, PortError>> + Send;

    /// One event; `None` where there is none of this key.
    fn show_event(
        &self,
        key: &EventKey,
    ) -> impl Future<Output = Result<Option<EventDetail>, PortError>> + Send;

    /// One event as it came in, to be sent again; `None` where there is none of this key. What was
    /// written before this call is seen by it.
    fn stored_event(
        &self,
        key: &EventKey,
    ) -> impl Future<Output = Result<Option<Stored>, PortError>> + Send;

    /// The next events of a range, the oldest of a day's part first, from a place that an earlier
    /// page named. Looks at no more than `limit` events; some or all of them may not be of the range.
    fn page(
        &self,
        range: &EventRange,
        from: Option<&Place>,
        limit: u32,
    ) -> impl Future<Output = Result<Page, PortError>> + Send;
}

/// Which events to list, newest first.
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

/// Which events of a source are meant.
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
    /// Whether every event is meant.
    pub fn is_open(&self) -> bool {
        self.state.is_none() && self.event_type.is_none()
    }

    /// Whether an event is meant. One without a type is matched by `*` alone.
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
    let unknown = || serde::de::Error::custom(format!("`{name}` is no state; states are {names}"));
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
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// One event with its payload, where that is still kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventDetail {
    /// The event.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// What the provider sent; `None` before the processor saw it, after its retention, or with
    /// `archive = "none"`.
    pub payload: Option<Payload>,
}

/// What the provider sent.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Payload {
    /// The headers that are kept.
    pub headers: Vec<(String, String)>,
    /// The body, where it is text of at most 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body, byte for byte.
    pub body_base64: String,
}

/// An event that may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The epoch that it was last handled at.
    pub epoch: u32,
    /// The event as it came in; `None` where its payload is not kept (any more).
    pub event: Option<Event<Body>>,
}
