//! The gateway's ports on AWS: the ledger and the archive in DynamoDB, large bodies in S3, the queues in
//! SQS, secrets in Systems Manager and Secrets Manager, token issuers' documents over HTTPS, logs and
//! metrics to CloudWatch.
//!
//! The local twin uses these same adapters against its own engines.

mod archive;
mod attributes;
mod bodies;
mod connect;
mod dead_letters;
mod deadline;
mod documents;
mod environment;
mod events;
mod joined;
mod ledger;
mod outbox;
mod queue;
mod ranges;
mod replays;
mod roots;
mod secrets;
mod signing;
pub mod table;
mod telemetry;

pub use bodies::S3Bodies;
pub use connect::{ATTEMPT_TIMEOUT, OPERATION_TIMEOUT, connect};
pub use dead_letters::SqsDeadLetters;
pub use deadline::deadline;
pub use documents::HttpDocuments;
pub use environment::{Adapters, BadEnvironment, Environment};
pub use queue::SqsQueue;
pub use roots::Roots;
pub use secrets::Secrets;
pub use table::DynamoTable;
pub use telemetry::{MetricLines, log_json, log_lambda, log_panic, telemetry};
