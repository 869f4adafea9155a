//! Routes: whether their events go to their targets now.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RouteList {
    /// In the order in which they are tried; those that are no longer configured at the end.
    pub routes: Vec<RouteSummary>,
}

/// A route and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RouteSummary {
    /// Its name.
    pub name: String,
    /// The target; missing if the route is no longer configured.
    pub to: Option<String>,
    /// Its state.
    pub state: RouteStateName,
    /// The time since which its events are held.
    pub since: Option<String>,
    /// The time of the next probe, while the circuit breaker is open.
    pub next_probe_at: Option<String>,
    /// The number of events that are held; as many as one request can count.
    pub held: u64,
}

/// The state of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RouteStateName {
    /// Events go to the target.
    Active,
    /// Events go to the target, and those that were held follow little by little.
    Releasing,
    /// An operator paused it: events are held.
    Paused,
    /// Its circuit breaker is open: events are held until a probe succeeds.
    Broken,
}

impl fmt::Display for RouteStateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RouteStateName::Active => "active",
            RouteStateName::Releasing => "releasing",
            RouteStateName::Paused => "paused",
            RouteStateName::Broken => "broken",
        })
    }
}
