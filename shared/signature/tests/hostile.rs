//! Nothing that a sender puts into a request makes a check panic or accept.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use hookgate_signature::{KeyCache, Provider, Unverified};
use serde_json::Value;

use support::{ISSUER, Owned, verifier};

/// A small generator: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    fn bytes(&mut self) -> Vec<u8> {
        let pieces: [&[u8]; 16] = [
            b"t=",
            b"v1=",
            b",",
            b" ",
            b"v1,",
            b"sha256=",
            b"Bearer ",
            b".",
            b"1760000000",
            b"eyJhbGciOiJSUzI1NiJ9",
            b"{\"id\":",
            b"[[[",
            b"\"",
            b"\xff\xfe",
            b"2025-10-09T08:53:20Z",
            b"0000000000000000000000000000000000000000000000000000000000000000",
        ];
        let mut bytes = Vec::new();
        for _ in 0..self.next(8) {
            if self.next(3) == 0 {
                bytes.push(self.next(256) as u8);
            } else {
                bytes.extend_from_slice(pieces[self.next(pieces.len())]);
            }
        }
        bytes
    }
}

/// The headers that the provider's vectors have.
fn headers<'a>(vectors: &'a Value, provider: &str) -> BTreeSet<&'a str> {
    let own = vectors["vectors"].as_array().unwrap().iter();
    own.filter(|vector| vector["provider"] == provider)
        .flat_map(|vector| vector["request"]["headers"].as_array().unwrap())
        .map(|header| header[0].as_str().unwrap())
        .collect()
}

#[test]
fn random_requests_are_refused_and_never_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let vectors = support::vectors();
    for name in Provider::builtin_names() {
        let config = match name {
            "pps" => serde_json::json!({ "trusted_issuers": { ISSUER: null } }),
            _ => {
                serde_json::json!({ "secrets": ["00112233445566778899aabbccddeeff"], "assume_utc": true })
            }
        };
        let verifier = verifier(name, &config);
        let names = headers(&vectors, name);
        for _ in 0..1500 {
            let headers = names
                .iter()
                .map(|name| ((*name).to_owned(), random.bytes()))
                .collect();
            let request = Owned {
                method: "POST".into(),
                url: "/in/x?%".into(),
                headers,
                body: random.bytes(),
            };
            let now = UNIX_EPOCH + Duration::from_secs(1_760_000_000);
            let verdict =
                request.with(|request| verifier.check(request, &mut KeyCache::default(), now));
            assert!(
                matches!(verdict, Err(Unverified::Refused(_))),
                "{name}: {verdict:?}"
            );
            let _ = request.with(|request| verifier.event(request));
            let _ = request.with(|request| verifier.handshake(request));
        }
    }
}

#[test]
fn key_documents_may_hold_anything() {
    let mut random = Random(7);
    let verifier = verifier(
        "pps",
        &serde_json::json!({ "trusted_issuers": { ISSUER: null } }),
    );
    let data = support::vectors();
    let request = Owned::parse(
        &data["vectors"]
            .as_array()
            .unwrap()
            .iter()
            .find(|vector| vector["provider"] == "pps")
            .unwrap()["request"],
    );
    let now = UNIX_EPOCH + Duration::from_secs(1_760_000_005);
    let documents = [
        "{}",
        "[]",
        "null",
        "",
        r#"{"issuer":1}"#,
        r#"{"keys":1}"#,
        r#"{"keys":[1,null,{}]}"#,
        r#"{"issuer":"x","jwks_uri":"file:///etc/passwd"}"#,
    ];
    for index in 0..200 {
        let mut cache = KeyCache::default();
        let (verdict, fetched) = support::drive(&verifier, &request, &mut cache, now, |_| {
            Ok(documents
                .get(index)
                .map_or_else(|| vec![0xff; 3], |text| text.as_bytes().to_vec()))
        });
        assert!(
            matches!(verdict, Err(Unverified::Undecided(_))),
            "{verdict:?}"
        );
        assert_eq!(fetched.len(), 1);
        cache.supply(&fetched[0], Ok(random.bytes()), now);
    }
}
