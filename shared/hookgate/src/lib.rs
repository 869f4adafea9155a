//! The gateway's nouns, each with its storage on AWS: events, sources, replays, dead letters, telemetry.
//!
//! A [`Source`] is one inbound URL with its provider's row and secrets. A verified request becomes
//! an [`Event`], which travels the queue inside a [`Message`]. The ledger and the archive are in DynamoDB, large
//! bodies in S3, the queues in SQS, secrets in Systems Manager and Secrets Manager.
//!
//! The local twin uses the same code against its own engines.

mod attributes;
pub mod config;
mod connect;
mod dead_letter;
mod deadline;
mod environment;
mod event;
pub mod ports;
mod queue;
mod redacted;
mod replay;
mod roots;
mod route;
mod signing;
mod source;
pub mod table;
mod telemetry;

/// What operators ask for: which events came in, a second run of some, the dead letters.
pub mod operators {
    pub use crate::dead_letter::{DeadLetters, Letter, Move};
    pub use crate::event::view::{
        EventDetail, EventFilter, EventQuery, EventReader, EventSummary, Payload, Stored,
    };
    pub use crate::replay::{
        EventRange, MAX_FAILURES, Page, Pending, Place, Progress, Replay, ReplayId, ReplayState,
        Replayed, Replays, Saved, Sent, send_again,
    };
}

pub use connect::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT, connect};
pub use dead_letter::store::SqsDeadLetters;
pub use deadline::deadline;
pub use environment::{Adapters, BadEnvironment, Environment};
pub use event::bodies::S3Bodies;
pub use event::body::{Body, BodyError, ClaimCheck, redeem};
pub use event::message::{MESSAGE_VERSION, Message, MessageError};
pub use event::{Event, EventKey, shown, unix_ms};
pub use queue::SqsQueue;
pub use roots::Roots;
pub use route::{Route, Target};
pub use source::documents::HttpDocuments;
pub use source::secrets::Secrets;
pub use source::sources::{COOL_DOWN, LiveSource, Sources};
pub use source::{MismatchPolicy, Place, Source, UnusableSource};
pub use table::DynamoTable;
pub use telemetry::metrics;
pub use telemetry::trace::{self, Trace};
pub use telemetry::{MetricLines, log_json, log_lambda, log_panic, telemetry};
