//! Encodings of a signature's bytes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The encoding of a signature's bytes. Only the canonical form is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal digits.
    Hex,
    /// Standard base64, padded.
    Base64,
    /// URL-safe base64, without padding.
    Base64url,
}

/// The hexadecimal digits that are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HexCase {
    /// `0` to `9` and `a` to `f`.
    #[default]
    Lower,
    /// Upper and lower case.
    Any,
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
