//! A row with its options: what checks one source's requests.

use crate::content::Part;
use crate::error::{ConfigError, Reason};
use crate::event::{EventMeta, Extractor, Facts, HandshakeAnswer, MissingField};
use crate::jwt::NotVerified;
use crate::keys::KeyCache;
use crate::options::{Options, Secret};
use crate::request::Request;
use crate::row::Row;
use crate::scheme::{Algorithm, Carrier, Scheme, TimeFormat};
use crate::{jwt, mac};
use std::fmt;
use std::time::SystemTime;

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The request is authentic.
    Verified(Verified),
    /// It is not: answer with the row's [`reject_status`](Row::reject_status).
    Refused(Reason),
    /// Fetch this URL, give the result to [`KeyCache::supply`], and check again.
    NeedsDocument(String),
    /// It could not be decided: answer 503, so that the sender tries again.
    Undecided(Reason),
}

/// What is known of an authentic request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Which of the secrets matched, from 0.
    pub secret: Option<usize>,
    /// When the sender says it was signed; for a JWT, issued.
    pub signed_at: Option<SystemTime>,
    /// Which trusted issuer vouched for it.
    pub issuer: Option<String>,
}

/// A row with its options: what checks one source's requests.
#[derive(Debug)]
pub struct Verifier {
    row: Row,
    pub(crate) options: Options,
    pub(crate) keys: Vec<Key>,
    extractor: Extractor,
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
    /// Puts a row and its options together.
    ///
    /// # Errors
    /// When the row does not fit together or an option is missing, unusable or not the row's: a verifier
    /// without a usable secret or issuer never exists.
    pub fn new(mut row: Row, options: Options) -> Result<Self, ConfigError> {
        row.validate()?;
        options.validate(row.uses_jwt())?;
        if let Some(name) = &options.variant {
            let variant = row.verify.variants.get(name);
            let known: Vec<_> = row.verify.variants.keys().map(String::as_str).collect();
            let variant = variant.ok_or_else(|| {
                ConfigError::new(
                    "variant",
                    format!("there is no `{name}`: the row has [{}]", known.join(", ")),
                )
            })?;
            row.verify.content = variant.content.clone();
        }
        let extractor = Extractor::new(&row)?;
        let keys = decode_secrets(&row, &options.secrets)?;
        Ok(Self {
            row,
            options,
            keys,
            extractor,
        })
    }

    /// The row, with the chosen variant's content.
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Replaces the secrets, as after a rotation.
    ///
    /// # Errors
    /// When one cannot be used; the old ones then stay.
    pub fn set_secrets(&mut self, secrets: Vec<Secret>) -> Result<(), ConfigError> {
        self.keys = decode_secrets(&self.row, &secrets)?;
        self.options.secrets = secrets;
        Ok(())
    }

    /// What an operator should know at start-up about a configuration that is weaker than it looks.
    pub fn warnings(&self) -> Vec<&'static str> {
        let scheme = &self.row.verify;
        let mut warnings = Vec::new();
        if scheme.timestamp.is_some() && !covers_timestamp(scheme) {
            warnings.push("timestamp is unauthenticated: no replay protection");
        }
        if scheme.signs(&Part::Url) && self.options.public_url.is_none() {
            warnings.push(
                "the signature covers the URL: set public_url to the one that the provider calls",
            );
        }
        warnings
    }

    /// Decides whether a request is authentic.
    ///
    /// `keys` is used by JWT rows only. On [`Verdict::NeedsDocument`] the caller fetches, supplies and checks
    /// again; a request needs two documents at most.
    pub fn check(&self, request: &Request<'_>, keys: &mut KeyCache, now: SystemTime) -> Verdict {
        if self.row.uses_jwt() {
            return self.check_jwt(request, keys, now);
        }
        match self.check_secret(request, now) {
            Ok(verified) => Verdict::Verified(verified),
            Err(reason) => Verdict::Refused(reason),
        }
    }

    /// What a request states of its event, whether the row requires it or not: for telling a person
    /// about a request that lacks something.
    pub fn facts(&self, request: &Request<'_>) -> Facts {
        self.extractor.facts(request)
    }

    /// The facts of the event in a request that was verified.
    ///
    /// # Errors
    /// When a required fact is absent, or one that is there is not short printable text.
    pub fn event(&self, request: &Request<'_>) -> Result<EventMeta, MissingField> {
        self.extractor.event(request)
    }

    /// The answer to a provider's test request, or `None` for an event. Call it only for a request that was verified.
    pub fn handshake(&self, request: &Request<'_>) -> Option<HandshakeAnswer> {
        self.extractor.handshake(request)
    }

    fn check_jwt(&self, request: &Request<'_>, keys: &mut KeyCache, now: SystemTime) -> Verdict {
        let Some(carrier) = self.carriers().first() else {
            return Verdict::Refused(Reason::MissingToken);
        };
        match jwt::check(carrier, &self.options, request, keys, now) {
            Ok(token) => Verdict::Verified(Verified {
                secret: None,
                signed_at: token.issued_at,
                issuer: Some(token.issuer),
            }),
            Err(NotVerified::Refused(reason)) => Verdict::Refused(reason),
            Err(NotVerified::NeedsDocument(url)) => Verdict::NeedsDocument(url),
            Err(NotVerified::Undecided(reason)) => Verdict::Undecided(reason),
        }
    }

    pub(crate) fn carriers(&self) -> &[Carrier] {
        self.row.verify.signature.as_slice()
    }

    pub(crate) fn formats(&self) -> &[TimeFormat] {
        self.row
            .verify
            .timestamp
            .as_ref()
            .map_or(&[], |time| time.format.as_slice())
    }
}

fn covers_timestamp(scheme: &Scheme) -> bool {
    let in_body = scheme
        .timestamp
        .as_ref()
        .is_some_and(|time| time.body.is_some());
    scheme.signs(&Part::Timestamp) || (in_body && scheme.signs(&Part::Body))
}

fn decode_secrets(row: &Row, secrets: &[Secret]) -> Result<Vec<Key>, ConfigError> {
    if row.verify.algorithm == Algorithm::Jwt {
        let none = secrets.is_empty().then(Vec::new);
        return none.ok_or_else(|| {
            ConfigError::new(
                "secrets",
                "a JWT is checked with its issuer's keys: remove the secrets",
            )
        });
    }
    if secrets.is_empty() {
        return Err(ConfigError::new(
            "secrets",
            "configure at least one: without a secret nothing can be verified",
        ));
    }
    let key = |secret: &Secret| {
        let bytes = mac::key_bytes(&secret.value, row.verify.key)?;
        Ok(Key {
            bytes,
            not_after: secret.not_after,
        })
    };
    secrets.iter().map(key).collect()
}
