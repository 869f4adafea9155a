//! `hookgate.toml`: which sources there are, and where their events go.
//!
//! Parsed once, at start. What is unknown, missing or contradictory is an error that names its key.

mod parse;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use hookgate_signature::{Audiences, Provider};
use thiserror::Error;

use crate::{MismatchPolicy, Route};

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

/// One source, not yet with its secrets.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// The built-in provider that the row is of.
    pub provider: Option<String>,
    /// The provider's row, with the user's changes.
    pub row: Provider,
    /// Where its secrets are; the first signs, all verify.
    pub secrets: Vec<SecretConfig>,
    /// Trusted token issuers and their audiences.
    pub issuers: BTreeMap<String, Audiences>,
    /// A named reading of the row.
    pub variant: Option<String>,
    /// Whether a timestamp without a zone is UTC.
    pub assume_utc: bool,
    /// Another tolerance than the row's.
    pub tolerance: Option<Duration>,
    /// How far a token's times may be off.
    pub leeway: Duration,
    /// The URL that the provider was given, for schemes that sign it.
    pub public_url: Option<String>,
    /// What to do when an id comes again with another body.
    pub on_mismatch: MismatchPolicy,
}

/// A secret's reference, and until when it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretConfig {
    /// Where it is.
    pub reference: SecretRef,
    /// After this time it verifies nothing.
    pub not_after: Option<SystemTime>,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// `env:NAME`, an environment variable.
    Env(String),
    /// `ssm:/path`, a parameter of Systems Manager, decrypted.
    Ssm(String),
    /// `secretsmanager:id` or `secretsmanager:id#field`: a secret by name or ARN, and the member that
    /// counts where its text is a JSON object.
    SecretsManager {
        /// Its name or ARN.
        id: String,
        /// The member.
        field: Option<String>,
    },
}

impl SecretRef {
    fn parse(text: &str) -> Option<SecretRef> {
        let (kind, name) = text.split_once(':')?;
        if name.is_empty() {
            return None;
        }
        match kind {
            "env" => Some(SecretRef::Env(name.to_owned())),
            "ssm" => Some(SecretRef::Ssm(name.to_owned())),
            "secretsmanager" => {
                // No name and no ARN of a secret has a `#`.
                let (id, field) = match name.split_once('#') {
                    Some((_, "")) => return None,
                    Some((id, field)) => (id, Some(field.to_owned())),
                    None => (name, None),
                };
                (!id.is_empty()).then(|| SecretRef::SecretsManager {
                    id: id.to_owned(),
                    field,
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::Ssm(name) => write!(f, "ssm:{name}"),
            SecretRef::SecretsManager { id, field: None } => write!(f, "secretsmanager:{id}"),
            SecretRef::SecretsManager {
                id,
                field: Some(field),
            } => write!(f, "secretsmanager:{id}#{field}"),
        }
    }
}

/// What is wrong with a configuration, and where.
#[derive(Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    /// The key, as `sources.stripe.secrets[1]`; the file's name for syntax errors.
    pub key: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// The text for people, because a program that stops at its start prints this.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ConfigError {
    /// An error at `key`.
    pub fn at(key: impl Into<String>, problem: impl fmt::Display) -> ConfigError {
        ConfigError {
            key: key.into(),
            problem: problem.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
