//! A provider's signature scheme: the `verify` table, as typed values.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::content::Part;
use crate::one_or_many::OneOrMany;
use crate::place::Place;
use crate::signature_field::SignatureField;

/// A signature scheme. The README has the complete reference.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// The proof of the sender: what is computed or compared.
    pub algorithm: Algorithm,
    /// The encoding of a secret's text.
    #[serde(default)]
    pub key: KeyEncoding,
    /// The fields that may hold the signature, or the token; any one that verifies is enough.
    pub signature: OneOrMany<SignatureField>,
    /// The time of signing. Absent: the scheme has none, and only deduplication stops a replay.
    pub timestamp: Option<Timestamp>,
    /// The place of the event id, for schemes that sign one.
    pub id: Option<Place>,
    /// The signed content, in order. Empty for tokens and JWTs.
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

/// The proof of the sender: what is computed or compared.
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

/// The encoding of a secret's text, which is decoded to the key's bytes.
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

/// The time of signing: where it is, how it is written, and how far it may be from now.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    /// Its place. Absent: the signature's `pairs` hold it.
    pub from: Option<Place>,
    /// One format, or a list of those that are accepted.
    pub format: OneOrMany<TimeFormat>,
    /// The distance that the timestamp may have from now, either way, in seconds.
    ///
    /// Five minutes by default, the value [Stripe](https://docs.stripe.com/webhooks/signature) and
    /// [Slack](https://docs.slack.dev/authentication/verifying-requests-from-slack) document.
    #[serde(default = "default_tolerance_s")]
    pub tolerance_s: u64,
}

fn default_tolerance_s() -> u64 {
    300
}

/// The format of a timestamp.
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

/// A variant of a scheme: it replaces the signed content.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The content that is signed in this variant.
    pub content: Vec<Part>,
}

impl Scheme {
    /// True if the part is in the signed content.
    pub(crate) fn signs(&self, part: &Part) -> bool {
        self.content.contains(part)
    }

    /// True if something is signed, and nothing of the body.
    pub(crate) fn leaves_out_the_body(&self) -> bool {
        let is_of_the_body = |part: &Part| match self.place(part) {
            Some(place) => matches!(place, Place::Body(_) | Place::Form(_)),
            None => *part == Part::Body,
        };
        !self.content.is_empty() && !self.content.iter().any(is_of_the_body)
    }

    /// True if the value at this place cannot be changed without breaking the signature.
    pub(crate) fn covers(&self, place: &Place) -> bool {
        let in_body = matches!(place, Place::Body(_) | Place::Form(_));
        in_body && self.signs(&Part::Body)
            || self
                .content
                .iter()
                .any(|part| self.place(part) == Some(place))
    }

    /// The place that a signed part is read from.
    fn place<'a>(&'a self, part: &'a Part) -> Option<&'a Place> {
        match part {
            Part::Value(place) => Some(place),
            Part::Id => self.id.as_ref(),
            Part::Timestamp => self.timestamp.as_ref()?.from.as_ref(),
            _ => None,
        }
    }
}
