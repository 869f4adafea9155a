//! The operators' API: every request and every answer, once.
//!
//! The function `admin` implements it, `hookgate` calls it, and `docs/openapi.json` is generated from it. [`OPERATIONS`]
//! lists what can be asked; times are RFC 3339 everywhere.

mod dead_letters;
mod events;
#[cfg(feature = "openapi")]
pub mod openapi;
mod operations;
mod replays;
mod routes;
#[cfg(feature = "openapi")]
mod schemas;

pub use dead_letters::{
    DeadLetterDetail, DeadLetterDetails, DeadLetterList, DeadLetterListRequest, DeadLetterSummary,
    Discard, Discarded, Move, MoveList, MoveRequest, MoveStarted, Redrive, Redriven,
};
pub use events::{
    AttemptOutcome, AttemptSummary, EventDetail, EventList, EventListRequest, EventState,
    EventSummary, Order, Payload,
};
pub use operations::{
    CancelReplay, CountRange, DiscardDeadLetters, ListDeadLetters, ListEvents, ListMoves,
    ListReplays, ListRoutes, MoveDeadLetters, NoRoute, OPERATIONS, Operation, OperationId,
    OperationInfo, PauseRoute, RedriveDeadLetters, ReplayKeys, ReplayRange, ResumeRoute,
    ShowDeadLetter, ShowEvent, ShowOutcomes, ShowReplay, path, route,
};
pub use replays::{
    KeysReplayed, KeysRequest, OutcomesRequest, RangeCount, RangeRequest, ReplayList,
    ReplayListRequest, ReplayOutcomes, ReplayState, ReplaySummary, ReplayedEvent, ReplayedRange,
};

pub use routes::{RouteList, RouteStateName, RouteSummary};
use serde::{Deserialize, Serialize};

/// A request without parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The response to every request that is not done, with a status of 400 or more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Failure {
    /// The problem, and what to do.
    pub error: String,
    /// The things that could not be done, one by one, where several things were requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
}

/// An event or a dead letter that something could not be done with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Failed {
    /// The event key, or the message id.
    pub name: String,
    /// The reason.
    pub error: String,
}
