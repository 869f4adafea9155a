//! Webhook signature schemes as data: verify and sign, with no clock and no I/O.
//!
//! A [`Row`] says how a provider signs: one of the built-in ones, or the same words in TOML of your own. With secrets
//! or trusted issuers it becomes a [`Verifier`].
//!
//! ```
//! use hookgate_signature::{KeyCache, Options, Outgoing, Request, Row, Secret, Verdict, Verifier};
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! let row: Row = toml::from_str(r#"
//!     verify = { algorithm = "hmac-sha256", signature = { header = "x-acme-signature", prefix = "sha256=", encoding = "hex" }, timestamp = { header = "x-acme-time", format = "unix" }, content = ["timestamp", ".", "body"] }
//!     event  = { id = "body:id", type = "body:type" }
//! "#)?;
//! let options = Options { secrets: vec![Secret::new("current"), Secret::new("previous")], ..Options::default() };
//! let verifier = Verifier::new(row, options)?;
//! let now = UNIX_EPOCH + Duration::from_secs(1_760_000_000);
//!
//! let body = br#"{"id":"evt_1","type":"order.created"}"#;
//! let outgoing = Outgoing { method: "POST", url: "/in/acme", id: None, body, headers: &[] };
//! let signed = verifier.sign(&outgoing, now)?;
//!
//! let headers: Vec<_> = signed.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
//! let request = Request { method: "POST", url: "/in/acme", headers: &headers, body };
//! let Verdict::Verified(verified) = verifier.check(&request, &mut KeyCache::default(), now) else { panic!("refused") };
//! assert_eq!(verified.secret, Some(0));
//! assert_eq!(verifier.event(&request)?.dedupe.as_str(), "id:evt_1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! JWT rows need the issuer's keys. The verifier names the document it needs, and the caller fetches it:
//!
//! ```
//! # use hookgate_signature::{FetchFailure, KeyCache, Request, Verdict, Verifier};
//! # use std::time::SystemTime;
//! # fn fetch(_: &str) -> Result<Vec<u8>, FetchFailure> { Err(FetchFailure::Unreachable) }
//! fn decide(verifier: &Verifier, request: &Request<'_>, keys: &mut KeyCache, now: SystemTime) -> Verdict {
//!     loop {
//!         match verifier.check(request, keys, now) {
//!             Verdict::NeedsDocument(url) => keys.supply(&url, fetch(&url), now),
//!             verdict => return verdict,
//!         }
//!     }
//! }
//! ```
//!
//! Whatever the scheme: raw bytes are signed; decoded signatures are compared in constant time; a header that must be
//! single is refused when it is repeated; only canonical encodings count; integers are digits and nothing else.

mod content;
mod error;
mod event;
mod field;
mod grammar;
mod jwks;
mod jwt;
mod keys;
mod mac;
mod options;
mod providers;
mod request;
mod row;
mod scheme;
mod shared_secret;
mod sign;
mod strict_json;
mod timestamp;
mod validate;
mod verifier;

pub use content::Part;
pub use error::{ConfigError, Reason, SignError};
pub use event::{Dedupe, EventMeta, Facts, HandshakeAnswer, MissingField};
pub use field::{FieldSource, MAX_FIELD_BYTES};
pub use grammar::{MAX_CANDIDATES, MAX_SIGNATURE_BYTES};
pub use jwt::MAX_TOKEN_BYTES;
pub use keys::{
    DISCOVERY_TTL, FetchFailure, JWKS_TTL, KeyCache, MAX_DOCUMENT_BYTES, REFRESH_COOLDOWN,
    RETRY_COOLDOWN, STALE_IF_ERROR,
};
pub use options::{Audiences, MAX_LEEWAY, Options, Secret};
pub use request::Request;
pub use row::{EventField, EventFields, Handshake, Row};
pub use scheme::{
    Algorithm, Carrier, Encoding, HexCase, IdHeader, KeyEncoding, List, OneOrMany, Pairs, Scheme,
    TimeFormat, Timestamp, Variant,
};
pub use sign::Outgoing;
pub use verifier::{Verdict, Verified, Verifier};
