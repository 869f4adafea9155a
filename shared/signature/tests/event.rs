//! The facts of an event, and what tells it from others.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hookgate_signature::{EventMeta, MissingField, Options, Provider, Request, Secret, Verifier};

type Headers<'a> = &'a [(&'a str, &'a [u8])];

const HMAC: &str = "[verify]\nalgorithm = 'hmac-sha256'\nsignature = { from = 'header:s', encoding = 'hex' }\ncontent = ['body']\n[event]\n";

fn event(row: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Result<EventMeta, MissingField> {
    let row = Provider::parse(row).unwrap();
    let verifier = Verifier::new(
        row,
        Options {
            secrets: vec![Secret::new("s")],
            ..Options::default()
        },
    )
    .unwrap();
    verifier.event(&Request {
        method: "POST",
        url: "/",
        headers,
        body,
    })
}

fn dedupe(row: &str, headers: &[(&str, &[u8])], body: &[u8]) -> String {
    event(row, headers, body)
        .unwrap()
        .dedupe
        .as_str()
        .to_owned()
}

const EMPTY_OBJECT: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

#[test]
fn an_id_is_trusted_alone_only_when_it_is_signed() {
    let body = format!("{HMAC}id = 'body:id'");
    assert_eq!(dedupe(&body, &[], br#"{"id":"e1"}"#), "id:e1");
    let header = format!("{HMAC}id = 'header:x-id'");
    assert_eq!(
        dedupe(&header, &[("X-Id", b"e1")], b"{}"),
        format!("id+body:e1:{EMPTY_OBJECT}")
    );
    let signed = header.replace("['body']", "['header:X-ID', 'body']");
    assert_eq!(dedupe(&signed, &[("X-Id", b"e1")], b"{}"), "id:e1");
    assert_eq!(dedupe(HMAC, &[], b"{}"), format!("body:{EMPTY_OBJECT}"));
}

#[test]
fn numbers_become_their_text_and_are_not_trusted_beyond_64_bits() {
    let row = format!("{HMAC}id = 'body:id'\ntenant = 'body:company'");
    let meta = event(&row, &[], br#"{"id":820982911946154508,"company":12345}"#).unwrap();
    assert_eq!(
        (meta.id.as_deref(), meta.tenant.as_deref()),
        (Some("820982911946154508"), Some("12345"))
    );
    assert_eq!(meta.dedupe.as_str(), "id:820982911946154508");
    let one = dedupe(&row, &[], br#"{"id":123456789012345678901234567890}"#);
    let other = dedupe(&row, &[], br#"{"id":123456789012345678901234567891}"#);
    assert_ne!(one, other);
}

#[test]
fn what_cannot_be_a_fact_is_refused_by_name() {
    let row = format!("{HMAC}id = 'header:x-id'");
    let long = "x".repeat(257);
    let cases: [(Headers, &str); 6] = [
        (&[], "the header `x-id` is missing"),
        (&[("x-id", b" ")], "the header `x-id` is missing"),
        (
            &[("x-id", long.as_bytes())],
            "the header `x-id` is longer than 256 bytes",
        ),
        (
            &[("x-id", b"a\x07")],
            "the header `x-id` holds control characters",
        ),
        (&[("x-id", b"\xff")], "the header `x-id` is not UTF-8 text"),
        (
            &[("x-id", b"a"), ("X-ID", b"b")],
            "the header `x-id` is repeated",
        ),
    ];
    for (headers, source) in cases {
        let missing = event(&row, headers, b"{}").unwrap_err();
        assert_eq!((missing.field, missing.problem.as_str()), ("id", source));
    }
}

#[test]
fn a_body_that_is_not_json_is_told_from_one_without_the_field() {
    let row = format!("{HMAC}id = 'body:data.id'");
    for (body, problem) in [
        (&b"{}"[..], "`data.id` in the body is missing"),
        (b"id=1", "the body is not JSON"),
        (b"", "the body is not JSON"),
        (b"\"\xff\"", "the body is not JSON"),
    ] {
        assert_eq!(event(&row, &[], body).unwrap_err().problem, problem);
    }
}

#[test]
fn objects_lists_and_null_are_no_text() {
    let row = format!("{HMAC}id = 'body:id'\nrequired = []");
    for body in [
        r#"{"id":null}"#,
        r#"{"id":{}}"#,
        r#"{"id":["a"]}"#,
        r#"{"id":""}"#,
        "{}",
        "[]",
        "",
        "not json",
    ] {
        assert_eq!(
            event(&row, &[], body.as_bytes()).unwrap().id,
            None,
            "{body}"
        );
    }
}

#[test]
fn listed_fields_make_an_unambiguous_key() {
    let row = format!("{HMAC}dedupe = ['body:a', 'body:b']");
    let key = |body: &str| dedupe(&row, &[], body.as_bytes());
    assert!(key(r#"{"a":"1","b":"2"}"#).starts_with("fields:"));
    assert_eq!(
        key(r#"{"a":"1","b":"2"}"#),
        key(r#"{"b":"2","a":"1","c":3}"#)
    );
    let others = [
        r#"{"a":"12","b":""}"#,
        r#"{"a":"","b":"12"}"#,
        r#"{"a":"12"}"#,
        r#"{"b":"12"}"#,
        r#"{"a":"2","b":"1"}"#,
    ];
    for body in others {
        assert_ne!(key(r#"{"a":"1","b":"2"}"#), key(body), "{body}");
    }
    assert_eq!(event(&row, &[], b"{}").unwrap_err().field, "dedupe");
}

#[test]
fn a_listed_field_that_is_not_signed_brings_the_body_in() {
    let row = format!("{HMAC}dedupe = ['header:x-id']");
    let key = |body: &[u8]| dedupe(&row, &[("x-id", b"1")], body);
    assert_ne!(key(b"1"), key(b"2"));
}

#[test]
fn a_hostile_body_is_only_a_body_without_facts() {
    let row = format!("{HMAC}id = 'body:id'\nrequired = []");
    let deep = "[".repeat(200_000);
    let nested = format!("{{\"id\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    for body in [
        deep.as_str(),
        nested.as_str(),
        r#"{"id":1e400}"#,
        r#"{"id":-0}"#,
        "\u{feff}{}",
        r#"{"id":"\ud800"}"#,
    ] {
        assert!(
            event(&row, &[], body.as_bytes()).is_ok(),
            "{}",
            &body[..10.min(body.len())]
        );
    }
}
