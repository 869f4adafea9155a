//! What is signed: the parts of a scheme's content, and their bytes in one request.

use crate::error::Reason;
use crate::field::Document;
use crate::options::Options;
use crate::request::{HeaderError, Request};
use crate::scheme::Scheme;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::borrow::Cow;

/// One part of what is signed.
///
/// In TOML: `timestamp`, `body`, `id`, `method`, `url`, `header:NAME`, `query:NAME`, `body:PATH`;
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
    /// A header's value.
    Header(String),
    /// A query parameter's value.
    Query(String),
    /// The text of a value in the JSON body, by JMESPath.
    BodyField(String),
    /// Fixed text.
    Literal(String),
}

impl Part {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(quoted) = text
            .strip_prefix('\'')
            .and_then(|rest| rest.strip_suffix('\''))
        {
            return Ok(Self::Literal(quoted.to_owned()));
        }
        match (text, text.split_once(':')) {
            ("timestamp", _) => Ok(Self::Timestamp),
            ("body", _) => Ok(Self::Body),
            ("id", _) => Ok(Self::Id),
            ("method", _) => Ok(Self::Method),
            ("url", _) => Ok(Self::Url),
            (_, Some(("header" | "query" | "body", ""))) => Err(format!(
                "`{text}` names nothing: write a name after the colon, or `'{text}'` for literal text"
            )),
            (_, Some(("header", name))) => Ok(Self::Header(name.to_owned())),
            (_, Some(("query", name))) => Ok(Self::Query(name.to_owned())),
            (_, Some(("body", path))) => Ok(Self::BodyField(path.to_owned())),
            _ => Ok(Self::Literal(text.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Texts that were read from the request before what is signed is put together.
#[derive(Default)]
pub(crate) struct Texts<'a> {
    pub(crate) timestamp: Cow<'a, [u8]>,
    pub(crate) id: Cow<'a, [u8]>,
}

/// The bytes that are signed, part by part.
pub(crate) fn parts<'a>(
    scheme: &'a Scheme,
    options: &Options,
    request: &Request<'a>,
    texts: &Texts<'a>,
) -> Result<Vec<Cow<'a, [u8]>>, Reason> {
    scheme
        .content
        .iter()
        .map(|part| bytes(part, options, request, texts))
        .collect()
}

fn bytes<'a>(
    part: &'a Part,
    options: &Options,
    request: &Request<'a>,
    texts: &Texts<'a>,
) -> Result<Cow<'a, [u8]>, Reason> {
    Ok(match part {
        Part::Timestamp => texts.timestamp.clone(),
        Part::Id => texts.id.clone(),
        Part::Body => Cow::Borrowed(request.body),
        Part::Method => Cow::Borrowed(request.method.as_bytes()),
        Part::Url => Cow::Owned(url(options, request).into_bytes()),
        Part::Header(name) => Cow::Borrowed(request.header(name).map_err(Reason::from)?),
        Part::Query(name) => Cow::Owned(request.query(name).map_err(Reason::from)?),
        Part::BodyField(path) => Cow::Owned(
            body_text(request, path)
                .ok_or(Reason::MissingContent)?
                .into_bytes(),
        ),
        Part::Literal(text) => Cow::Borrowed(text.as_bytes()),
    })
}

/// The URL that the provider called: the configured one, with the query that was received.
fn url(options: &Options, request: &Request<'_>) -> String {
    match (&options.public_url, request.url.split_once('?')) {
        (None, _) => request.url.to_owned(),
        (Some(url), Some((_, query))) if !url.contains('?') => format!("{url}?{query}"),
        (Some(url), _) => url.clone(),
    }
}

/// The text at a path of the JSON body. Few schemes need it, so the path is compiled when it is.
pub(crate) fn body_text(request: &Request<'_>, path: &str) -> Option<String> {
    let path = crate::field::Path::new(path, "body").ok()?;
    Some(Document::parse(request.body).read(&path)?.text)
}

impl From<HeaderError> for Reason {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Missing => Self::MissingContent,
            HeaderError::Duplicate => Self::DuplicateHeader,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_quotes_make_a_literal_of_a_reserved_word() {
        assert_eq!(Part::parse("timestamp"), Ok(Part::Timestamp));
        assert_eq!(
            Part::parse("'timestamp'"),
            Ok(Part::Literal("timestamp".into()))
        );
        assert_eq!(Part::parse("v0:"), Ok(Part::Literal("v0:".into())));
        assert_eq!(Part::parse("header:X-Id"), Ok(Part::Header("X-Id".into())));
        assert!(Part::parse("header:").is_err());
    }
}
