use super::*;
use std::time::{Duration, UNIX_EPOCH};

/// The error of a configuration that begins with one good source.
fn error(text: &str) -> String {
    Config::parse(text).unwrap_err().to_string()
}

const GOOD: &str = "[sources.pakk]\nprovider = \"pakk\"\nsecrets = [\"env:PAKK\"]\n";

#[test]
fn the_shape_that_users_write_is_read() {
    let config = Config::parse(
        r#"
        archive = { retention_days = 7 }

        [sources.partssource]
        provider = "partssource"
        secrets  = ["env:PARTSSOURCE_SECRET", { from = "ssm:/hookgate/old", not_after = "2026-12-31T00:00:00Z" }]

        [sources.pps]
        provider = "pps"
        issuers  = { "https://securetoken.google.com/pps-local-dev-376022" = ["pps-local-dev-376022"], "https://issuer2.example.com" = "any" }

        [sources.acme]
        secrets  = ["secretsmanager:hookgate/acme"]
        verify   = { algorithm = "hmac-sha256", signature = { from = "header:x-acme-signature", prefix = "sha256=", encoding = "hex" }, timestamp = { from = "header:x-acme-time", format = "unix", tolerance_s = 300 }, content = ["timestamp", ".", "body"], reject_status = 401 }
        event    = { id = "body:id", type = "body:type", tenant = "header:x-acme-tenant" }

        [[routes]]
        source = "partssource"
        type   = "order.*"
        to     = "handler:order_created"
        "#,
    )
    .unwrap();
    assert_eq!(config.retention, Some(Duration::from_secs(7 * 24 * 3600)));
    let secrets = &config.sources["partssource"].secrets;
    assert_eq!(
        secrets[0].reference,
        SecretRef::Env("PARTSSOURCE_SECRET".into())
    );
    assert_eq!(secrets[1].reference, SecretRef::Ssm("/hookgate/old".into()));
    assert_eq!(
        secrets[1].not_after,
        Some(UNIX_EPOCH + Duration::from_secs(1_798_675_200))
    );
    let reference = &config.sources["acme"].secrets[0].reference;
    assert_eq!(
        reference,
        &SecretRef::SecretsManager {
            id: "hookgate/acme".into(),
            field: None
        }
    );
    assert_eq!(config.sources["pps"].options.issuers.len(), 2);
    assert_eq!(config.sources["acme"].provider.reject_status(), 401);
    assert_eq!(config.routes.len(), 1);
}

#[test]
fn a_secret_may_be_one_member_of_a_json_text() {
    let text =
        "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"secretsmanager:hookgate/a#webhook\"]";
    let config = Config::parse(text).unwrap();
    let reference = &config.sources["a"].secrets[0].reference;
    assert_eq!(
        reference,
        &SecretRef::SecretsManager {
            id: "hookgate/a".into(),
            field: Some("webhook".into())
        }
    );
    assert_eq!(reference.to_string(), "secretsmanager:hookgate/a#webhook");
    assert_eq!(config.secrets_refresh, Duration::from_secs(300));
}

