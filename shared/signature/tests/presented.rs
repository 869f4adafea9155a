//! The signatures that are read from a request, and the limits of how much is read.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookgate_signature::{
    KeyCache, MAX_CANDIDATES, MAX_SIGNATURE_BYTES, Options, Outgoing, Provider, Reason, Request,
    Secret, Unverified, Verified, Verifier,
};

const BODY: &[u8] = b"{\"id\":\"evt_1\"}";
const TIME: &str = "t=1760000000";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_760_000_000)
}

fn verifier(provider: Provider) -> Verifier {
    let options = Options {
        secrets: vec![Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        ..Options::default()
    };
    Verifier::new(provider, options).unwrap()
}

fn builtin(name: &str) -> Verifier {
    verifier(Provider::builtin(name).unwrap())
}

fn sign(verifier: &Verifier, id: Option<&str>) -> Vec<(String, String)> {
    let outgoing = Outgoing {
        method: "POST",
        url: "/in/x",
        id,
        body: BODY,
        headers: &[],
    };
    verifier.sign(&outgoing, now()).unwrap()
}

fn check(verifier: &Verifier, headers: &[(&str, &str)]) -> Result<Verified, Unverified> {
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let request = Request {
        method: "POST",
        url: "/in/x",
        headers: &headers,
        body: BODY,
    };
    verifier.check(&request, &mut KeyCache::default(), now())
}

fn refused(reason: Reason) -> Result<Verified, Unverified> {
    Err(Unverified::Refused(reason))
}

/// The signature of the provider whose header is `t=…,v1=…`.
fn v1() -> String {
    let (_, value) = sign(&builtin("product"), None).remove(0);
    let signature = value.strip_prefix("t=1760000000,v1=").unwrap();
    signature.to_owned()
}

fn check_product(value: &str) -> Result<Verified, Unverified> {
    check(&builtin("product"), &[("X-Product-Signature", value)])
}

#[test]
fn a_version_counts_only_by_its_whole_name() {
    let v1 = v1();
    assert!(check_product(&format!("{TIME},v1={v1}")).is_ok());
    for name in ["v1x", "v", "xv1", "v1.0", "V1", ""] {
        let value = format!("{TIME},{name}={v1}");
        let malformed = refused(Reason::MalformedSignature);
        assert_eq!(check_product(&value), malformed, "{name}");
    }
    let standard = builtin("standard_webhooks");
    let signed = sign(&standard, Some("msg_1"));
    let header = |name: &str| &signed.iter().find(|(given, _)| given == name).unwrap().1;
    let check = |signature: &str| {
        let headers = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", header("webhook-timestamp")),
            ("webhook-signature", signature),
        ];
        check(&standard, &headers)
    };
    let v1 = header("webhook-signature");
    assert!(check(v1).is_ok());
    for version in ["v1x,", "v1a,", "v2,", "v,", ","] {
        let signature = v1.replace("v1,", version);
        assert_eq!(check(&signature), refused(Reason::MalformedSignature));
    }
}

#[test]
fn of_two_timestamps_none_counts() {
    let v1 = v1();
    for times in [
        format!("{TIME},{TIME}"),
        format!("{TIME},t=1760000001"),
        format!("t=1760000001,{TIME}"),
    ] {
        let value = format!("{times},v1={v1}");
        let malformed = refused(Reason::MalformedSignature);
        assert_eq!(check_product(&value), malformed, "{times}");
    }
    let none = check_product(&format!("v1={v1}"));
    assert_eq!(none, refused(Reason::MissingTimestamp));
}

#[test]
fn no_more_signatures_are_tried_than_the_limit() {
    let v1 = v1();
    let wrong = |count: usize| format!(",v1={}", "0".repeat(64)).repeat(count);
    let last = |count: usize| check_product(&format!("{TIME}{},v1={v1}", wrong(count - 1)));
    assert!(last(MAX_CANDIDATES).is_ok());
    let too_many = last(MAX_CANDIDATES + 1);
    assert_eq!(too_many, refused(Reason::MalformedSignature));
}

#[test]
fn no_more_items_are_read_than_twice_the_limit() {
    let v1 = v1();
    let with = |items: usize| {
        let others = ",x=1".repeat(items - 2);
        check_product(&format!("{TIME},v1={v1}{others}"))
    };
    assert!(with(2 * MAX_CANDIDATES).is_ok());
    let too_many = with(2 * MAX_CANDIDATES + 1);
    assert_eq!(too_many, refused(Reason::MalformedSignature));
}

#[test]
fn no_longer_value_is_read_than_the_limit() {
    let signed = format!("{TIME},v1={},x=", v1());
    let with = |bytes: usize| check_product(&format!("{signed:1<bytes$}"));
    assert!(with(MAX_SIGNATURE_BYTES).is_ok());
    let too_long = with(MAX_SIGNATURE_BYTES + 1);
    assert_eq!(too_long, refused(Reason::MalformedSignature));
}

#[test]
fn a_signed_id_is_never_empty() {
    let row = |content: &str| {
        format!(
            "[verify]\nalgorithm = 'hmac-sha256'\nsignature = {{ from = 'header:x-sig', encoding = 'hex' }}\nid = 'header:x-id'\ncontent = [{content}, '.', 'body']"
        )
    };
    let signed = sign(
        &verifier(Provider::parse(&row("''")).unwrap()),
        Some("ignored"),
    );
    let (_, signature) = signed.last().unwrap();
    let verifier = verifier(Provider::parse(&row("'id'")).unwrap());
    for id in ["", " "] {
        let headers = [("x-id", id), ("x-sig", signature.as_str())];
        assert_eq!(check(&verifier, &headers), refused(Reason::MissingId));
    }
}
