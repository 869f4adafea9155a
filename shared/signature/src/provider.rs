//! A provider as data: how its requests are verified, and where the facts of an event are.

use serde::Deserialize;

use crate::error::ConfigError;
use crate::event::EventFields;
use crate::handshake::Handshake;
use crate::scheme::{Algorithm, Scheme};
use crate::validate;

/// A provider: a built-in one, or the same words in a user's TOML. Its parts fit together.
#[derive(Clone, Debug)]
pub struct Provider(Row);

/// The words of a provider, which need not fit together yet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    verify: Scheme,
    #[serde(default)]
    event: EventFields,
    #[serde(default)]
    handshakes: Vec<Handshake>,
}

impl Provider {
    /// Reads a definition that is written in TOML, and checks that its parts fit together.
    ///
    /// # Errors
    /// The first key that is unknown, missing or wrong, and what to write instead.
    pub fn parse(text: &str) -> Result<Provider, ConfigError> {
        let table = text.parse().map_err(|error: toml::de::Error| {
            ConfigError::at(
                "",
                format!("the provider definition is not TOML: {}", error.message()),
            )
        })?;
        Provider::from_table(table)
    }

    /// As [`parse`](Self::parse), from a table that was read before.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn from_table(table: toml::Table) -> Result<Provider, ConfigError> {
        let read = serde_path_to_error::deserialize(toml::Value::Table(table));
        let row: Row = read.map_err(|error| match error.path().iter().next() {
            None => ConfigError::at("", error.inner().message()),
            Some(_) => ConfigError::at(error.path().to_string(), error.inner().message()),
        })?;
        validate::scheme(&row.verify)?;
        Ok(Provider(row))
    }

    /// The same provider with a variant's signed content.
    pub(crate) fn with_variant(mut self, name: &str) -> Result<Provider, ConfigError> {
        let variants = &self.0.verify.variants;
        let variant = variants.get(name).ok_or_else(|| {
            let known: Vec<_> = variants.keys().map(String::as_str).collect();
            let known = known.join(", ");
            ConfigError::at(
                "variant",
                format!("there is no `{name}`: there are [{known}]"),
            )
        })?;
        self.0.verify.content = variant.content.clone();
        Ok(self)
    }

    /// The way its requests are signed.
    pub fn scheme(&self) -> &Scheme {
        &self.0.verify
    }

    /// The places of an event's facts.
    pub fn event(&self) -> &EventFields {
        &self.0.event
    }

    /// Requests that the provider sends to test the endpoint, and that want an answer of their own.
    pub fn handshakes(&self) -> &[Handshake] {
        &self.0.handshakes
    }

    /// The HTTP status that answers a request that is not authentic.
    pub fn reject_status(&self) -> u16 {
        self.0.verify.reject_status
    }

    /// True if the sender proves itself by a JWT, so that issuers are configured and not secrets.
    pub fn uses_jwt(&self) -> bool {
        self.0.verify.algorithm == Algorithm::Jwt
    }
}
