//! A provider as data: how its requests are verified, and where the facts of an event are.

use serde::Deserialize;

use crate::error::ConfigError;
use crate::event::EventFields;
use crate::handshake::Handshake;
use crate::providers;
use crate::scheme::{Algorithm, Scheme};
use crate::validate;

/// A provider: one row of the built-in table, or the same words in a user's TOML.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// How requests are signed.
    pub verify: Scheme,
    /// The places of an event's facts.
    #[serde(default)]
    pub event: EventFields,
    /// Requests that the provider sends to test the endpoint, and that want an answer of their own.
    #[serde(default)]
    pub handshakes: Vec<Handshake>,
}

impl Provider {
    /// Reads a row that is written in TOML, and checks that its parts fit together.
    ///
    /// # Errors
    /// The first key that is unknown, missing or wrong, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let table = text.parse().map_err(|error: toml::de::Error| {
            ConfigError::new("row", format!("it is not TOML: {}", error.message()))
        })?;
        Self::from_table(table)
    }

    /// As [`parse`](Self::parse), from a table that was read before.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn from_table(table: toml::Table) -> Result<Self, ConfigError> {
        let read = serde_path_to_error::deserialize(toml::Value::Table(table));
        let provider: Self = read.map_err(|error| {
            let key = error.path().to_string();
            ConfigError::new(key, error.inner().message())
        })?;
        provider.validate()?;
        Ok(provider)
    }

    /// The built-in row of a provider, or `None` when there is none.
    ///
    /// Only this one row is parsed, so that a cold start does not pay for the others.
    pub fn builtin(name: &str) -> Option<Self> {
        Self::parse(Self::builtin_toml(name)?).ok()
    }

    /// Names of the built-in rows.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        providers::PROVIDERS.iter().map(|(name, _)| *name)
    }

    /// A built-in row as TOML: a start for a row of your own.
    pub fn builtin_toml(name: &str) -> Option<&'static str> {
        providers::PROVIDERS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, row)| *row)
    }

    /// The HTTP status that answers a request that is not authentic.
    pub fn reject_status(&self) -> u16 {
        self.verify.reject_status
    }

    /// True if the sender proves itself by a JWT, so that issuers are configured and not secrets.
    pub fn uses_jwt(&self) -> bool {
        self.verify.algorithm == Algorithm::Jwt
    }

    /// Checks what the types cannot: that the parts of the row fit together.
    ///
    /// # Errors
    /// The first key that does not fit, and what to write instead.
    pub fn validate(&self) -> Result<(), ConfigError> {
        validate::scheme(&self.verify)
    }
}
