use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::EventKey;

/// An event's body on its way to the handler.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// It travels with the event.
    Inline(Bytes),
    /// It is stored in S3, because it is too large for a message.
    Stored(StoredBody),
}

impl Body {
    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Body::Inline(body) => body.len() as u64,
            Body::Stored(stored) => stored.bytes,
        }
    }

    /// Its SHA-256.
    pub fn sha256(&self) -> [u8; 32] {
        match self {
            Body::Inline(body) => Sha256::digest(body).into(),
            Body::Stored(stored) => stored.sha256,
        }
    }
}

/// A pointer to a stored body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredBody {
    /// The object's key in the bucket.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256; in JSON as hexadecimal digits.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub sha256: [u8; 32],
}

impl StoredBody {
    /// The pointer to an event's body. Its key names both the event and the bytes: to store the same
    /// body again changes nothing, and no other body can replace it.
    pub fn of(event: &EventKey, body: &[u8]) -> StoredBody {
        let sha256: [u8; 32] = Sha256::digest(body).into();
        StoredBody {
            key: format!("bodies/{event}/{}", hex::encode(sha256)),
            bytes: body.len() as u64,
            sha256,
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Body::Inline(body) => write!(f, "Inline({} bytes)", body.len()),
            Body::Stored(stored) => f.debug_tuple("Stored").field(stored).finish(),
        }
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
