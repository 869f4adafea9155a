//! What a configuration may say, and how an error names what to change.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hookgate_signature::{Audiences, Options, Row, Secret, Verifier};
use std::time::Duration;

fn key_of(row: Row, options: Options) -> String {
    Verifier::new(row, options)
        .map(|_| "accepted".to_owned())
        .unwrap_or_else(|error| error.key)
}

fn secrets(values: &[&str]) -> Options {
    Options {
        secrets: values.iter().map(|value| Secret::new(*value)).collect(),
        ..Options::default()
    }
}

fn issuer(url: &str) -> Options {
    Options {
        issuers: [(url.to_owned(), Audiences::Any)].into(),
        ..Options::default()
    }
}

#[test]
fn a_security_setting_that_is_missing_or_unusable_is_an_error() {
    let row = |name| Row::builtin(name).unwrap();
    assert_eq!(key_of(row("github"), secrets(&[])), "secrets");
    assert_eq!(key_of(row("github"), secrets(&["good", ""])), "secrets");
    assert_eq!(
        key_of(row("standard_webhooks"), secrets(&["whsec_not base64"])),
        "secrets"
    );
    assert_eq!(
        key_of(row("standard_webhooks"), secrets(&["whsec_"])),
        "secrets"
    );
    assert_eq!(
        key_of(
            row("github"),
            Options {
                variant: Some("none".into()),
                ..secrets(&["s"])
            }
        ),
        "variant"
    );
    assert_eq!(
        key_of(
            row("github"),
            Options {
                leeway: Duration::from_secs(61),
                ..secrets(&["s"])
            }
        ),
        "leeway"
    );
    assert_eq!(
        key_of(
            row("github"),
            Options {
                issuers: issuer("https://a").issuers,
                ..secrets(&["s"])
            }
        ),
        "issuers"
    );
    assert_eq!(key_of(row("pps"), secrets(&[])), "issuers");
    assert_eq!(
        key_of(
            row("pps"),
            Options {
                secrets: secrets(&["s"]).secrets,
                ..issuer("https://a.example")
            }
        ),
        "secrets"
    );
    assert_eq!(key_of(row("pps"), issuer("https://a.example")), "accepted");
}

#[test]
fn an_issuer_is_an_https_url() {
    let row = || Row::builtin("pps").unwrap();
    for url in [
        "http://a.example",
        "http://127.0.0.1:9000",
        "https://",
        "a.example",
        "https://a.example?x",
        "https://u@a.example",
    ] {
        assert_eq!(key_of(row(), issuer(url)), "issuers", "{url}");
    }
    let local = Options {
        loopback_http_issuers: true,
        ..issuer("http://127.0.0.1:9000")
    };
    assert_eq!(key_of(row(), local), "accepted");
}

#[test]
fn an_empty_audience_is_an_error() {
    for list in [vec![], vec!["a".to_owned(), String::new()]] {
        let issuers = [("https://a.example".to_owned(), Audiences::OneOf(list))].into();
        let options = Options {
            issuers,
            ..Options::default()
        };
        assert_eq!(key_of(Row::builtin("pps").unwrap(), options), "issuers");
    }
}

#[test]
fn any_audience_is_said_and_never_implied() {
    #[derive(serde::Deserialize)]
    struct Config {
        issuers: std::collections::BTreeMap<String, Audiences>,
    }
    let parse = |text: &str| {
        toml::from_str::<Config>(text)
            .map(|config| config.issuers["a"].clone())
            .ok()
    };
    assert_eq!(parse("issuers = { a = \"any\" }"), Some(Audiences::Any));
    assert_eq!(
        parse("issuers = { a = [\"x\"] }"),
        Some(Audiences::OneOf(vec!["x".into()]))
    );
    assert_eq!(parse("issuers = { a = [] }"), None);
    assert_eq!(parse("issuers = { a = \"x\" }"), None);
}

