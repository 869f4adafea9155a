//! Keys and message authentication codes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use subtle::ConstantTimeEq as _;

use crate::error::ConfigError;
use crate::scheme::{Algorithm, KeyEncoding};

/// Keys are pasted by hand, and some consoles omit the padding.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key bytes of a secret's text.
pub(crate) fn key_bytes(secret: &str, encoding: KeyEncoding) -> Result<Vec<u8>, ConfigError> {
    let key = match encoding {
        KeyEncoding::Utf8 => Some(secret.as_bytes().to_vec()),
        KeyEncoding::Hex => hex::decode(secret).ok(),
        KeyEncoding::Base64 => KEY_BASE64.decode(secret).ok(),
        KeyEncoding::Whsec => KEY_BASE64
            .decode(secret.strip_prefix("whsec_").unwrap_or(secret))
            .ok(),
    };
    let wanted = match encoding {
        KeyEncoding::Utf8 => "text",
        KeyEncoding::Hex => "hexadecimal digits",
        KeyEncoding::Base64 => "base64",
        KeyEncoding::Whsec => "`whsec_` and base64",
    };
    key.filter(|key| !key.is_empty()).ok_or_else(|| {
        ConfigError::at(
            "secrets",
            format!("a secret is empty or not {wanted}: copy it from the provider again"),
        )
    })
}

/// The code over the parts, in order. A token is its own code.
pub(crate) fn code(algorithm: Algorithm, key: &[u8], parts: &[Cow<'_, [u8]>]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::HmacSha1 => hmac::<Hmac<sha1::Sha1>>(key, parts),
        Algorithm::HmacSha256 => hmac::<Hmac<sha2::Sha256>>(key, parts),
        Algorithm::HmacSha384 => hmac::<Hmac<sha2::Sha384>>(key, parts),
        Algorithm::HmacSha512 => hmac::<Hmac<sha2::Sha512>>(key, parts),
        Algorithm::Token => Some(key.to_vec()),
        Algorithm::Jwt => None,
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], parts: &[Cow<'_, [u8]>]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().to_vec())
}

/// Compares in a time that does not depend on where the bytes differ.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
