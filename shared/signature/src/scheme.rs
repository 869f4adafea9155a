//! How a provider signs: the `verify` table of a row, as typed values.

use crate::content::Part;
use crate::field::FieldSource;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// How requests of one provider are signed. The README has the complete reference.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// What is computed, or compared, to prove the sender.
    pub algorithm: Algorithm,
    /// How a secret's text becomes key bytes.
    #[serde(default)]
    pub key: KeyEncoding,
    /// Where the signature (or the token) is and how it is written; any one that verifies is enough.
    pub signature: OneOrMany<Carrier>,
    /// Where the time of signing is. Absent: the scheme has none, and only deduplication stops a replay.
    pub timestamp: Option<Timestamp>,
    /// Where the event id is, for schemes that sign one.
    pub id: Option<IdHeader>,
    /// What is signed, in order. Empty for tokens and JWTs.
    #[serde(default)]
    pub content: Vec<Part>,
    /// Other readings of the scheme, chosen by name in the configuration and never automatically.
    #[serde(default)]
    pub variants: BTreeMap<String, Variant>,
    /// The HTTP status that answers a request that is not authentic: 400 to 499, default 401.
    #[serde(default = "default_reject_status")]
    pub reject_status: u16,
}

fn default_reject_status() -> u16 {
    401
}

/// What is computed, or compared, to prove the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-1: sound as a MAC, and what some older providers still use.
    #[serde(rename = "hmac-sha1")]
    HmacSha1,
    /// HMAC with SHA-256.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC with SHA-384.
    #[serde(rename = "hmac-sha384")]
    HmacSha384,
    /// HMAC with SHA-512.
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
    /// The secret itself, sent with each request.
    #[serde(rename = "token")]
    Token,
    /// A JSON Web Token, RS256, with keys from the issuer's OpenID discovery document.
    #[serde(rename = "jwt")]
    Jwt,
}

/// How a secret's text becomes key bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyEncoding {
    /// The text's own bytes.
    #[default]
    Utf8,
    /// Hexadecimal digits.
    Hex,
    /// Standard base64.
    Base64,
    /// Standard base64 after an optional `whsec_`, as in
    /// [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
    Whsec,
}

/// One table, or an array of tables.
#[derive(Clone, Debug)]
pub enum OneOrMany<T> {
    /// `key = { … }`, or a plain value.
    One(T),
    /// `key = [{ … }, …]`.
    Many(Vec<T>),
}

/// By hand, because `untagged` would hide which key of the table is wrong.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(text.into_deserializer()).map(OneOrMany::One)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany::Many)
    }
}

impl<T> OneOrMany<T> {
    /// The values, however they were written.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(many) => many,
        }
    }
}

/// Where a signature is and how it is written. Exactly one of `header`, `query`, `body` and `form` is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    /// Name of a header.
    pub header: Option<String>,
    /// Name of a query parameter.
    pub query: Option<String>,
    /// A JMESPath into the JSON body.
    pub body: Option<String>,
    /// Name of a field of a form body.
    pub form: Option<String>,
    /// Text before the signature, such as `sha256=`.
    pub prefix: Option<String>,
    /// Whether the prefix may be missing.
    #[serde(default)]
    pub prefix_optional: bool,
    /// Several versioned signatures in one value, such as `v1,… v1,…`.
    pub list: Option<List>,
    /// Named items in one value, such as `t=…,v1=…`.
    pub pairs: Option<Pairs>,
    /// How the signature's bytes are written: required for an HMAC, absent for tokens and JWTs.
    pub encoding: Option<Encoding>,
    /// Which hexadecimal digits are accepted.
    pub hex_case: Option<HexCase>,
}

/// Several versioned signatures in one value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Between two signatures.
    pub separator: String,
    /// Between a version and its signature.
    pub version_separator: String,
    /// Versions that count; others are ignored.
    pub versions: Vec<String>,
    /// Whether blanks around an item are removed.
    #[serde(default)]
    pub trim: bool,
}

/// Named items in one value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairs {
    /// Between two items.
    pub separator: String,
    /// Between a name and its value.
    pub equals: String,
    /// Names whose values are signatures.
    pub signature_keys: Vec<String>,
    /// The name whose value is the timestamp: exactly one such item must be there.
    pub timestamp_key: Option<String>,
    /// Whether blanks around an item are removed.
    #[serde(default)]
    pub trim: bool,
}

/// How a signature's bytes are written. Only the canonical form is accepted.
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

/// Which hexadecimal digits are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HexCase {
    /// `0` to `9` and `a` to `f`.
    #[default]
    Lower,
    /// Upper and lower case.
    Any,
}

/// Where the time of signing is, how it is written, and how far it may be from now.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// Name of a header. Neither `header` nor `body`: the signature's `pairs` hold it.
    pub header: Option<String>,
    /// A JMESPath into the JSON body.
    pub body: Option<String>,
    /// One format, or a list of those that are accepted.
    pub format: OneOrMany<TimeFormat>,
    /// How far the timestamp may be from now, either way, in seconds.
    ///
    /// Five minutes by default, the value [Stripe](https://docs.stripe.com/webhooks/signature) and
    /// [Slack](https://docs.slack.dev/authentication/verifying-requests-from-slack) document.
    #[serde(default = "default_tolerance_s")]
    pub tolerance_s: u64,
}

fn default_tolerance_s() -> u64 {
    300
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// Seconds since 1970 in decimal digits, without sign or leading zero.
    Unix,
    /// Milliseconds since 1970, written the same way.
    UnixMs,
    /// `2025-10-09T08:53:20Z`: date and time of [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339), with a zone.
    Iso8601,
}

/// Where a signed event id is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdHeader {
    /// Name of the header.
    pub header: String,
}

/// Another reading of a scheme: it replaces what is signed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What is signed in this variant.
    pub content: Vec<Part>,
}

impl Scheme {
    /// Whether what is signed contains the part.
    pub(crate) fn signs(&self, part: &Part) -> bool {
        self.content.contains(part)
    }

    /// Whether a value at this place cannot be changed without breaking the signature.
    pub(crate) fn covers(&self, source: &FieldSource) -> bool {
        match source {
            FieldSource::Body(path) => {
                self.signs(&Part::Body) || self.signs(&Part::BodyField(path.clone()))
            }
            FieldSource::Header(name) => self.content.iter().any(|part| self.is_header(part, name)),
        }
    }

    fn is_header(&self, part: &Part, name: &str) -> bool {
        let signed = match part {
            Part::Header(signed) => Some(signed.as_str()),
            Part::Id => self.id.as_ref().map(|id| id.header.as_str()),
            Part::Timestamp => self
                .timestamp
                .as_ref()
                .and_then(|time| time.header.as_deref()),
            _ => None,
        };
        signed.is_some_and(|signed| signed.eq_ignore_ascii_case(name))
    }
}
