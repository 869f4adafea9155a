//! The gateway's nouns, each with its storage on AWS: events, sources, replays, dead letters, telemetry.
//!
//! A [`Source`] is one inbound URL with its provider's definition and secrets. A verified request becomes
//! an [`Event`], which travels the queue inside a [`Message`]. The ledger and the archive are in DynamoDB, large
//! bodies in S3, the queues in SQS, secrets in Systems Manager and Secrets Manager.
//!
//! The local twin uses the same code against its own engines.

mod clock;
pub mod config;
mod connect;
pub mod dead_letter;
mod environment;
mod error;
pub mod event;
mod http_client;
mod lambda;
mod queue;
pub mod replay;
mod roots;
pub mod route;
mod signed_call;
mod signing;
mod source;
pub mod table;
mod telemetry;

pub use clock::{Clock, rfc3339, system_now, unix_ms};
pub use config::MismatchPolicy;
#[cfg(feature = "profiles")]
pub use connect::connect_by_profile;
pub use connect::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT, connect};
pub use dead_letter::store::SqsDeadLetters;
pub use environment::{Adapters, BadEnvironment, Environment};
pub use error::{AwsError, BoxError, chain};
pub use event::bodies::{BodyError, S3Bodies};
pub use event::body::{Body, StoredBody};
pub use event::message::{MESSAGE_VERSION, Message, MessageError};
pub use event::{Event, EventKey, one_line};
pub use hookgate_ledger::{Number, RetryPolicy, Waits};
pub use http_client::HttpClient;
pub use lambda::{BadRequest, Caller, HttpEvent, HttpResponse, deadline};
pub use queue::{MAX_SEND_DELAY, SqsQueue};
pub use roots::Roots;
pub use route::Route;
pub use source::documents::Documents;
pub use source::secrets::{SecretError, Secrets};
pub use source::sources::{COOL_DOWN, LiveSource, Sources};
pub use source::{Runtime, Source, UnusableSource};
pub use table::DynamoTable;
pub use telemetry::metrics;
pub use telemetry::trace::{self, Trace};
pub use telemetry::{MetricLine, MetricLines, log_json, log_lambda, log_panic, telemetry};
