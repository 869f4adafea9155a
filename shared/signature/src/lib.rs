//! Webhook signature schemes as data: verify and sign, with no clock and no I/O.

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
mod sign;
mod strict_json;
mod timestamp;
mod validate;
mod verifier;

pub use content::Part;
pub use error::{ConfigError, Reason, SignError};
pub use event::{Dedupe, EventMeta, HandshakeAnswer, MissingField};
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
