//! Valid configurations, and errors that name what to change.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use hookgate_signature::{Audiences, ConfigError, Options, Provider, Secret, Verifier};

fn key_of(row: Provider, options: Options) -> String {
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
    let row = |name| Provider::builtin(name).unwrap();
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
        "leeway_s"
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
    let row = || Provider::builtin("pps").unwrap();
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
        assert_eq!(
            key_of(Provider::builtin("pps").unwrap(), options),
            "issuers"
        );
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
    let row = Provider::parse(
        r#"
        verify = { algorithm = "hmac-sha256", signature = { from = "header:x-acme-signature", prefix = "sha256=", encoding = "hex" }, timestamp = { from = "header:x-acme-time", format = "unix", tolerance_s = 300 }, content = ["timestamp", ".", "body"], reject_status = 401 }
        event  = { id = "body:id", type = "body:type", tenant = "header:x-acme-tenant" }
        "#,
    );
    assert!(row.is_ok(), "{row:?}");
}

fn parse(text: &str) -> Result<Provider, ConfigError> {
    Provider::parse(&format!("[verify]\nalgorithm = 'hmac-sha256'\n{text}"))
}

#[test]
fn a_key_that_is_not_known_is_named() {
    let cases = [
        (
            "content = ['body']\nsignature = { from = 'header:x', encoding = 'hex', prefx = 'y' }",
            "verify.signature.prefx: unknown field `prefx`",
        ),
        (
            "content = ['body']\nsignature = { from = 'header:x', encoding = 'hex' }\ntolerance = 3",
            "verify.tolerance: unknown field `tolerance`",
        ),
        (
            "content = ['body']\nsignature = { header = 'x', encoding = 'hex' }",
            "verify.signature.header: unknown field `header`, expected one of `from`",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_row_whose_parts_do_not_fit_names_the_key() {
    let signature = "signature = { from = 'header:x', encoding = 'hex' }";
    let cases = [
        ("signature = []\ncontent = ['body']".to_owned(), "verify.signature"),
        ("signature = { encoding = 'hex' }\ncontent = ['body']".to_owned(), "verify.signature"),
        ("signature = { from = 'header:x y', encoding = 'hex' }\ncontent = ['body']".to_owned(), "verify.signature.from"),
        ("signature = { from = 'header:x' }\ncontent = ['body']".to_owned(), "verify.signature.encoding"),
        (signature.to_owned(), "verify.content"),
        (format!("{signature}\ncontent = ['.']"), "verify.content"),
        (format!("{signature}\ncontent = ['timestamp', 'body']"), "verify.content"),
        (format!("{signature}\ncontent = ['id', 'body']"), "verify.content"),
        (format!("{signature}\ncontent = ['.', 'body:a[']"), "verify.content[1]"),
        (format!("{signature}\ncontent = ['body']\nreject_status = 200"), "verify.reject_status"),
        (format!("{signature}\ncontent = ['body']\ntimestamp = {{ format = 'unix' }}"), "verify.timestamp.from"),
        (format!("{signature}\ncontent = ['body']\ntimestamp = {{ from = 'header:t', format = ['unix', 'unix_ms'] }}"), "verify.timestamp.format"),
        (format!("{signature}\ncontent = ['body']\nvariants = {{ v = {{ content = [] }} }}"), "verify.variants.v.content"),
        (format!("{signature}\ncontent = ['body']\n[event]\nid = 'body:a['"), "event.id"),
        ("signature = { from = 'header:x', encoding = 'hex', list = { separator = '', version_separator = ',', versions = ['v1'] } }\ncontent = ['body']".to_owned(), "verify.signature"),
    ];
    for (text, key) in cases {
        let key_of = |error: ConfigError| error.key;
        assert_eq!(
            parse(&text).map_err(key_of).err().as_deref(),
            Some(key),
            "{text}"
        );
    }
}

#[test]
fn a_place_that_is_unknown_or_malformed_is_refused_wherever_it_stands() {
    let field = "{ from = 'header:x', encoding = 'hex' }";
    for place in ["heder:x", "header:", "x-signature", "query:", "body:a["] {
        let cases = [
            (
                format!("content = ['body']\nsignature = {{ from = '{place}', encoding = 'hex' }}"),
                "verify.signature.from",
            ),
            (
                format!(
                    "content = ['body']\nsignature = [{field}, {{ from = '{place}', encoding = 'hex' }}]"
                ),
                "verify.signature[1].from",
            ),
            (
                format!(
                    "content = ['body']\nsignature = {field}\ntimestamp = {{ from = '{place}', format = 'unix' }}"
                ),
                "verify.timestamp.from",
            ),
            (
                format!("content = ['body']\nsignature = {field}\nid = '{place}'"),
                "verify.id",
            ),
            (
                format!("content = ['body']\nsignature = {field}\n[event]\ntenant = '{place}'"),
                "event.tenant",
            ),
            (
                format!(
                    "content = ['body']\nsignature = {field}\n[event]\ndedupe = ['body:id', '{place}']"
                ),
                "event.dedupe[1]",
            ),
            (
                format!(
                    "content = ['body']\nsignature = {field}\n[[handshakes]]\nequals = 'a'\necho = 'body:b'\nfrom = '{place}'"
                ),
                "handshakes[0].from",
            ),
        ];
        for (text, key) in cases {
            let error = parse(&text).unwrap_err();
            assert_eq!(error.key, key, "{text}");
            assert!(error.problem.contains('`'), "{error}");
        }
    }
}

#[test]
fn a_weaker_variant_warns() {
    let options = |variant: Option<&str>| Options {
        variant: variant.map(str::to_owned),
        ..secrets(&["s"])
    };
    let warnings = |variant| {
        Verifier::new(Provider::builtin("wss").unwrap(), options(variant))
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
fn an_unsigned_body_warns() {
    let warnings = |content: &str| {
        let text =
            format!("signature = {{ from = 'header:x', encoding = 'hex' }}\ncontent = {content}\n");
        let verifier = Verifier::new(parse(&text).unwrap(), secrets(&["s"])).unwrap();
        verifier.warnings()
    };
    for content in [
        "['method', 'url']",
        "['method', 'bdy']",
        "['header:a', '.']",
    ] {
        let warnings = warnings(content);
        assert!(
            warnings[0].starts_with("the body is not signed"),
            "{content}: {warnings:?}"
        );
    }
    for content in ["['method', 'body']", "['body:id']", "['form:id', '.']"] {
        let warnings = warnings(content);
        assert_eq!(warnings, Vec::<&str>::new(), "{content}");
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let verifier = Verifier::new(
        Provider::builtin("github").unwrap(),
        secrets(&["hush-hush"]),
    )
    .unwrap();
    let shown = format!("{verifier:?}{:?}", Secret::new("hush-hush"));
    assert!(
        !shown.contains("hush-hush") && !shown.contains("104, 117, 115"),
        "{shown}"
    );
}
