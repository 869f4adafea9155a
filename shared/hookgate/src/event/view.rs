//! Events as operators ask for them and see them.

use std::time::SystemTime;

use hookgate_api::EventSummary;
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
        self.state
            .is_none_or(|state| state.name() == event.state.name())
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

/// An event that may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The epoch that it was last handled at.
    pub epoch: u32,
    /// The event as it came in; `None` where its payload is gone.
    pub event: Option<Event>,
}
