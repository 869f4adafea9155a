//! The settings of one source: secrets or issuers, and how strict to be.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::ConfigError;

/// The most leeway that a token's dates may have.
pub const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// A signing secret in the provider's form. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub(crate) value: String,
    pub(crate) not_after: Option<SystemTime>,
}

impl Secret {
    /// A secret without an end.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret {
            value: value.into(),
            not_after: None,
        }
    }

    /// The same secret, which verifies nothing after that time: for the previous one of a rotation.
    #[must_use]
    pub fn not_after(mut self, end: SystemTime) -> Secret {
        self.not_after = Some(end);
        self
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The settings of one source. In TOML, the keys `issuers`, `variant`, `assume_utc`, `tolerance_s`, `leeway_s` and
/// `public_url`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Current and previous secrets; any one may match. The first one signs. Required unless the definition is a JWT's.
    #[serde(skip)]
    pub secrets: Vec<Secret>,
    /// Trusted issuers of JWTs and the audiences each may name, compared exactly. Required for a JWT definition.
    pub issuers: BTreeMap<String, Audiences>,
    /// The variant of the scheme to use, by name. Absent: the scheme's own content.
    pub variant: Option<String>,
    /// Takes a date without a zone as UTC.
    pub assume_utc: bool,
    /// The distance that a timestamp may have from now, either way, instead of the definition's `tolerance_s`.
    #[serde(rename = "tolerance_s", deserialize_with = "some_seconds")]
    pub tolerance: Option<Duration>,
    /// The difference that clocks may have for a JWT's dates: at most [`MAX_LEEWAY`].
    #[serde(rename = "leeway_s", deserialize_with = "seconds")]
    pub leeway: Duration,
    /// The URL that the provider calls, for schemes that sign it. A gateway never rebuilds it from `Host` headers.
    pub public_url: Option<String>,
    /// Allows issuers and their keys at plain http on loopback: for local development only.
    #[serde(skip)]
    pub loopback_http_issuers: bool,
}

/// Audiences that an issuer's tokens may name. In TOML: `"any"`, or a list that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audiences {
    /// Any audience: the issuer's every token is trusted.
    Any,
    /// One of these, compared exactly.
    OneOf(Vec<String>),
}

impl<'de> Deserialize<'de> for Audiences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Audiences, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            List(Vec<String>),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Word(word)) if word == "any" => Ok(Audiences::Any),
            Ok(Written::List(list)) if !list.is_empty() => Ok(Audiences::OneOf(list)),
            _ => Err(D::Error::custom(
                "write `\"any\"`, or a list of at least one audience",
            )),
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u32::deserialize(deserializer).map(|seconds| Duration::from_secs(seconds.into()))
}

fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    seconds(deserializer).map(Some)
}

impl Options {
    pub(crate) fn validate(&self, uses_jwt: bool) -> Result<(), ConfigError> {
        if self.leeway > MAX_LEEWAY {
            return Err(ConfigError::at(
                "leeway_s",
                "at most 60 s: correct the clocks instead",
            ));
        }
        if self.tolerance == Some(Duration::ZERO) {
            return Err(ConfigError::at(
                "tolerance_s",
                "at least 1: no request arrives at the instant it was signed",
            ));
        }
        if !uses_jwt {
            return self.no_issuers();
        }
        if !self.secrets.is_empty() {
            return Err(ConfigError::at(
                "secrets",
                "a JWT is checked with its issuer's keys: configure issuers, not secrets",
            ));
        }
        if self.issuers.is_empty() {
            return Err(ConfigError::at(
                "issuers",
                "name at least one trusted issuer and its audiences",
            ));
        }
        self.issuers
            .iter()
            .try_for_each(|(issuer, audiences)| self.check_issuer(issuer, audiences))
    }

    fn no_issuers(&self) -> Result<(), ConfigError> {
        match self.issuers.is_empty() {
            true => Ok(()),
            false => Err(ConfigError::at(
                "issuers",
                "only a provider with the algorithm `jwt` has issuers: remove them",
            )),
        }
    }

    fn check_issuer(&self, issuer: &str, audiences: &Audiences) -> Result<(), ConfigError> {
        if !crate::keys::is_fetchable(issuer, self.loopback_http_issuers) || issuer.contains('?') {
            return Err(ConfigError::at(
                "issuers",
                format!("`{issuer}`: an issuer is an https URL without query or fragment"),
            ));
        }
        match audiences {
            Audiences::OneOf(list) if list.is_empty() || list.iter().any(String::is_empty) => {
                Err(ConfigError::at(
                    "issuers",
                    format!("`{issuer}`: name its audiences, or write `\"any\"`"),
                ))
            }
            _ => Ok(()),
        }
    }
}
