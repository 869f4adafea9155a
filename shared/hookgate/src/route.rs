use wildmatch::WildMatch;

use crate::Event;

/// Where events of some sources and types go. The first route that matches an event is its route.
#[derive(Clone, Debug)]
pub struct Route {
    source: WildMatch,
    event_type: WildMatch,
    /// Where the event goes.
    pub target: Target,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A handler of the processor, by its name.
    Handler(String),
}

impl Route {
    /// A route for sources and types that match these patterns: `*` is any run of characters, `?` any
    /// one character.
    pub fn new(source: &str, event_type: &str, target: Target) -> Route {
        Route {
            source: WildMatch::new(source),
            event_type: WildMatch::new(event_type),
            target,
        }
    }

    /// Whether an event takes this route. An event without a type is matched by `*` alone.
    pub fn matches<B>(&self, event: &Event<B>) -> bool {
        self.source.matches(&event.source)
            && self
                .event_type
                .matches(event.event_type.as_deref().unwrap_or_default())
    }
}
