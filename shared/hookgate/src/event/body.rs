use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::EventKey;
use crate::ports::PortError;

/// Said where there is no place for large bodies.
const NO_BODIES: &str = "no bucket is configured; ARCHIVE_BUCKET names it";

/// An event's body on its way to the handler.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// It travels with the event.
    Inline(Bytes),
    /// It is kept elsewhere, because it is too large for a message.
    Kept(ClaimCheck),
}

impl Body {
    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        match self {
            Body::Inline(body) => body.len() as u64,
            Body::Kept(check) => check.bytes,
        }
    }

    /// Its SHA-256.
    pub fn sha256(&self) -> [u8; 32] {
        match self {
            Body::Inline(body) => Sha256::digest(body).into(),
            Body::Kept(check) => check.sha256,
        }
    }
}

/// What a body that is kept elsewhere is had back for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimCheck {
    /// Where it is kept.
    pub key: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its SHA-256; in JSON as hexadecimal digits.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub sha256: [u8; 32],
}

impl ClaimCheck {
    /// The claim check for an event's body. Its key names both the event and the bytes: to keep the same
    /// body again changes nothing, and no other body can take its place.
    pub fn of(event: &EventKey, body: &[u8]) -> ClaimCheck {
        let sha256: [u8; 32] = Sha256::digest(body).into();
        ClaimCheck {
            key: format!("bodies/{event}/{}", hex::encode(sha256)),
            bytes: body.len() as u64,
            sha256,
        }
    }
}

/// Keeps bodies that are too large for a message.
pub trait Bodies: Send + Sync {
    /// Keeps a body under its claim check; when this returns, it is durable. Doing it twice is harmless.
    fn keep(
        &self,
        check: &ClaimCheck,
        body: &Bytes,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// What is kept under a claim check; `None` where nothing is (any more).
    /// [`redeem`] also checks that it is what was kept.
    fn fetch(
        &self,
        check: &ClaimCheck,
    ) -> impl Future<Output = Result<Option<Bytes>, PortError>> + Send;
}

/// A gateway may have no place for large bodies: then it takes none, and cannot read those that it
/// took before.
impl<B: Bodies> Bodies for Option<B> {
    async fn keep(&self, check: &ClaimCheck, body: &Bytes) -> Result<(), PortError> {
        match self {
            Some(bodies) => bodies.keep(check, body).await,
            None => Err(PortError::new("keep the body", NO_BODIES)),
        }
    }

    async fn fetch(&self, check: &ClaimCheck) -> Result<Option<Bytes>, PortError> {
        match self {
            Some(bodies) => bodies.fetch(check).await,
            None => Err(PortError::new("fetch the body", NO_BODIES)),
        }
    }
}

/// Why a body that is kept elsewhere cannot be had back.
#[derive(Debug, Error)]
pub enum BodyError {
    /// It is not there.
    #[error("the body is not kept (any more)")]
    Gone,
    /// What is there are other bytes.
    #[error("what is kept is not the body that came in")]
    Altered,
    /// Whoever keeps it does not answer.
    #[error(transparent)]
    Unavailable(#[from] PortError),
}

/// The body that a claim check was given for, to the byte.
///
/// # Errors
/// When it is not there, was altered, or cannot be had at the moment.
pub async fn redeem(bodies: &impl Bodies, check: &ClaimCheck) -> Result<Bytes, BodyError> {
    let body = bodies.fetch(check).await?.ok_or(BodyError::Gone)?;
    if Sha256::digest(&body)[..] == check.sha256 {
        Ok(body)
    } else {
        Err(BodyError::Altered)
    }
}

fn to_hex<S: Serializer>(hash: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    hex::encode(hash).serialize(to)
}

fn from_hex<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(from)?;
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).map_err(serde::de::Error::custom)?;
    Ok(hash)
}
