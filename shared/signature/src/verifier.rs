//! A provider with its options: what checks one source's requests.

use std::fmt;
use std::time::SystemTime;

use crate::content::Part;
use crate::error::ConfigError;
use crate::event::{EventMeta, Facts};
use crate::fact::MissingField;
use crate::handshake::HandshakeAnswer;
use crate::keys::KeyCache;
use crate::options::{Options, Secret};
use crate::outcome::{Unverified, Verified};
use crate::provider::Provider;
use crate::request::{Received, Request};
use crate::scheme::{Algorithm, Scheme};
use crate::signature_field::SignatureField;
use crate::{jwt, mac};

/// A provider with its options: what checks one source's requests.
#[derive(Debug)]
pub struct Verifier {
    provider: Provider,
    pub(crate) options: Options,
    pub(crate) keys: Vec<Key>,
}

pub(crate) struct Key {
    pub(crate) bytes: Vec<u8>,
    not_after: Option<SystemTime>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl Key {
    pub(crate) fn is_valid(&self, now: SystemTime) -> bool {
        self.not_after.is_none_or(|end| now <= end)
    }
}

impl Verifier {
    /// Puts a provider and its options together.
    ///
    /// # Errors
    /// When an option is missing, unusable or not the provider's: a verifier without a usable secret or issuer
    /// never exists.
    pub fn new(provider: Provider, options: Options) -> Result<Verifier, ConfigError> {
        let mut verifier = Verifier::without_secrets(provider, options)?;
        verifier.keys = decode_secrets(verifier.scheme(), &verifier.options.secrets)?;
        Ok(verifier)
    }

    /// Checks a provider and its options before there are secrets; the warnings to show at start.
    ///
    /// # Errors
    /// When an option is missing, unusable or not the provider's. Secrets are not looked at.
    pub fn check_settings(
        provider: Provider,
        options: Options,
    ) -> Result<Vec<&'static str>, ConfigError> {
        Ok(Verifier::without_secrets(provider, options)?.warnings())
    }

    fn without_secrets(provider: Provider, options: Options) -> Result<Verifier, ConfigError> {
        options.validate(provider.uses_jwt())?;
        let provider = match &options.variant {
            Some(name) => provider.with_variant(name)?,
            None => provider,
        };
        Ok(Verifier {
            provider,
            options,
            keys: Vec::new(),
        })
    }

    /// The provider, with the chosen variant's content.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Warnings to show at start: where the configuration is weaker than it looks.
    pub fn warnings(&self) -> Vec<&'static str> {
        let scheme = self.scheme();
        let mut warnings = Vec::new();
        if scheme.timestamp.is_some() && !covers_timestamp(scheme) {
            warnings.push("timestamp is unauthenticated: no replay protection");
        }
        if scheme.leaves_out_the_body() {
            warnings.push(
                "the body is not signed: anyone who has seen one request can send another body with its signature",
            );
        }
        if scheme.signs(&Part::Url) && self.options.public_url.is_none() {
            warnings.push(
                "the signature covers the URL: set public_url to the one that the provider calls",
            );
        }
        warnings
    }

    /// Decides if a request is authentic.
    ///
    /// `keys` is used by JWT definitions only.
    ///
    /// # Errors
    /// When it is not, or when that is not decided: see [`Unverified`].
    pub fn check(
        &self,
        request: &Request<'_>,
        keys: &mut KeyCache,
        now: SystemTime,
    ) -> Result<Verified, Unverified> {
        match self.fields() {
            [field, ..] if self.provider.uses_jwt() => {
                jwt::check(field, &self.options, &Received::new(request), keys, now)
            }
            _ => Ok(self.check_secret(request, now)?),
        }
    }

    /// The facts that a request states of its event, required or not: for telling a person
    /// about a request that lacks something.
    pub fn facts(&self, request: &Request<'_>) -> Facts {
        self.provider.event().facts(&Received::new(request))
    }

    /// The facts of the event in a request that was verified.
    ///
    /// # Errors
    /// When a required fact is absent, or one that is there is not short printable text.
    pub fn event(&self, request: &Request<'_>) -> Result<EventMeta, MissingField> {
        let request = Received::new(request);
        self.provider.event().meta(self.scheme(), &request)
    }

    /// The response to a provider's test request, or `None` for an event. Call it only for a request that was verified.
    pub fn handshake(&self, request: &Request<'_>) -> Option<HandshakeAnswer> {
        let request = Received::new(request);
        let mut handshakes = self.provider.handshakes().iter();
        handshakes.find_map(|handshake| handshake.answer(&request))
    }

    pub(crate) fn scheme(&self) -> &Scheme {
        self.provider.scheme()
    }

    pub(crate) fn fields(&self) -> &[SignatureField] {
        self.scheme().signature.as_slice()
    }
}

fn covers_timestamp(scheme: &Scheme) -> bool {
    let place = scheme
        .timestamp
        .as_ref()
        .and_then(|time| time.from.as_ref());
    scheme.signs(&Part::Timestamp) || place.is_some_and(|place| scheme.covers(place))
}

fn decode_secrets(scheme: &Scheme, secrets: &[Secret]) -> Result<Vec<Key>, ConfigError> {
    if scheme.algorithm == Algorithm::Jwt {
        return Ok(Vec::new());
    }
    if secrets.is_empty() {
        return Err(ConfigError::at(
            "secrets",
            "configure at least one: without a secret nothing can be verified",
        ));
    }
    let key = |secret: &Secret| {
        let bytes = mac::key_bytes(&secret.value, scheme.key)?;
        Ok(Key {
            bytes,
            not_after: secret.not_after,
        })
    };
    secrets.iter().map(key).collect()
}
