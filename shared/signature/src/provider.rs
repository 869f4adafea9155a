//! A provider as data: how its requests are verified, and where the facts of an event are.

use serde::Deserialize;

use crate::error::ConfigError;
use crate::event::EventFields;
use crate::handshake::Handshake;
use crate::scheme::{Algorithm, Scheme};
use crate::validate;

/// A provider: a built-in one, or the same words in a user's TOML.
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
