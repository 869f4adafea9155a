//! Keys, message authentication codes and how their bytes are written.

use crate::error::ConfigError;
use crate::scheme::{Algorithm, Encoding, HexCase, KeyEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use std::borrow::Cow;
use subtle::ConstantTimeEq as _;

/// Keys are pasted by hand, and some consoles leave the padding off.
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
        ConfigError::new(
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

/// The bytes of a signature's text; only the canonical text of some bytes has any.
pub(crate) fn decode(text: &[u8], encoding: Option<Encoding>, case: HexCase) -> Option<Vec<u8>> {
    match encoding {
        None => Some(text.to_vec()),
        Some(Encoding::Hex)
            if case == HexCase::Lower && text.iter().any(u8::is_ascii_uppercase) =>
        {
            None
        }
        Some(Encoding::Hex) => hex::decode(text).ok(),
        Some(Encoding::Base64) => STANDARD.decode(text).ok(),
        Some(Encoding::Base64url) => URL_SAFE_NO_PAD.decode(text).ok(),
    }
}

/// The text of a signature's bytes, or `None` for a token that is not text.
pub(crate) fn encode(bytes: &[u8], encoding: Option<Encoding>) -> Option<String> {
    match encoding {
        None => String::from_utf8(bytes.to_vec()).ok(),
        Some(Encoding::Hex) => Some(hex::encode(bytes)),
        Some(Encoding::Base64) => Some(STANDARD.encode(bytes)),
        Some(Encoding::Base64url) => Some(URL_SAFE_NO_PAD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_of_bytes_is_decoded() {
        let base64 = |text: &str| decode(text.as_bytes(), Some(Encoding::Base64), HexCase::Lower);
        assert_eq!(base64("+/8="), Some(vec![0xfb, 0xff]));
        for text in ["+/8", "+/9=", "-_8=", "+/8=\n", "+/8=="] {
            assert_eq!(base64(text), None, "{text}");
        }
        assert_eq!(
            decode(b"Ab", Some(Encoding::Hex), HexCase::Any),
            Some(vec![0xab])
        );
        assert_eq!(decode(b"Ab", Some(Encoding::Hex), HexCase::Lower), None);
    }
}
