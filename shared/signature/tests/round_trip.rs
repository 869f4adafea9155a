//! What `sign` makes, `check` accepts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hookgate_signature::{
    KeyCache, Options, Outgoing, Reason, Request, Row, Secret, SignError, Verdict, Verifier,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &[u8] = b"{\"id\":\"evt_1\",\"type\":\"x\"}";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_760_000_000)
}

fn outgoing() -> Outgoing<'static> {
    Outgoing {
        method: "POST",
        url: "/in/x",
        id: Some("msg_1"),
        body: BODY,
        headers: &[],
    }
}

fn check(
    verifier: &Verifier,
    signed: &[(String, String)],
    body: &[u8],
    now: SystemTime,
) -> Verdict {
    let headers: Vec<_> = signed
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = Request {
        method: "POST",
        url: "/in/x",
        headers: &headers,
        body,
    };
    verifier.check(&request, &mut KeyCache::default(), now)
}

fn with_secrets(row: Row, secrets: Vec<Secret>) -> Verifier {
    Verifier::new(
        row,
        Options {
            secrets,
            ..Options::default()
        },
    )
    .unwrap()
}

#[test]
fn every_built_in_row_verifies_what_it_signed() {
    for name in Row::builtin_names().filter(|name| *name != "pps") {
        let verifier = with_secrets(Row::builtin(name).unwrap(), vec![Secret::new(SECRET)]);
        let signed = verifier.sign(&outgoing(), now()).unwrap();
        assert!(
            matches!(check(&verifier, &signed, BODY, now()), Verdict::Verified(_)),
            "{name}"
        );
        assert_eq!(
            check(&verifier, &signed, b"{}", now()),
            Verdict::Refused(Reason::SignatureMismatch),
            "{name}"
        );
    }
}

#[test]
fn a_jwt_row_signs_nothing() {
    let issuers = [(
        "https://issuer.example".to_owned(),
        hookgate_signature::Audiences::Any,
    )]
    .into();
    let verifier = Verifier::new(
        Row::builtin("pps").unwrap(),
        Options {
            issuers,
            ..Options::default()
        },
    )
    .unwrap();
    assert_eq!(
        verifier.sign(&outgoing(), now()),
        Err(SignError::IssuerSigns)
    );
}

#[test]
fn a_previous_secret_verifies_until_its_end() {
    let old = with_secrets(Row::builtin("github").unwrap(), vec![Secret::new("old")]);
    let signed = old.sign(&outgoing(), now()).unwrap();
    let end = now() + Duration::from_secs(60);
    let both = with_secrets(
        Row::builtin("github").unwrap(),
        vec![Secret::new("new"), Secret::new("old").not_after(end)],
    );
    let Verdict::Verified(verified) = check(&both, &signed, BODY, end) else {
        panic!("refused in time")
    };
    assert_eq!(verified.secret, Some(1));
    let late = check(&both, &signed, BODY, end + Duration::from_secs(1));
    assert_eq!(late, Verdict::Refused(Reason::SignatureMismatch));
}

#[test]
fn either_header_may_carry_either_secret_while_one_is_rotated() {
    let row = Row::builtin("partssource").unwrap();
    let verifier = with_secrets(row, vec![Secret::new("new")]);
    let mut signed = verifier.sign(&outgoing(), now()).unwrap();
    let (_, value) = signed.pop().unwrap();
    signed.push((
        "X-PS-Signature".into(),
        format!("sha256={}", "0".repeat(64)),
    ));
    signed.push(("X-PS-Signature-Previous".into(), value));
    assert!(matches!(
        check(&verifier, &signed, BODY, now()),
        Verdict::Verified(_)
    ));
}

#[test]
fn a_rotated_secret_replaces_the_old_one() {
    let mut verifier = with_secrets(Row::builtin("github").unwrap(), vec![Secret::new("old")]);
    let signed = verifier.sign(&outgoing(), now()).unwrap();
    assert!(verifier.set_secrets(vec![]).is_err());
    assert!(matches!(
        check(&verifier, &signed, BODY, now()),
        Verdict::Verified(_)
    ));
    verifier.set_secrets(vec![Secret::new("new")]).unwrap();
    assert_eq!(
        check(&verifier, &signed, BODY, now()),
        Verdict::Refused(Reason::SignatureMismatch)
    );
}

#[test]
fn a_product_may_name_its_own_header() {
    let row = Row::builtin("product")
        .unwrap()
        .with_signature_header("X-Acme-Signature");
    let verifier = with_secrets(row, vec![Secret::new(SECRET)]);
    let signed = verifier.sign(&outgoing(), now()).unwrap();
    assert_eq!(signed[0].0, "X-Acme-Signature");
    assert!(matches!(
        check(&verifier, &signed, BODY, now()),
        Verdict::Verified(_)
    ));
}

#[test]
fn a_time_without_a_zone_needs_a_body_that_cannot_have_lent_it_characters() {
    let row = Row::builtin("wss").unwrap();
    let options = Options {
        secrets: vec![Secret::new(SECRET)],
        assume_utc: true,
        ..Options::default()
    };
    let verifier = Verifier::new(row, options).unwrap();
    // What the sender signed is "2025-10-09T08:53:20Z" and "[1]": the same bytes as without the Z, and "Z[1]".
    let literal: Row = toml::from_str(
        "[verify]\nalgorithm = 'hmac-sha256'\nsignature = { header = 'X-WSS-Signature', encoding = 'hex' }\ncontent = ['2025-10-09T08:53:20Z', 'body']",
    )
    .unwrap();
    let mut signed = with_secrets(literal, vec![Secret::new(SECRET)])
        .sign(
            &Outgoing {
                body: b"[1]",
                ..outgoing()
            },
            now(),
        )
        .unwrap();
    signed.push(("X-WSS-Timestamp".into(), "2025-10-09T08:53:20".into()));
    assert_eq!(
        check(&verifier, &signed, b"Z[1]", now()),
        Verdict::Refused(Reason::MalformedBody)
    );
}
