//! `hookgate.toml`: which sources there are, and where their events go.
//!
//! Parsed once, at start. What is unknown, missing or contradictory is an error that names its key.

mod parse;
mod secret;
mod source;

use std::collections::BTreeMap;
use std::time::Duration;

pub use hookgate_signature::ConfigError;

pub use self::secret::{SecretConfig, SecretRef};
pub use self::source::{MismatchPolicy, SourceConfig};
use crate::Route;

/// How long raw payloads are kept unless configuration says otherwise.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// How old secrets may become unless configuration says otherwise.
pub const DEFAULT_SECRETS_REFRESH: Duration = Duration::from_secs(300);

/// A parsed configuration. Secrets are still references.
#[derive(Clone, Debug)]
pub struct Config {
    /// The sources by name, which is the last part of their URL.
    pub sources: BTreeMap<String, SourceConfig>,
    /// The routes in the order they are tried.
    pub routes: Vec<Route>,
    /// How long raw payloads are kept; `None` keeps none, and nothing can be listed or replayed.
    pub retention: Option<Duration>,
    /// How old secrets may become before they are fetched again.
    pub secrets_refresh: Duration,
}

#[cfg(test)]
mod tests;