#[test]
fn a_source_changes_single_keys_of_its_providers_row() {
    let text = r#"
        [sources.product]
        provider = "product"
        secrets = ["env:A"]
        verify = { signature = { from = "header:X-Apollo-Signature" } }
        event = { type = "body:event" }
    "#;
    let row = format!(
        "{:?}",
        Config::parse(text).unwrap().sources["product"].provider
    );
    assert!(
        row.contains("X-Apollo-Signature") && !row.contains("X-Product-Signature"),
        "{row}"
    );
    assert!(
        row.contains(r#"Body("event")"#) && row.contains(r#"Body("id")"#),
        "{row}"
    );
}

#[test]
fn what_is_wrong_is_named_by_its_key() {
    let cases = [
        ("", "sources: name at least one"),
        (
            "[sources.a]\nsecrets = [\"env:A\"]",
            "sources.a: needs `provider`, or `verify`",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"",
            "sources.a.secrets: is missing",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = []",
            "sources.a.secrets: is missing",
        ),
        (
            "[sources.a]\nprovider = \"pack\"\nsecrets = [\"env:A\"]",
            "sources.a.provider: `pack` is not built in",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecret = [\"env:A\"]",
            "sources.a.secret: unknown field `secret`, expected one of `provider`, `secrets`, ",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"hunter2\"]",
            "sources.a.secrets[0]: is not a reference",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"env:\"]",
            "sources.a.secrets[0]: is not a reference",
        ),
        (
            "[sources.\"a/b\"]\nprovider = \"pakk\"\nsecrets = [\"env:A\"]",
            "sources.a/b: a source's name is",
        ),
        (
            "[sources.a]\nprovidr = \"pakk\"\nsecrets = [\"env:A\"]",
            "sources.a.providr: unknown field `providr`",
        ),
        ("[source.a]\nprovider = \"pakk\"", "unknown field `source`"),
        (
            "[sources.a]\nprovider = \"pps\"\nissuers = { \"https://i\" = [] }",
            "sources.a",
        ),
        ("[sources.a", "configuration: line 1: unclosed table"),
    ];
    for (text, expected) in cases {
        assert!(error(text).contains(expected), "{text}\n{}", error(text));
    }
    let cases = [
        (
            "[[routes]]\nto = \"lambda\"",
            "routes[0].to: `lambda` is not a target",
        ),
        ("[[routes]]\nto = \"handler:\"", "routes[0].to"),
        (
            "[[routes]]\nsource = \"pack\"\nto = \"handler:log\"",
            "routes[0].source: no source matches `pack`; there are pakk",
        ),
        (
            "[[routes]]\nto = \"handler:log\"\n[[routes]]\nsource = \"s*\"\nto = \"handler:log\"",
            "routes[1].source: no source matches `s*`; there are pakk",
        ),
        (
            "[[routes]]\nto = \"handler:log\"\nkind = \"a\"",
            "unknown field `kind`",
        ),
        (
            "[archive]\nretention_days = 0",
            "archive.retention_days: must be at least 1",
        ),
        ("[archive]\ndays = 1", "archive is \"none\", or a table"),
        (
            "[secrets]\nrefresh_s = 29",
            "secrets.refresh_s: must be 30 to 86400 seconds",
        ),
        ("[secrets]\nrefresh = 60", "unknown field `refresh`"),
    ];
    for (text, expected) in cases {
        let text = format!("{GOOD}{text}");
        assert!(error(&text).contains(expected), "{text}\n{}", error(&text));
    }
}

#[test]
fn what_is_wrong_inside_a_source_is_named_by_its_whole_key() {
    let cases = [
        (
            "[sources.a]\nprovidr = \"pakk\"\nsecrets = [\"env:A\"]",
            "sources.a.providr: unknown field `providr`, expected one of `provider`, ",
        ),
        (
            "[sources.a]\nprovider = \"pps\"",
            "sources.a.issuers: is missing",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"env:A\"]\ntolerance_s = -1",
            "sources.a.tolerance_s: invalid value",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = [{ from = \"env:A\", not_after = \"soon\" }]",
            "sources.a.secrets[0]: `not_after` is not a time",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"env:A\", { from = \"env:A\", until = \"x\" }]",
            "sources.a.secrets[1]: a reference such as",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"env:A\"]\nverify = { signature = { from = \"x-sig\" } }",
            "sources.a.verify.signature.from: `x-sig` is not a place: write `header:NAME`",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"env:A\"]\nevent = { dedupe = [\"body:a[\"] }",
            "sources.a.event.dedupe[0]: `a[` is not a JMESPath",
        ),
        (
            "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"secretsmanager:a#\"]",
            "sources.a.secrets[0]: is not a reference",
        ),
    ];
    for (text, expected) in cases {
        assert!(error(text).contains(expected), "{text}\n{}", error(text));
    }
}

#[test]
fn a_secret_written_into_the_configuration_is_not_repeated_in_the_error() {
    let text = "[sources.a]\nprovider = \"pakk\"\nsecrets = [\"hunter2-is-the-secret\"]";
    assert!(!error(text).contains("hunter2"), "{}", error(text));
}

#[test]
fn archiving_can_be_turned_off() {
    assert_eq!(
        Config::parse(GOOD).unwrap().retention,
        Some(DEFAULT_RETENTION)
    );
    let none = format!("archive = \"none\"\n{GOOD}");
    assert_eq!(Config::parse(&none).unwrap().retention, None);
}

#[test]
fn the_order_of_ingest_is_a_choice_that_excludes_answers_by_the_ledger() {
    let order = |text: &str| Config::parse(text).map(|config| config.ingest);
    assert_eq!(order(GOOD).unwrap(), IngestOrder::RecordFirst);
    let first = format!("ingest = \"queue-first\"\n{GOOD}");
    assert_eq!(order(&first).unwrap(), IngestOrder::QueueFirst);
    let unknown = format!("ingest = \"queue\"\n{GOOD}");
    assert!(order(&unknown).is_err());
    let rejecting = format!(
        "{first}[sources.strict]\nprovider = \"pakk\"\nsecrets = [\"env:PAKK\"]\non_mismatch = \"reject\"\n"
    );
    let error = order(&rejecting).unwrap_err().to_string();
    assert!(error.starts_with("sources.strict.on_mismatch: "), "{error}");
    assert!(error.contains("queue-first"), "{error}");
}

#[test]
fn the_first_route_that_matches_is_taken() {
    let text =
        format!("{GOOD}[[routes]]\nsource = \"p*\"\ntype = \"order.*\"\nto = \"handler:log\"");
    let config = Config::parse(&text).unwrap();
    let event = |source: &str, event_type: Option<&str>| crate::Event {
        key: crate::EventKey::new(None, source, "id:1"),
        source: source.into(),
        tenant: None,
        id: None,
        event_type: event_type.map(str::to_owned),
        received: UNIX_EPOCH,
        headers: Vec::new(),
        trace: None,
        body: crate::Body::Inline(bytes::Bytes::new()),
    };
    let taken = |source, event_type| config.routes[0].matches(&event(source, event_type));
    assert!(taken("pakk", Some("order.line.backordered")));
    assert!(!taken("pakk", Some("orders.created")));
    assert!(!taken("wss", Some("order.created")));
    assert!(!taken("pakk", None));
}

#[test]
fn a_queue_is_fair_if_it_is_asked_to_be() {
    let parse = |first: &str| Config::parse(&format!("{first}\n{GOOD}"));
    assert_eq!(parse("").map(|config| config.fair_queue), Ok(false));
    let fair = parse("fair_queue = true");
    assert_eq!(fair.map(|config| config.fair_queue), Ok(true));
}

#[test]
fn the_outbox_has_at_least_the_default_number_of_shards() {
    let parse = |first: &str| Config::parse(&format!("{first}\n{GOOD}"));
    assert_eq!(parse("").map(|config| config.outbox_shards), Ok(64));
    let most = parse("outbox_shards = 255");
    assert_eq!(most.map(|config| config.outbox_shards), Ok(255));
    for shards in [0, 63] {
        let error = parse(&format!("outbox_shards = {shards}")).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("between 64 and 255"), "{error}");
    }
}

#[test]
fn a_throttle_is_a_source_s_own() {
    let text = |throttle: &str| {
        format!("[sources.a]\nprovider = \"pakk\"\nsecrets = [\"env:A\"]\n{throttle}\n")
    };
    let of = |throttle| Config::parse(&text(throttle)).map(|config| config.sources["a"].throttle);
    let throttle = of("throttle = { rate = 100, burst = 200 }")
        .unwrap()
        .unwrap();
    assert_eq!((throttle.rate.get(), throttle.burst.get()), (100, 200));
    assert_eq!(of("").unwrap(), None);
    for (wrong, key) in [
        (
            "throttle = { rate = 0, burst = 1 }",
            "sources.a.throttle.rate: ",
        ),
        (
            "throttle = { rate = 1 }",
            "sources.a.throttle: missing field `burst`",
        ),
        (
            "throttle = { rate = 1, burst = 1, per = 1 }",
            "sources.a.throttle.per: unknown field",
        ),
    ] {
        let error = of(wrong).unwrap_err().to_string();
        assert!(error.starts_with(key), "{error}");
    }
}
