//! The five systems' senders, written from their guides with nothing of ours: what they sign is
//! what a receiver must take.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A signed request, apart from its URL.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Signed {
    /// The request with one byte changed: of the body, or of the token that does not cover it.
    #[must_use]
    pub fn altered(&self) -> Signed {
        let mut bad = self.clone();
        let mut headers = bad.headers.iter_mut();
        match headers.find(|(name, _)| holds_token(name)) {
            Some((_, value)) => {
                let middle = value.len() / 2;
                let other = if value.as_bytes()[middle] == b'A' {
                    "B"
                } else {
                    "A"
                };
                value.replace_range(middle..=middle, other);
            }
            None => bad.body[0] ^= 1,
        }
        bad
    }
}

fn holds_token(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    header == "authorization" || header.ends_with("-token")
}

/// HMAC-SHA256 over the parts, one after the other.
pub fn hmac(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn signed(headers: &[(&str, String)], body: &[u8]) -> Signed {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Signed {
        headers: headers.collect(),
        body: body.to_owned(),
    }
}

/// PartsSource: `sha256=` and hex of HMAC over `{timestamp}.{body}`.
pub fn partssource(secret: &str, unix_s: u64, body: &[u8]) -> Signed {
    let mac = hex::encode(hmac(secret, &[unix_s.to_string().as_bytes(), b".", body]));
    let headers = [
        ("X-PS-Signature", format!("sha256={mac}")),
        ("X-PS-Timestamp", unix_s.to_string()),
    ];
    signed(&headers, body)
}

/// The [Product] guide: `t=…,v1=…` over `{t}.{body}`.
pub fn product(secret: &str, unix_s: u64, body: &[u8]) -> Signed {
    let mac = hex::encode(hmac(secret, &[unix_s.to_string().as_bytes(), b".", body]));
    signed(
        &[("X-Product-Signature", format!("t={unix_s},v1={mac}"))],
        body,
    )
}

/// Pakk: base64 of HMAC over the body's bytes.
pub fn pakk(secret: &str, body: &[u8]) -> Signed {
    signed(
        &[(
            "X-Pakk-Webhook-Signature",
            STANDARD.encode(hmac(secret, &[body])),
        )],
        body,
    )
}

/// WSS: hex of HMAC over the timestamp followed by the body.
pub fn wss(secret: &str, timestamp: &str, body: &[u8]) -> Signed {
    let mac = hex::encode(hmac(secret, &[timestamp.as_bytes(), body]));
    signed(
        &[
            ("X-WSS-Signature", mac),
            ("X-WSS-Timestamp", timestamp.to_owned()),
        ],
        body,
    )
}

/// PPS: a bearer token, and what the event is in headers.
pub fn pps(token: &str, id: &str, body: &[u8]) -> Signed {
    let headers = [
        ("Authorization", format!("Bearer {token}")),
        ("X-Pps-Topic", "orders/placed".to_owned()),
        ("X-Pps-Webhook-Id", id.to_owned()),
        ("X-Pps-Tenant-Id", "OU1243".to_owned()),
        (
            "X-Pps-Triggered-At",
            "2024-01-1T10:00:00.7777748Z".to_owned(),
        ),
    ];
    signed(&headers, body)
}
