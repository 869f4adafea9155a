//! Routes: which target an event is for, how its attempts are repeated, and whether it may go there now.

mod state;
mod store;

use std::time::Duration;

use hookgate_ledger::RetryPolicy;
pub use state::{Breaker, Flow, Release, RouteState};
pub use store::StoredRoute;
use wildmatch::WildMatch;

use crate::Event;

/// A rule that sends events of some sources and types to a target. The first route that matches an event is its
/// route.
#[derive(Clone, Debug)]
pub struct Route {
    source: WildMatch,
    event_type: WildMatch,
    /// Its name for operators, unlike that of any other route.
    pub name: String,
    /// The target as `hookgate.toml` writes it: `handler:NAME`.
    pub to: String,
    /// Its rules for attempts that fail.
    pub retry: RetryPolicy,
    /// The limits of its circuit breaker; `None` if it has none.
    pub breaker: Option<BreakerLimits>,
}

/// The limits of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// The number of events that fail in a row, within a minute and one invocation environment, and open it.
    pub failures: u32,
    /// The time after which an open one is probed first.
    pub first: Duration,
    /// The longest time between two probes.
    pub max_wait: Duration,
}

impl Default for BreakerLimits {
    fn default() -> BreakerLimits {
        BreakerLimits {
            failures: 5,
            first: Duration::from_secs(30),
            max_wait: Duration::from_secs(900),
        }
    }
}

impl Route {
    /// A route for sources and types that match these patterns: `*` is any run of characters, `?` any
    /// one character. It has the target's name, and the default limits.
    pub fn new(source: &str, event_type: &str, to: &str) -> Route {
        Route {
            source: WildMatch::new(source),
            event_type: WildMatch::new(event_type),
            name: to.split_once(':').map_or(to, |(_, name)| name).to_owned(),
            to: to.to_owned(),
            retry: RetryPolicy::default(),
            breaker: Some(BreakerLimits::default()),
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
