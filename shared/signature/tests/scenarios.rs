//! The cache of issuers' keys: what is fetched, and when.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookgate_signature::{FetchFailure, KeyCache, Reason, Unverified, Verified, Verifier};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use support::{ISSUER, Owned, at_ms, drive, issuers, serve, vectors, verifier};

fn document(
    scenario: &Value,
    step: &Value,
    documents: &Value,
    url: &str,
) -> Result<Vec<u8>, FetchFailure> {
    if step["redirects"].get(url).is_some() {
        return Err(FetchFailure::Redirect);
    }
    let Some(given) = step["documents"].get(url) else {
        return serve(documents, url);
    };
    let Some(pad) = given.get("pad") else {
        return serve(&step["documents"], url);
    };
    assert_eq!(scenario["id"], "pps.scn.huge_jwks");
    Ok(format!(
        "{{\"keys\":[],\"pad\":\"{}\"}}",
        "A".repeat(pad["times"].as_u64().unwrap() as usize)
    )
    .into_bytes())
}

fn request(step: &Value) -> Owned {
    Owned {
        method: "POST".into(),
        url: "/in/pps".into(),
        headers: vec![(
            "Authorization".into(),
            step["authorization"].as_str().unwrap().into(),
        )],
        body: b"{}".to_vec(),
    }
}

fn outcome(decided: &Result<Verified, Unverified>) -> &'static str {
    match decided {
        Ok(_) => "accept",
        Err(Unverified::Refused(_)) => "reject",
        Err(Unverified::Undecided(_)) => "error",
        Err(Unverified::NeedsDocument(_)) => "unfinished",
    }
}

fn pps(data: &Value) -> Verifier {
    verifier(
        "pps",
        &serde_json::json!({ "trusted_issuers": data["issuers"]["trusted"] }),
    )
}

#[test]
fn every_scenario_gives_its_verdicts_with_its_fetches() {
    let data = vectors();
    let verifier = pps(&data);
    assert_eq!(data["scenarios"].as_array().unwrap().len(), 12);
    for scenario in data["scenarios"].as_array().unwrap() {
        let mut cache = KeyCache::default();
        for step in scenario["steps"].as_array().unwrap() {
            run(
                scenario,
                step,
                &verifier,
                &mut cache,
                &data["issuers"]["documents"],
            );
        }
    }
}

fn run(
    scenario: &Value,
    step: &Value,
    verifier: &Verifier,
    cache: &mut KeyCache,
    documents: &Value,
) {
    let interval = Duration::from_millis(step["repeat_interval_ms"].as_u64().unwrap_or_default());
    let mut now = at_ms(&step["now_ms"]);
    let mut fetched = Vec::new();
    for _ in 0..step["repeat"].as_u64().unwrap_or(1) {
        let (verdict, urls) = drive(verifier, &request(step), cache, now, |url| {
            document(scenario, step, documents, url)
        });
        assert_eq!(
            outcome(&verdict),
            step["expect"]["verdict"],
            "{}: {verdict:?}",
            scenario["id"]
        );
        fetched.extend(urls);
        now += interval;
    }
    assert_eq!(
        serde_json::json!(fetched),
        step["expect"]["fetches"],
        "{}",
        scenario["id"]
    );
}

fn first_token(data: &Value) -> Owned {
    request(&data["scenarios"][0]["steps"][0])
}

fn start(data: &Value) -> SystemTime {
    at_ms(&data["scenarios"][0]["steps"][0]["now_ms"])
}

#[test]
fn an_unknown_key_is_undecided_while_the_issuer_cannot_be_asked() {
    let data = vectors();
    let verifier = pps(&data);
    let mut cache = KeyCache::default();
    let documents = &data["issuers"]["documents"];
    let (known, _) = drive(
        &verifier,
        &first_token(&data),
        &mut cache,
        start(&data),
        |url| serve(documents, url),
    );
    assert_eq!(outcome(&known), "accept");
    let rotated = request(&data["scenarios"][2]["steps"][1]);
    let later = at_ms(&data["scenarios"][2]["steps"][1]["now_ms"]);
    let (verdict, urls) = drive(&verifier, &rotated, &mut cache, later, |_| {
        Err(FetchFailure::Status(500))
    });
    assert_eq!((outcome(&verdict), urls.len()), ("error", 1));
    let (verdict, _) = drive(&verifier, &first_token(&data), &mut cache, later, |_| {
        panic!("fresh keys are at hand")
    });
    assert_eq!(outcome(&verdict), "accept");
}

