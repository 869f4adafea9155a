//! Events as operators ask for them and see them.

use hookgate_api::{EventState, EventSummary};
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::Event;

/// A selection of a source's events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter {
    /// Only events in this state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<EventState>,
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
        let state = self.state.map(EventState::name);
        state.is_none_or(|state| state == event.state.name()) && self.admits_type(event)
    }

    /// True for an event of a type that is meant, in whatever state it is.
    pub(crate) fn admits_type(&self, event: &EventSummary) -> bool {
        let event_type = event.event_type.as_deref().unwrap_or_default();
        let pattern = self.event_type.as_deref();
        pattern.is_none_or(|pattern| matches(pattern, event_type))
    }
}

/// Answers whether a pattern matches a text: `*` is any run of characters, `?` any one.
pub fn matches(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

/// An event that may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The epoch that it was last handled at.
    pub epoch: u32,
    /// The event as it came in; `None` if its payload is gone.
    pub event: Option<Event>,
}
