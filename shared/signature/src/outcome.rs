//! The outcome of a check.

use std::fmt;
use std::time::SystemTime;

use crate::error::Reason;

/// An authentic request, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The index of the secret that matched, from 0.
    pub secret: Option<usize>,
    /// The time that the sender says it was signed; for a JWT, issued.
    pub signed_at: Option<SystemTime>,
    /// The trusted issuer that vouched for it.
    pub issuer: Option<String>,
}

/// A request that is not verified: rejected, or not decided yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// It is not authentic: answer with the definition's [`reject_status`](crate::Provider::reject_status).
    Refused(Reason),
    /// The document at this URL decides: fetch it, give the result to [`KeyCache::supply`](crate::KeyCache::supply),
    /// and check again. A request needs two documents at most.
    NeedsDocument(String),
    /// It cannot be decided now: answer 503, so that the sender tries again.
    Undecided(Reason),
}

impl Unverified {
    /// The reason, for logs and metrics. A document that is still needed is one that could not be fetched.
    pub fn reason(&self) -> Reason {
        match self {
            Unverified::Refused(reason) | Unverified::Undecided(reason) => *reason,
            Unverified::NeedsDocument(_) => Reason::KeysUnavailable,
        }
    }
}

impl From<Reason> for Unverified {
    fn from(reason: Reason) -> Unverified {
        Unverified::Refused(reason)
    }
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason().as_str())
    }
}

impl std::error::Error for Unverified {}
