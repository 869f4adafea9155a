//! Round trips: `check` accepts what `sign` makes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookgate_signature::{
    KeyCache, Options, Outgoing, Provider, Reason, Request, Secret, SignError, Unverified,
    Verified, Verifier,
};

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
) -> Result<Verified, Unverified> {
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

fn with_secrets(row: Provider, secrets: Vec<Secret>) -> Verifier {
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
fn a_jwt_row_signs_nothing() {
    let issuers = [(
        "https://issuer.example".to_owned(),
        hookgate_signature::Audiences::Any,
    )]
    .into();
    let verifier = Verifier::new(
        Provider::builtin("pps").unwrap(),
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
    let old = with_secrets(
        Provider::builtin("github").unwrap(),
        vec![Secret::new("old")],
    );
    let signed = old.sign(&outgoing(), now()).unwrap();
    let end = now() + Duration::from_secs(60);
    let both = with_secrets(
        Provider::builtin("github").unwrap(),
        vec![Secret::new("new"), Secret::new("old").not_after(end)],
    );
    let Ok(verified) = check(&both, &signed, BODY, end) else {
        panic!("refused in time")
    };
    assert_eq!(verified.secret, Some(1));
    let late = check(&both, &signed, BODY, end + Duration::from_secs(1));
    assert_eq!(late, Err(Unverified::Refused(Reason::SignatureMismatch)));
}

#[test]
fn either_header_may_carry_either_secret_while_one_is_rotated() {
    let row = Provider::builtin("partssource").unwrap();
    let verifier = with_secrets(row, vec![Secret::new("new")]);
    let mut signed = verifier.sign(&outgoing(), now()).unwrap();
    let (_, value) = signed.pop().unwrap();
    signed.push((
        "X-PS-Signature".into(),
        format!("sha256={}", "0".repeat(64)),
    ));
    signed.push(("X-PS-Signature-Previous".into(), value));
    assert!(check(&verifier, &signed, BODY, now()).is_ok());
}

#[test]
fn a_rotated_secret_replaces_the_old_one() {
    let verifier = |secret| {
        with_secrets(
            Provider::builtin("github").unwrap(),
            vec![Secret::new(secret)],
        )
    };
    let signed = verifier("old").sign(&outgoing(), now()).unwrap();
    assert!(check(&verifier("old"), &signed, BODY, now()).is_ok());
    assert_eq!(
        check(&verifier("new"), &signed, BODY, now()),
        Err(Unverified::Refused(Reason::SignatureMismatch))
    );
}

#[test]
fn a_product_may_name_its_own_header() {
    let mut table = Provider::builtin_table("product").unwrap();
    table["verify"]["signature"]["from"] = "header:X-Acme-Signature".into();
    let row = Provider::from_table(table).unwrap();
    let verifier = with_secrets(row, vec![Secret::new(SECRET)]);
    let signed = verifier.sign(&outgoing(), now()).unwrap();
    assert_eq!(signed[0].0, "X-Acme-Signature");
    assert!(check(&verifier, &signed, BODY, now()).is_ok());
}

#[test]
fn a_time_without_a_zone_needs_a_body_that_cannot_have_lent_it_characters() {
    let row = Provider::builtin("wss").unwrap();
    let options = Options {
        secrets: vec![Secret::new(SECRET)],
        assume_utc: true,
        ..Options::default()
    };
    let verifier = Verifier::new(row, options).unwrap();
    // What the sender signed is "2025-10-09T08:53:20Z" and "[1]": the same bytes as without the Z, and "Z[1]".
    let literal = Provider::parse(
        "[verify]\nalgorithm = 'hmac-sha256'\nsignature = { from = 'header:X-WSS-Signature', encoding = 'hex' }\ncontent = ['2025-10-09T08:53:20Z', 'body']",
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
        Err(Unverified::Refused(Reason::MalformedBody))
    );
}

#[test]
fn what_the_request_already_states_is_signed_as_it_is() {
    let row = "[verify]
algorithm = 'hmac-sha256'
signature = { from = 'header:x-sig', encoding = 'hex' }
id = 'query:event'
timestamp = { from = 'body:at', format = 'unix' }
content = ['id', '.', 'timestamp', '.', 'header:x-shop', '.', 'query:page']";
    let verifier = with_secrets(Provider::parse(row).unwrap(), vec![Secret::new(SECRET)]);
    let shop: (&str, &[u8]) = ("X-Shop", b"acme");
    let signed = |url: &str, body: &[u8], headers: &[(&str, &[u8])]| {
        let outgoing = Outgoing {
            method: "POST",
            url,
            id: None,
            body,
            headers,
        };
        let added = verifier.sign(&outgoing, now())?;
        let added = added
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<_> = headers.iter().copied().chain(added).collect();
        let request = Request {
            method: "POST",
            url,
            headers: &headers,
            body,
        };
        Ok(verifier.check(&request, &mut KeyCache::default(), now()))
    };
    let url = "/in?event=evt_1&page=2";
    let body = br#"{"at":1760000000}"#;
    assert!(signed(url, body, &[shop]).unwrap().is_ok());
    let stale = signed(url, br#"{"at":1750000000}"#, &[shop]).unwrap();
    assert_eq!(stale, Err(Unverified::Refused(Reason::TimestampTooOld)));
    for (url, body, headers, missing) in [
        (
            "/in?page=2",
            &body[..],
            &[shop][..],
            "the query parameter `event` is missing",
        ),
        (url, b"{}", &[shop], "`at` in the body is missing"),
        (url, body, &[], "the header `x-shop` is missing"),
        (
            "/in?event=1",
            body,
            &[shop],
            "the query parameter `page` is missing",
        ),
        (
            "/in?event=1&event=2&page=1",
            body,
            &[shop],
            "the query parameter `event` is repeated",
        ),
    ] {
        let error = SignError::MissingContent(missing.to_owned());
        assert_eq!(signed(url, body, headers), Err(error));
    }
}
