use wildmatch::WildMatch;

use crate::Event;

/// A rule that sends events of some sources and types to a target. The first route that matches an event is its
/// route.
#[derive(Clone, Debug)]
pub struct Route {
    source: WildMatch,
    event_type: WildMatch,
    /// The target as `hookgate.toml` writes it: `handler:NAME`.
    pub to: String,
}

impl Route {
    /// A route for sources and types that match these patterns: `*` is any run of characters, `?` any
    /// one character.
    pub fn new(source: &str, event_type: &str, to: &str) -> Route {
        Route {
            source: WildMatch::new(source),
            event_type: WildMatch::new(event_type),
            to: to.to_owned(),
        }
    }

    /// True if it is for events of this source.
    pub fn is_for(&self, source: &str) -> bool {
        self.source.matches(source)
    }

    /// True for an event that matches this route. An event without a type is matched only by `*`.
    pub fn matches(&self, event: &Event) -> bool {
        let event_type = event.event_type.as_deref().unwrap_or_default();
        self.source.matches(&event.source) && self.event_type.matches(event_type)
    }
}
