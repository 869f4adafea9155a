//! `hookgate.toml`: which sources there are, and where their events go.
//!
//! Parsed once, at start. What is unknown, missing or contradictory is an error that names its key.

mod order;
mod parse;
mod route;
mod secret;
mod source;

use std::collections::BTreeMap;
use std::time::Duration;

pub use hookgate_signature::ConfigError;

pub use self::order::IngestOrder;
pub use self::secret::{SecretConfig, SecretRef};
pub use self::source::{MismatchPolicy, SourceConfig, Throttle};
use crate::Route;

/// The default retention of raw payloads.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// The default age at which secrets are fetched again.
pub const DEFAULT_SECRETS_REFRESH: Duration = Duration::from_secs(300);

/// A parsed configuration. Secrets are still references.
#[derive(Clone, Debug)]
pub struct Config {
    /// The sources by name, which is the last part of their URL.
    pub sources: BTreeMap<String, SourceConfig>,
    /// The routes in the order they are tried.
    pub routes: Vec<Route>,
    /// Retention of raw payloads; with `None`, none are stored, and nothing can be listed or replayed.
    pub retention: Option<Duration>,
    /// The age at which secrets are fetched again.
    pub secrets_refresh: Duration,
    /// The number of partitions of the index over which the outbox is spread.
    pub outbox_shards: u8,
    /// True if messages have a group per source and tenant, so that SQS lets none of them hold up the others.
    pub fair_queue: bool,
    /// The order in which ingest makes an event durable.
    pub ingest: IngestOrder,
}

#[cfg(test)]
mod tests;
