//! Errors of a configuration, and reasons to reject a request.

use std::fmt;

use thiserror::Error;

/// An error in a configuration: which key is wrong, and what to do.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key as it is written, such as `verify.signature.from`; empty for the whole.
    pub key: String,
    /// Says what is wrong and what to write instead. It never contains a secret.
    pub problem: String,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.problem),
            key => write!(f, "{key}: {}", self.problem),
        }
    }
}

/// The text for people, because a program that stops at its start prints this.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ConfigError {
    /// An error at a key.
    pub fn at(key: impl Into<String>, problem: impl fmt::Display) -> ConfigError {
        ConfigError {
            key: key.into(),
            problem: problem.to_string(),
        }
    }

    /// The same error, whose key is one of the table `table`.
    #[must_use]
    pub fn within(self, table: &str) -> ConfigError {
        let key = match self.key.as_str() {
            "" => table.to_owned(),
            key => format!("{table}.{key}"),
        };
        ConfigError { key, ..self }
    }
}

/// An error because of which a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// Only the issuer holds the private key of a JWT.
    #[error("a JWT is signed by its issuer")]
    IssuerSigns,
    /// The scheme signs an event id and none was given.
    #[error("the scheme signs an event id: pass one")]
    MissingId,
    /// The scheme signs a value that the outgoing request does not have.
    #[error("the scheme signs a value that the request does not have: {0}")]
    MissingContent(String),
    /// The signature is not in a header, so that adding headers cannot sign the request.
    #[error("the signature is not in a header")]
    NotInHeader,
    /// The time is before 1970 or beyond the year 9999.
    #[error("the time cannot be written")]
    Time,
    /// Every secret has expired.
    #[error("every secret has expired")]
    NoSecret,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A reason why a request is not authentic, or why that could not be decided. For logs and metrics, never for the sender.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// A stable word, fit for a metric's dimension.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $text,)+ }
            }
        }
    };
}

reasons! {
    /// No signature matches what was received.
    SignatureMismatch = "signature_mismatch",
    /// The signature is not written as the scheme says.
    MalformedSignature = "malformed_signature",
    /// The signature is absent or empty.
    MissingSignature = "missing_signature",
    /// The timestamp is not written as the scheme says.
    MalformedTimestamp = "malformed_timestamp",
    /// The timestamp is absent or empty.
    MissingTimestamp = "missing_timestamp",
    /// The timestamp is older than the tolerance.
    TimestampTooOld = "timestamp_too_old",
    /// The timestamp is further ahead than the tolerance.
    TimestampInFuture = "timestamp_in_future",
    /// The event id that the scheme signs is absent or empty.
    MissingId = "missing_id",
    /// A header, parameter or body value that the scheme signs is absent.
    MissingContent = "missing_content",
    /// A header or parameter that must be single is repeated.
    DuplicateHeader = "duplicate_header",
    /// The body is ambiguous under this scheme.
    MalformedBody = "malformed_body",
    /// No bearer token.
    MissingToken = "missing_token",
    /// The token is not a compact JWS.
    JwtMalformed = "jwt_malformed",
    /// The token's signature does not hold.
    JwtBadSignature = "jwt_bad_signature",
    /// The token's algorithm is not RS256.
    JwtAlgNotAllowed = "jwt_alg_not_allowed",
    /// The issuer publishes no usable key of that id.
    JwtUnknownKid = "jwt_unknown_kid",
    /// The issuer is not a trusted one.
    JwtIssUntrusted = "jwt_iss_untrusted",
    /// The token is for another audience.
    JwtAudMismatch = "jwt_aud_mismatch",
    /// A claim is not of the type that it must have.
    JwtMalformedClaim = "jwt_malformed_claim",
    /// The token has expired.
    JwtExpired = "jwt_expired",
    /// A member of the token's header or claims is repeated.
    JwtDuplicateMember = "jwt_duplicate_member",
    /// A required claim is absent.
    JwtMissingClaim = "jwt_missing_claim",
    /// The token is larger than [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES).
    JwtTooLarge = "jwt_too_large",
    /// The token demands an extension (`crit`).
    JwtCritUnsupported = "jwt_crit_unsupported",
    /// The token is not valid yet.
    JwtNotYetValid = "jwt_not_yet_valid",
    /// The token was issued in the future.
    JwtIatInFuture = "jwt_iat_in_future",
    /// The key is shorter than 2048 bits.
    JwtWeakKey = "jwt_weak_key",
    /// The issuer's keys could not be fetched, so that nothing is decided.
    KeysUnavailable = "keys_unavailable",
    /// The store of the source's secrets does not answer, so that nothing is decided. Never an engine's
    /// own verdict.
    SecretsUnavailable = "secrets_unavailable",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
