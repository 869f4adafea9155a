//! The signed content: its parts, and their bytes in one request.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::place::{Place, Unread};
use crate::request::Received;

/// One part of the signed content.
///
/// In TOML: `timestamp`, `body`, `id`, `method`, `url`, or a [`Place`] such as `header:NAME`;
/// anything else is literal text, and single quotes make a literal of a reserved word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The timestamp's text, unchanged.
    Timestamp,
    /// The raw body.
    Body,
    /// The event id's text.
    Id,
    /// The HTTP method.
    Method,
    /// The URL that the provider calls.
    Url,
    /// The value at a place.
    Value(Place),
    /// Fixed text.
    Literal(String),
}

/// Texts that were read before the signed content is built.
#[derive(Default)]
pub(crate) struct Texts<'a> {
    pub(crate) timestamp: Cow<'a, [u8]>,
    pub(crate) id: Cow<'a, [u8]>,
    pub(crate) url: Cow<'a, str>,
}

impl Part {
    fn parse(text: &str) -> Result<Part, String> {
        let quoted = text.strip_prefix('\'');
        if let Some(literal) = quoted.and_then(|rest| rest.strip_suffix('\'')) {
            return Ok(Part::Literal(literal.to_owned()));
        }
        Ok(match text {
            "timestamp" => Part::Timestamp,
            "body" => Part::Body,
            "id" => Part::Id,
            "method" => Part::Method,
            "url" => Part::Url,
            _ if looks_like_a_place(text) => Part::Value(Place::parse(text).map_err(|error| {
                format!("{error}; in single quotes, `'{text}'`, it is literal text")
            })?),
            _ => Part::Literal(text.to_owned()),
        })
    }

    /// The part's bytes in a request.
    pub(crate) fn bytes<'a>(
        &'a self,
        request: &Received<'a>,
        texts: &Texts<'a>,
    ) -> Result<Cow<'a, [u8]>, Unread<'a>> {
        Ok(match self {
            Part::Timestamp => texts.timestamp.clone(),
            Part::Id => texts.id.clone(),
            Part::Body => Cow::Borrowed(request.body),
            Part::Method => Cow::Borrowed(request.method.as_bytes()),
            Part::Url => Cow::Owned(texts.url.as_bytes().to_vec()),
            Part::Value(place) => place.read(request)?.bytes,
            Part::Literal(text) => Cow::Borrowed(text.as_bytes()),
        })
    }
}

/// A word, a colon and a name: never a literal by accident, or `heder:x` would be one. Slack's `v0:` names nothing.
fn looks_like_a_place(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.split_once(':')
        .is_some_and(|(kind, name)| word(kind) && (!name.is_empty() || is_kind(kind)))
}

fn is_kind(word: &str) -> bool {
    matches!(word, "header" | "query" | "form" | "body")
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Part, D::Error> {
        Part::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Result<Part, String> {
        Ok(Part::Literal(text.into()))
    }

    #[test]
    fn single_quotes_make_a_literal_of_a_reserved_word() {
        assert_eq!(Part::parse("timestamp"), Ok(Part::Timestamp));
        assert_eq!(Part::parse("'timestamp'"), literal("timestamp"));
        assert_eq!(Part::parse("v0:"), literal("v0:"));
        assert_eq!(Part::parse("ts:"), literal("ts:"));
        let place = Place::Header("x-id".into());
        assert_eq!(Part::parse("header:X-Id"), Ok(Part::Value(place)));
    }

    #[test]
    fn a_misspelled_place_is_not_literal_text() {
        for text in ["header:", "body:", "heder:x-id", "body:a["] {
            assert!(
                Part::parse(text).unwrap_err().contains("single quotes"),
                "{text}"
            );
        }
        assert_eq!(Part::parse("'heder:x-id'"), literal("heder:x-id"));
    }
}
