//! The field of a request that holds a signature: where it is, how it is written, how it is read.

use serde::Deserialize;

use crate::encoding::{self, Encoding, HexCase};
use crate::error::Reason;
use crate::layout::{List, MAX_CANDIDATES, Pairs};
use crate::place::Place;
use crate::request::Received;

/// The longest signature value that is looked at, in bytes.
pub const MAX_SIGNATURE_BYTES: usize = 4096;

/// A field that holds a signature, or a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureField {
    /// Its place.
    pub from: Place,
    /// Text before the signature, such as `sha256=`.
    pub prefix: Option<String>,
    /// Accepts the signature without its prefix too.
    #[serde(default)]
    pub prefix_optional: bool,
    /// Several versioned signatures in one value, such as `v1,… v1,…`.
    pub list: Option<List>,
    /// Named items in one value, such as `t=…,v1=…`.
    pub pairs: Option<Pairs>,
    /// The encoding of the signature's bytes: required for an HMAC, absent for tokens and JWTs.
    pub encoding: Option<Encoding>,
    /// The hexadecimal digits that are accepted.
    pub hex_case: Option<HexCase>,
}

/// The signatures that a request presents.
#[derive(Debug, Default)]
pub(crate) struct Presented {
    /// Decoded signatures.
    pub(crate) candidates: Vec<Vec<u8>>,
    /// The timestamp that came with them.
    pub(crate) timestamp: Option<Vec<u8>>,
}

/// Everything that the fields present. A field that is absent or malformed does not spoil another.
pub(crate) fn read(fields: &[SignatureField], request: &Received<'_>) -> Result<Presented, Reason> {
    let mut presented = Presented::default();
    let mut refused = Reason::MissingSignature;
    for field in fields {
        match field.read(request) {
            Ok(one) => {
                presented.candidates.extend(one.candidates);
                presented.timestamp = presented.timestamp.or(one.timestamp);
            }
            Err(Reason::DuplicateHeader) => return Err(Reason::DuplicateHeader),
            Err(Reason::MissingSignature) => {}
            Err(reason) => refused = reason,
        }
    }
    match presented.candidates.len() {
        0 => Err(refused),
        1..=MAX_CANDIDATES => Ok(presented),
        _ => Err(Reason::MalformedSignature),
    }
}

impl SignatureField {
    fn read(&self, request: &Received<'_>) -> Result<Presented, Reason> {
        let found = self.from.read(request);
        let value = found
            .map_err(|error| error.or(Reason::MissingSignature))?
            .bytes;
        if value.is_empty() {
            return Err(Reason::MissingSignature);
        }
        if value.len() > MAX_SIGNATURE_BYTES {
            return Err(Reason::MalformedSignature);
        }
        let value = self.unprefixed(&value).ok_or(Reason::MalformedSignature)?;
        match (&self.list, &self.pairs) {
            (Some(list), _) => self.decoded(&list.signatures(value)?, None),
            (_, Some(pairs)) => {
                let paired = pairs.read(value)?;
                self.decoded(&paired.signatures, paired.timestamp)
            }
            _ => self.decoded(&[value], None),
        }
    }

    /// The value after its prefix, which may be missing only where it is optional.
    pub(crate) fn unprefixed<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        let Some(prefix) = &self.prefix else {
            return Some(value);
        };
        match stripped(prefix, value) {
            None if self.prefix_optional => Some(value),
            stripped => stripped.filter(|rest| !rest.is_empty()),
        }
    }

    fn decoded(&self, texts: &[&[u8]], timestamp: Option<&[u8]>) -> Result<Presented, Reason> {
        let case = self.hex_case.unwrap_or_default();
        let candidates: Vec<_> = texts
            .iter()
            .filter_map(|text| encoding::decode(text, self.encoding, case))
            .collect();
        if candidates.is_empty() {
            return Err(Reason::MalformedSignature);
        }
        Ok(Presented {
            candidates,
            timestamp: timestamp.map(<[u8]>::to_vec),
        })
    }

    /// The value that presents one signature. `None` for a token that is not text.
    pub(crate) fn write(&self, signature: &[u8], timestamp: Option<&str>) -> Option<String> {
        let signature = encoding::encode(signature, self.encoding)?;
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let value = match (&self.list, &self.pairs) {
            (Some(list), _) => list.write(&signature),
            (_, Some(pairs)) => pairs.write(&signature, timestamp),
            _ => signature,
        };
        Some(format!("{prefix}{value}"))
    }
}

/// The value after its prefix. A prefix that ends in a blank is the name of an authentication scheme, which
/// may be in any case (RFC 9110, section 11.1).
fn stripped<'v>(prefix: &str, value: &'v [u8]) -> Option<&'v [u8]> {
    let (start, rest) = value.split_at_checked(prefix.len())?;
    let fits = match prefix.ends_with(' ') {
        true => start.eq_ignore_ascii_case(prefix.as_bytes()),
        false => start == prefix.as_bytes(),
    };
    fits.then_some(rest)
}
