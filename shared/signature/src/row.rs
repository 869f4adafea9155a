//! A provider as data: how its requests are verified, and where the facts of an event are.

use crate::error::ConfigError;
use crate::field::FieldSource;
use crate::providers;
use crate::scheme::{Algorithm, Scheme};
use serde::Deserialize;

/// A provider: one row of the built-in table, or the same words in a user's TOML.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// How requests are signed.
    pub verify: Scheme,
    /// Where the facts of an event are.
    #[serde(default)]
    pub event: EventFields,
    /// Requests that the provider sends to test the endpoint, and that want an answer of their own.
    #[serde(default)]
    pub handshakes: Vec<Handshake>,
}

/// Where the facts of an event are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFields {
    /// The event's id, the same in each redelivery.
    pub id: Option<FieldSource>,
    /// The provider's word for what happened.
    #[serde(rename = "type")]
    pub event_type: Option<FieldSource>,
    /// Whom it happened to.
    pub tenant: Option<FieldSource>,
    /// Fields that together identify an event, in place of the id or the body.
    #[serde(default)]
    pub dedupe: Vec<FieldSource>,
    /// Fields without which an authentic request is still no event. Default: those of `id` and `type` that the row names.
    pub required: Option<Vec<EventField>>,
}

/// A fact of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventField {
    /// The event's id.
    Id,
    /// The event's type.
    Type,
    /// The event's tenant.
    Tenant,
}

/// A test request of the provider's: when `source` equals `equals`, the value at `echo` is the answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handshake {
    /// What tells the test from an event.
    pub source: FieldSource,
    /// The value that tells it.
    pub equals: String,
    /// The value to answer with, as plain text.
    pub echo: FieldSource,
}

impl Row {
    /// The built-in row of a provider, or `None` when there is none.
    ///
    /// Only this one row is parsed, so that a cold start does not pay for the others.
    pub fn builtin(provider: &str) -> Option<Self> {
        toml::from_str(Self::builtin_toml(provider)?).ok()
    }

    /// Names of the built-in rows.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        providers::PROVIDERS.iter().map(|(name, _)| *name)
    }

    /// A built-in row as TOML: a start for a row of one's own.
    pub fn builtin_toml(provider: &str) -> Option<&'static str> {
        providers::PROVIDERS
            .iter()
            .find(|(name, _)| *name == provider)
            .map(|(_, row)| *row)
    }

    /// The HTTP status that answers a request that is not authentic.
    pub fn reject_status(&self) -> u16 {
        self.verify.reject_status
    }

    /// Whether the sender proves itself by a JWT, so that issuers are configured and not secrets.
    pub fn uses_jwt(&self) -> bool {
        self.verify.algorithm == Algorithm::Jwt
    }

    /// The same row with its (first) signature in another header, for providers whose customers name it.
    #[must_use]
    pub fn with_signature_header(mut self, name: impl Into<String>) -> Self {
        if let Some(carrier) = self.verify.signature.as_mut_slice().first_mut() {
            carrier.header = Some(name.into());
        }
        self
    }

    /// Checks what the types cannot: that the parts of the row fit together.
    ///
    /// # Errors
    /// The first key that does not fit, and what to write instead.
    pub fn validate(&self) -> Result<(), ConfigError> {
        crate::validate::row(self)
    }
}