#[test]
fn a_failed_first_fetch_is_tried_again_after_a_few_seconds() {
    let data = vectors();
    let verifier = pps(&data);
    let mut cache = KeyCache::default();
    let (request, start) = (first_token(&data), start(&data));
    let down = |_: &str| Err(FetchFailure::Unreachable);
    assert_eq!(
        drive(&verifier, &request, &mut cache, start, down).1.len(),
        1
    );
    assert_eq!(
        drive(
            &verifier,
            &request,
            &mut cache,
            start + Duration::from_secs(4),
            down
        )
        .1
        .len(),
        0
    );
    let up = |url: &str| serve(&data["issuers"]["documents"], url);
    assert_eq!(
        outcome(
            &drive(
                &verifier,
                &request,
                &mut cache,
                start + Duration::from_secs(5),
                up
            )
            .0
        ),
        "accept"
    );
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let data = vectors();
    let mut cache = KeyCache::default();
    cache.supply(
        "https://evil.example.net/jwks.json",
        serve(
            &data["issuers"]["documents"],
            "https://evil.example.net/jwks.json",
        ),
        start(&data),
    );
    let verifier = pps(&data);
    let (_, urls) = drive(
        &verifier,
        &first_token(&data),
        &mut cache,
        start(&data),
        |url| serve(&data["issuers"]["documents"], url),
    );
    assert_eq!(urls.len(), 2);
    assert_eq!(issuers(&data["issuers"]["trusted"]).len(), 2);
}

/// A key set with one key, whose exponent is `exponent` in base64url, and a token that is "signed" with what its
/// padded hash is to the power of 1.
fn made_up(exponent: &str) -> (Value, Owned) {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut modulus = [0; 256];
    (modulus[0], modulus[255]) = (0x80, 1);
    let key = json!({ "kty": "RSA", "kid": "made-up", "n": encode(&modulus), "e": exponent });
    let header = json!({ "alg": "RS256", "kid": "made-up" });
    let claims = json!({ "iss": ISSUER, "aud": "pps-local-dev-376022", "exp": 1_760_003_600 });
    let parts = [header, claims].map(|part| encode(part.to_string().as_bytes()));
    let signed = parts.join(".");
    // RFC 8017, section 9.2: the hash after its algorithm, padded to the length of the modulus.
    let algorithm = hex::decode("3031300d060960864801650304020105000420").unwrap();
    let hash = [&algorithm[..], &Sha256::digest(&signed)].concat();
    let mut padded = vec![0xff; 256 - hash.len()];
    (padded[0], padded[1]) = (0, 1);
    *padded.last_mut().unwrap() = 0;
    padded.extend(hash);
    let token = format!("Bearer {signed}.{}", encode(&padded));
    let request = Owned {
        headers: vec![("Authorization".into(), token.into_bytes())],
        ..request(&json!({ "authorization": "" }))
    };
    (json!({ "keys": [key] }), request)
}

#[test]
fn a_key_whose_every_signature_can_be_made_up_is_not_used() {
    let data = vectors();
    let documents = &data["issuers"]["documents"];
    // 1, 0, 2, 65536 and nothing.
    for exponent in ["AQ", "AA", "Ag", "AQAA", ""] {
        let (keys, request) = made_up(exponent);
        let (decided, _) = drive(
            &pps(&data),
            &request,
            &mut KeyCache::default(),
            start(&data),
            |url| match url.contains("openid-configuration") {
                true => serve(documents, url),
                false => Ok(keys.to_string().into_bytes()),
            },
        );
        let weak = Err(Unverified::Refused(Reason::JwtWeakKey));
        assert_eq!(decided, weak, "{exponent}");
    }
}
