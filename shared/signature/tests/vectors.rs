//! Every vector, as its provider's own software judges it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use hookgate_signature::{KeyCache, Reason, Unverified, Verified};
use serde_json::Value;

use support::{Owned, at_ms, drive, serve, vectors, verifier};

fn judge(
    vector: &Value,
    documents: &Value,
    request: &Owned,
    later: Duration,
) -> (Result<Verified, Unverified>, Vec<String>) {
    let verifier = verifier(vector["provider"].as_str().unwrap(), &vector["config"]);
    let now = at_ms(&vector["now_ms"]) + later;
    drive(&verifier, request, &mut KeyCache::default(), now, |url| {
        serve(documents, url)
    })
}

fn expected(vector: &Value) -> &str {
    let expect = &vector["expect"];
    match expect["verdict"].as_str().unwrap() {
        "any" => expect["recommended"].as_str().unwrap(),
        verdict => verdict,
    }
}

fn covers(vector: &Value, what: &str) -> bool {
    let covered = vector["covers"].as_array().unwrap();
    covered.iter().any(|covered| covered == what)
}

fn reason_fits(vector: &Value, reason: Reason) -> bool {
    let reasons = vector["expect"]["reasons"].as_array();
    reasons.is_none_or(|reasons| reasons.iter().any(|wanted| wanted == reason.as_str()))
}

#[test]
fn every_vector_gets_the_verdict_that_is_expected_or_recommended() {
    let data = vectors();
    let mut wrong = Vec::new();
    for vector in data["vectors"].as_array().unwrap() {
        let (verdict, fetched) = judge(
            vector,
            &data["issuers"]["documents"],
            &Owned::parse(&vector["request"]),
            Duration::ZERO,
        );
        let right = match (&verdict, expected(vector)) {
            (Ok(_), "accept") => true,
            (Err(Unverified::Refused(reason)), "reject") => reason_fits(vector, *reason),
            _ => false,
        };
        let allowed = vector["fetches_allowed"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let polite = fetched
            .iter()
            .all(|url| allowed.iter().any(|allowed| allowed == url));
        let quiet = vector["must_not_fetch"] != true || fetched.is_empty();
        if !right || !polite || !quiet {
            wrong.push(format!(
                "{}: {verdict:?}, fetched {fetched:?}, expected {}",
                vector["id"], vector["expect"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_request_with_another_body_is_refused_where_the_body_is_signed() {
    let data = vectors();
    let mut altered = 0;
    for vector in data["vectors"].as_array().unwrap() {
        if expected(vector) != "accept" || !covers(vector, "body") {
            continue;
        }
        let mut request = Owned::parse(&vector["request"]);
        request.body.push(b' ');
        let (verdict, _) = judge(vector, &Value::Null, &request, Duration::ZERO);
        assert_eq!(
            verdict,
            Err(Unverified::Refused(Reason::SignatureMismatch)),
            "{}",
            vector["id"]
        );
        altered += 1;
    }
    assert!(altered > 100, "{altered}");
}

#[test]
fn the_same_request_an_hour_and_a_half_later_is_refused_where_there_is_a_time() {
    let data = vectors();
    let mut stale = 0;
    for vector in data["vectors"].as_array().unwrap() {
        if expected(vector) != "accept" || !covers(vector, "time") {
            continue;
        }
        let request = Owned::parse(&vector["request"]);
        let (verdict, _) = judge(
            vector,
            &data["issuers"]["documents"],
            &request,
            Duration::from_secs(5400),
        );
        let reason = if vector["provider"] == "pps" {
            Reason::JwtExpired
        } else {
            Reason::TimestampTooOld
        };
        assert_eq!(
            verdict,
            Err(Unverified::Refused(reason)),
            "{}",
            vector["id"]
        );
        stale += 1;
    }
    assert!(stale > 90, "{stale}");
}

#[test]
fn the_facts_of_the_event_are_those_that_the_vector_states() {
    let data = vectors();
    for vector in data["vectors"].as_array().unwrap() {
        let meta = &vector["expect"]["meta"];
        let complete = ["event_id", "event_type"]
            .iter()
            .all(|fact| meta.get(fact).is_some());
        if !complete {
            continue;
        }
        let verifier = verifier(vector["provider"].as_str().unwrap(), &vector["config"]);
        let event = Owned::parse(&vector["request"])
            .with(|request| verifier.event(request))
            .unwrap();
        assert_eq!(
            event.id.as_deref(),
            meta["event_id"].as_str(),
            "{}",
            vector["id"]
        );
        assert_eq!(
            event.event_type.as_deref(),
            meta["event_type"].as_str(),
            "{}",
            vector["id"]
        );
        assert_eq!(
            event.tenant.as_deref(),
            meta["tenant"].as_str(),
            "{}",
            vector["id"]
        );
    }
}

#[test]
fn a_required_fact_that_is_absent_is_named() {
    let data = vectors();
    let missing = [
        ("pps.meta.no_topic", Some("type")),
        ("pps.meta.no_webhook_id", Some("id")),
        ("pps.meta.no_tenant", None),
    ];
    for (id, field) in missing {
        let vector = data["vectors"]
            .as_array()
            .unwrap()
            .iter()
            .find(|vector| vector["id"] == id)
            .unwrap();
        let verifier = verifier("pps", &vector["config"]);
        let event = Owned::parse(&vector["request"]).with(|request| verifier.event(request));
        assert_eq!(event.err().map(|missing| missing.field), field, "{id}");
    }
}

#[test]
fn a_handshake_is_answered_only_when_its_signature_holds() {
    let data = vectors();
    for handshake in data["handshakes"].as_array().unwrap() {
        let (verdict, _) = judge(
            handshake,
            &Value::Null,
            &Owned::parse(&handshake["request"]),
            Duration::ZERO,
        );
        if handshake["expect"]["status"] != 200 {
            assert_eq!(
                verdict,
                Err(Unverified::Refused(Reason::SignatureMismatch)),
                "{}",
                handshake["id"]
            );
            continue;
        }
        assert!(verdict.is_ok(), "{}", handshake["id"]);
        let verifier = verifier("slack", &handshake["config"]);
        let answer = Owned::parse(&handshake["request"])
            .with(|request| verifier.handshake(request))
            .unwrap();
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (200, "text/plain")
        );
        assert_eq!(
            answer.body,
            handshake["expect"]["body_any_of"][0]
                .as_str()
                .unwrap()
                .as_bytes()
        );
    }
}