#[test]
fn the_readme_row_parses() {
    let row: Row = toml::from_str(
        r#"
        verify = { algorithm = "hmac-sha256", signature = { header = "x-acme-signature", prefix = "sha256=", encoding = "hex" }, timestamp = { header = "x-acme-time", format = "unix", tolerance_s = 300 }, content = ["timestamp", ".", "body"], reject_status = 401 }
        event  = { id = "body:id", type = "body:type", tenant = "header:x-acme-tenant" }
        "#,
    )
    .unwrap();
    assert_eq!(row.validate(), Ok(()));
}

#[test]
fn a_key_that_is_not_known_is_named() {
    let cases = [
        (
            "content = ['body']\nsignature = { header = 'x', encoding = 'hex', prefx = 'y' }",
            "prefx",
        ),
        (
            "content = ['body']\nsignature = { header = 'x', encoding = 'hex' }\ntolerance = 3",
            "tolerance",
        ),
        (
            "content = ['header:']\nsignature = { header = 'x', encoding = 'hex' }",
            "header:",
        ),
    ];
    for (text, named) in cases {
        let error = toml::from_str::<Row>(&format!("[verify]\nalgorithm = 'hmac-sha256'\n{text}"))
            .unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn a_row_whose_parts_do_not_fit_names_the_key() {
    let signature = "signature = { header = 'x', encoding = 'hex' }";
    let cases = [
        ("signature = []\ncontent = ['body']".to_owned(), "verify.signature"),
        ("signature = { encoding = 'hex' }\ncontent = ['body']".to_owned(), "verify.signature"),
        ("signature = { header = 'x y', encoding = 'hex' }\ncontent = ['body']".to_owned(), "verify.signature.header"),
        ("signature = { header = 'x' }\ncontent = ['body']".to_owned(), "verify.signature.encoding"),
        (signature.to_owned(), "verify.content"),
        (format!("{signature}\ncontent = ['.']"), "verify.content"),
        (format!("{signature}\ncontent = ['timestamp', 'body']"), "verify.content"),
        (format!("{signature}\ncontent = ['id', 'body']"), "verify.content"),
        (format!("{signature}\ncontent = ['body:a[']"), "verify.content"),
        (format!("{signature}\ncontent = ['body']\nreject_status = 200"), "verify.reject_status"),
        (format!("{signature}\ncontent = ['body']\ntimestamp = {{ format = 'unix' }}"), "verify.timestamp"),
        (format!("{signature}\ncontent = ['body']\ntimestamp = {{ header = 't', format = ['unix', 'unix_ms'] }}"), "verify.timestamp.format"),
        (format!("{signature}\ncontent = ['body']\nvariants = {{ v = {{ content = [] }} }}"), "verify.variants.v.content"),
        (format!("{signature}\ncontent = ['body']\n[event]\nid = 'body:a['"), "event.id"),
        ("signature = { header = 'x', encoding = 'hex', list = { separator = '', version_separator = ',', versions = ['v1'] } }\ncontent = ['body']".to_owned(), "verify.signature"),
    ];
    for (text, key) in cases {
        let row: Row =
            toml::from_str(&format!("[verify]\nalgorithm = 'hmac-sha256'\n{text}")).unwrap();
        assert_eq!(
            row.validate().map_err(|error| error.key),
            Err(key.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn a_weaker_variant_warns() {
    let options = |variant: Option<&str>| Options {
        variant: variant.map(str::to_owned),
        ..secrets(&["s"])
    };
    let warnings = |variant| {
        Verifier::new(Row::builtin("wss").unwrap(), options(variant))
            .unwrap()
            .warnings()
    };
    assert_eq!(warnings(None), Vec::<&str>::new());
    assert_eq!(
        warnings(Some("body_only")),
        ["timestamp is unauthenticated: no replay protection"]
    );
}

#[test]
fn debug_output_shows_no_secret() {
    let verifier = Verifier::new(Row::builtin("github").unwrap(), secrets(&["hush-hush"])).unwrap();
    let shown = format!("{verifier:?}{:?}", Secret::new("hush-hush"));
    assert!(
        !shown.contains("hush-hush") && !shown.contains("104, 117, 115"),
        "{shown}"
    );
}
