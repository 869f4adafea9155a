//! Webhook signature schemes as data: verify and sign, with no clock and no I/O.
//!
//! A [`Provider`] says how requests are signed: one of the built-in ones, or the same words in TOML of your own. With
//! secrets or trusted issuers it becomes a [`Verifier`].
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use hookgate_signature::{KeyCache, Options, Outgoing, Provider, Request, Secret, Verifier};
//!
//! let acme = Provider::parse(r#"
//!     [verify]
//!     algorithm = "hmac-sha256"
//!     signature = { from = "header:x-acme-signature", prefix = "sha256=", encoding = "hex" }
//!     timestamp = { from = "header:x-acme-time", format = "unix" }
//!     content   = ["timestamp", ".", "body"]
//!
//!     [event]
//!     id   = "body:id"
//!     type = "body:type"
//! "#)?;
//! let options = Options { secrets: vec![Secret::new("current"), Secret::new("previous")], ..Options::default() };
//! let verifier = Verifier::new(acme, options)?;
//! let now = UNIX_EPOCH + Duration::from_secs(1_760_000_000);
//!
//! let body = br#"{"id":"evt_1","type":"order.created"}"#;
//! let outgoing = Outgoing { method: "POST", url: "/in/acme", id: None, body, headers: &[] };
//! let signed = verifier.sign(&outgoing, now)?;
//!
//! let headers: Vec<_> = signed.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
//! let request = Request { method: "POST", url: "/in/acme", headers: &headers, body };
//! let verified = verifier.check(&request, &mut KeyCache::default(), now)?;
//! assert_eq!(verified.secret, Some(0));
//! assert_eq!(verifier.event(&request)?.dedupe.as_str(), "id:evt_1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! JWT definitions need the issuer's keys. The verifier names the document it needs, and the caller fetches it:
//!
//! ```
//! # use std::time::SystemTime;
//! # use hookgate_signature::{FetchFailure, KeyCache, Request, Unverified, Verified, Verifier};
//! # fn fetch(_: &str) -> Result<Vec<u8>, FetchFailure> { Err(FetchFailure::Unreachable) }
//! fn decide(verifier: &Verifier, request: &Request<'_>, keys: &mut KeyCache, now: SystemTime) -> Result<Verified, Unverified> {
//!     loop {
//!         match verifier.check(request, keys, now) {
//!             Err(Unverified::NeedsDocument(url)) => keys.supply(&url, fetch(&url), now),
//!             decided => return decided,
//!         }
//!     }
//! }
//! ```
//!
//! Whatever the scheme: raw bytes are signed; decoded signatures are compared in constant time; a header that must be
//! single is rejected when it is repeated; only canonical encodings count; integers are digits and nothing else.

mod body;
mod builtin;
mod content;
mod dedupe;
mod encoding;
mod error;
mod event;
mod fact;
mod handshake;
mod jwks;
mod jwt;
mod keys;
mod layout;
mod mac;
mod one_or_many;
mod options;
mod outcome;
mod place;
mod provider;
mod reading;
mod request;
mod sample;
mod scheme;
mod shared_secret;
mod sign;
mod signature_field;
mod strict_json;
mod timestamp;
mod validate;
mod verifier;

pub use body::BodyPath;
pub use builtin::{About, Bases, Basis};
pub use content::Part;
pub use dedupe::Dedupe;
pub use encoding::{Encoding, HexCase};
pub use error::{ConfigError, Reason, SignError};
pub use event::{EventField, EventFields, EventMeta, Facts};
pub use fact::{MAX_FIELD_BYTES, MissingField};
pub use handshake::{Handshake, HandshakeAnswer};
pub use jwt::MAX_TOKEN_BYTES;
pub use keys::{
    DISCOVERY_TTL, FetchFailure, JWKS_TTL, KeyCache, MAX_DOCUMENT_BYTES, REFRESH_COOLDOWN,
    RETRY_COOLDOWN, STALE_IF_ERROR,
};
pub use layout::{List, MAX_CANDIDATES, Pairs};
pub use one_or_many::OneOrMany;
pub use options::{Audiences, MAX_LEEWAY, Options, Secret};
pub use outcome::{Unverified, Verified};
pub use place::Place;
pub use provider::Provider;
pub use request::Request;
pub use sample::{Sample, SampleValues};
pub use scheme::{Algorithm, KeyEncoding, Scheme, TimeFormat, Timestamp, Variant};
pub use sign::Outgoing;
pub use signature_field::{MAX_SIGNATURE_BYTES, SignatureField};
pub use verifier::Verifier;
