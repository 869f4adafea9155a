//! Reading an issuer's key set ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)): only keys that may verify RS256 are kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::RsaPublicKeyComponents;
use serde_json::Value;

/// RSA keys shorter than this must not be used (RFC 7518, section 3.3).
const MIN_RSA_BITS: usize = 2048;

/// More keys than any issuer publishes.
const MAX_KEYS: usize = 100;

/// An RSA key for signatures.
pub(crate) struct Jwk {
    pub(crate) kid: String,
    /// `None` for a key that is too weak to be used.
    pub(crate) key: Option<RsaPublicKeyComponents<Vec<u8>>>,
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The usable keys of a set; keys of other kinds and uses are left out. `None` if it is not a key set.
pub(crate) fn parse_jwks(document: &[u8]) -> Option<Vec<Jwk>> {
    let document: Value = serde_json::from_slice(document).ok()?;
    let keys = document.get("keys")?.as_array()?;
    Some(keys.iter().take(MAX_KEYS).filter_map(parse_jwk).collect())
}

fn parse_jwk(key: &Value) -> Option<Jwk> {
    let is = |member: &str, wanted: &str| key.get(member).is_none_or(|value| value == wanted);
    let verifies = key.get("key_ops").is_none_or(|ops| {
        ops.as_array()
            .is_some_and(|ops| ops.iter().any(|op| op == "verify"))
    });
    if key.get("kty")? != "RSA" || !is("use", "sig") || !is("alg", "RS256") || !verifies {
        return None;
    }
    let modulus = integer(key, "n")?;
    let exponent = integer(key, "e")?;
    let strong = bits(&modulus) >= MIN_RSA_BITS && is_sound_exponent(&exponent);
    Some(Jwk {
        kid: key.get("kid")?.as_str()?.to_owned(),
        key: strong.then_some(RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        }),
    })
}

/// A big-endian integer without leading zeros.
fn integer(key: &Value, member: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(key.get(member)?.as_str()?).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).map(<[u8]>::to_vec)
}

fn bits(integer: &[u8]) -> usize {
    let first = integer
        .first()
        .map_or(0, |first| first.leading_zeros() as usize);
    (integer.len() * 8).saturating_sub(first)
}

/// Odd and at least 3: with an exponent of 1 every signature would hold.
fn is_sound_exponent(exponent: &[u8]) -> bool {
    exponent.last().is_some_and(|last| last % 2 == 1) && exponent != [1]
}
