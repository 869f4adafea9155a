//! The main job, end to end: a signed request in, its event recorded once, handled once, shown to the
//! operator. On the twin, over HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookgate_tests::gateway::{Gateway, example, secret, unix_s};
use hookgate_tests::provider::{self, Signed};
use serde_json::{Value, json};

/// A good request of each system, with the status that its guide wants for a bad one.
async fn good_requests(gateway: &Gateway) -> Vec<(&'static str, u16, Signed)> {
    let now = unix_s();
    let token = gateway.token(0).await;
    let order = br#"{"event_type":"order.shipment.shipped","company_id":12345,"payload":{"tracking_number":"1Z999AA1"},"occurred_at":"2025-10-09T08:50:00Z"}"#;
    let project = br#"{"id":"evt_1","type":"project.created","data":{"name":"Apollo"}}"#;
    let stock = br#"{"event":"stock.changed","sku":"PK-7","quantity":12}"#;
    let status = br#"{"type":"order.status","order_id":"ord_1001","status":"shipped"}"#;
    vec![
        (
            "partssource",
            401,
            provider::partssource(secret("partssource"), now, order),
        ),
        (
            "product",
            400,
            provider::product(secret("product"), now, project),
        ),
        (
            "pps",
            403,
            provider::pps(
                &token,
                "279e4e55-dfa0-4e04-b717-148ae547ab7d",
                br#"{"lines":[]}"#,
            ),
        ),
        ("pakk", 401, provider::pakk(secret("pakk"), stock)),
        (
            "wss",
            401,
            provider::wss(secret("wss"), &now.to_string(), status),
        ),
    ]
}

#[tokio::test]
async fn each_systems_event_is_taken_once_and_refused_when_altered() {
    let gateway = Gateway::start().await;
    for (source, refused, good) in good_requests(&gateway).await {
        let path = format!("/webhooks/{source}");
        let first = gateway.send(&path, &good).await;
        assert_eq!(
            (first.status, first.word.as_str()),
            (200, "accepted"),
            "{source}"
        );
        let event = gateway.ended(&first.key).await;
        assert_eq!(event["state"], "done", "{source}: {event}");
        assert_eq!(event["attempts"], 1, "{source}: {event}");
        assert_eq!(event["source"], *source, "{event}");
        assert_eq!(
            event["payload"]["body_base64"],
            STANDARD.encode(&good.body),
            "{source}"
        );

        let again = gateway.send(&path, &good).await;
        assert_eq!(
            (again.status, again.word.as_str()),
            (200, "duplicate"),
            "{source}"
        );
        assert_eq!(again.key, first.key, "{source}");
        assert_eq!(gateway.ended(&first.key).await["attempts"], 1, "{source}");

        let altered = gateway.send(&path, &good.altered()).await;
        assert_eq!(
            (altered.status, altered.key.as_str()),
            (refused, ""),
            "{source}"
        );
    }
}

#[tokio::test]
async fn what_a_caller_did_wrong_is_told_by_status() {
    let gateway = Gateway::start().await;
    let pakk = provider::pakk(secret("pakk"), b"{}");
    for (path, status) in [
        ("/webhooks/nobody", 404),
        ("/webhooks/pakk/a/b", 404),
        ("/elsewhere", 404),
        ("/webhooks/pakk", 200),
    ] {
        assert_eq!(gateway.send(path, &pakk).await.status, status, "{path}");
    }
    assert_eq!(gateway.get("/webhooks/pakk").await.0, 405);
    assert_eq!(gateway.get("/healthz").await.0, 200);

    let unsigned = Signed {
        headers: Vec::new(),
        body: b"{}".to_vec(),
    };
    assert_eq!(gateway.send("/webhooks/pakk", &unsigned).await.status, 401);
    let no_id = provider::product(
        secret("product"),
        unix_s(),
        br#"{"type":"project.created"}"#,
    );
    let response = gateway.post("/webhooks/product", &no_id).await;
    assert_eq!(response.status(), 400);
    assert!(
        response.text().await.unwrap().contains("id"),
        "the answer names the field"
    );
    let no_json = provider::product(secret("product"), unix_s(), b"id=1&type=\xff");
    let response = gateway.post("/webhooks/product", &no_json).await;
    assert_eq!(response.status(), 400);
    let text = response.text().await.unwrap();
    assert!(text.contains("the body is not JSON"), "{text}");

    let large = provider::pakk(
        secret("pakk"),
        &vec![b'x'; hookgate_ingest::MAX_BODY_BYTES + 1],
    );
    assert_eq!(gateway.send("/webhooks/pakk", &large).await.status, 413);
    let huge = provider::pakk(secret("pakk"), &vec![b'x'; 11 * 1024 * 1024]);
    let answer = reqwest_status(&gateway, &huge).await;
    assert!(answer.is_none_or(|status| status == 413), "{answer:?}");
}

/// The status of an answer to a body so large that the connection may be closed before its end.
async fn reqwest_status(gateway: &Gateway, signed: &Signed) -> Option<u16> {
    let url = format!("{}/webhooks/pakk", gateway.twin.url);
    let response = reqwest::Client::new()
        .post(url)
        .body(signed.body.clone())
        .send()
        .await;
    response.ok().map(|response| response.status().as_u16())
}

#[tokio::test]
async fn a_refusal_says_nothing_that_helps_a_forger() {
    let gateway = Gateway::start().await;
    let mut texts = Vec::new();
    let now = unix_s();
    for (at, body) in [(now, &b"{}"[..]), (now - 4000, b"{}"), (now + 4000, b"{}")] {
        let mut signed = provider::partssource("another secret", at, body);
        texts.push(
            gateway
                .post("/webhooks/partssource", &signed)
                .await
                .text()
                .await
                .unwrap(),
        );
        signed.headers.remove(0);
        texts.push(
            gateway
                .post("/webhooks/partssource", &signed)
                .await
                .text()
                .await
                .unwrap(),
        );
    }
    assert!(texts.iter().all(|text| text == &texts[0]), "{texts:?}");
}

#[tokio::test]
async fn a_poison_event_ends_in_the_dead_letter_queue_with_its_reason() {
    let gateway = Gateway::start().await;
    let body = br#"{"id":"evt_poison","type":"project.created","data":7}"#;
    let sent = gateway
        .send(
            "/webhooks/product",
            &provider::product(secret("product"), unix_s(), body),
        )
        .await;
    let event = gateway.ended(&sent.key).await;
    assert_eq!(event["state"], "dead");
    assert_eq!(
        event["attempts"], 1,
        "a permanent failure is not tried again"
    );
    assert!(
        event["error"].as_str().unwrap().contains("lacks a field"),
        "{event}"
    );

    let letters = gateway.dead_letters().await;
    assert_eq!(letters.len(), 1);
    let (text, attributes) = &letters[0];
    let envelope: Value = serde_json::from_str(text).unwrap();
    assert_eq!(envelope["body"], STANDARD.encode(body));
    assert_eq!(attributes["Class"], "permanent");
    assert_eq!(attributes["Target"], "handler:project_created");
    assert_eq!(attributes["Attempt"], "1");
    assert!(
        attributes["Reason"].contains("lacks a field"),
        "{attributes:?}"
    );
}

#[tokio::test]
async fn a_message_that_nobody_can_read_ends_in_the_dead_letter_queue_as_it_is() {
    let gateway = Gateway::start().await;
    let (client, url) = (
        gateway.twin.engines.sqs_client(),
        gateway.twin.engines.queue_url(),
    );
    let strange = "not ours \u{1f980} {";
    client
        .send_message()
        .queue_url(url)
        .message_body(strange)
        .send()
        .await
        .unwrap();
    for _ in 0..500 {
        if let Some((text, attributes)) = gateway.dead_letters().await.first() {
            assert_eq!(text, strange);
            assert_eq!(attributes["Class"], "unreadable");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it never arrived");
}

#[tokio::test]
async fn unknown_types_are_unhandled_and_listed() {
    let gateway = Gateway::start().await;
    let body = json!({ "id": "evt_new", "type": "something.new" }).to_string();
    let signed = provider::product(secret("product"), unix_s(), body.as_bytes());
    let sent = gateway.send("/webhooks/product", &signed).await;
    assert_eq!(gateway.ended(&sent.key).await["state"], "unhandled");

    let (_, all) = gateway.get("/admin/events").await;
    let listed = &all["events"][0];
    for (field, value) in [
        ("key", json!(sent.key)),
        ("source", json!("product")),
        ("tenant", Value::Null),
        ("event_id", json!("evt_new")),
        ("type", json!("something.new")),
        ("state", json!("unhandled")),
        ("target", Value::Null),
        ("attempts", json!(1)),
        ("error", Value::Null),
    ] {
        assert_eq!(listed[field], value, "{field}");
    }
    for field in ["received_at", "completed_at"] {
        let time: jiff::Timestamp = listed[field].as_str().unwrap().parse().unwrap();
        assert!(
            u64::try_from(time.as_second()).unwrap() >= unix_s() - 120,
            "{listed}"
        );
    }
    for (query, count) in [
        ("?source=product", 1),
        ("?source=pakk", 0),
        ("?state=unhandled", 1),
        ("?state=done", 0),
        ("?state=dead", 0),
        ("?type=something.new", 1),
        ("?type=something.old", 0),
        ("?limit=1", 1),
    ] {
        let (_, found) = gateway.get(&format!("/admin/events{query}")).await;
        assert_eq!(
            found["events"].as_array().map(Vec::len),
            Some(count),
            "{query}"
        );
    }
    assert_eq!(gateway.get("/admin/events?limit=0").await.0, 400);
    assert_eq!(gateway.get("/admin/events?state=lost").await.0, 400);
    assert_eq!(gateway.get("/admin/events?source=nobody").await.0, 400);
    assert_eq!(gateway.get("/admin/events/evt_new").await.0, 400);
    let stranger = hookgate::EventKey::new(None, "product", "id:never");
    assert_eq!(
        gateway.get(&format!("/admin/events/{stranger}")).await.0,
        404
    );
}

#[tokio::test]
async fn a_tenant_in_the_path_is_another_tenant() {
    let gateway = Gateway::start().await;
    let signed = provider::pakk(secret("pakk"), br#"{"n":1}"#);
    let without = gateway.send("/webhooks/pakk", &signed).await;
    let one = gateway.send("/webhooks/pakk/OU1", &signed).await;
    let other = gateway.send("/webhooks/pakk/OU2", &signed).await;
    assert!(
        [&without, &one, &other]
            .iter()
            .all(|answer| answer.word == "accepted")
    );
    assert_eq!(
        gateway.send("/webhooks/pakk/OU1", &signed).await.word,
        "duplicate"
    );
    assert_eq!(gateway.ended(&one.key).await["tenant"], "OU1");
    assert_eq!(gateway.ended(&without.key).await["tenant"], Value::Null);
}

#[tokio::test]
async fn any_bytes_come_out_as_they_went_in() {
    let gateway = Gateway::start().await;
    let mut noise = Vec::new();
    let mut state = 1u32;
    while noise.len() < hookgate_ingest::MAX_BODY_BYTES {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.push((state >> 24) as u8);
    }
    for body in [
        &b""[..],
        b"\x00",
        b"\xff\xfe\x00\r\n",
        "\u{feff}{}".as_bytes(),
        &noise,
    ] {
        let sent = gateway
            .send("/webhooks/pakk", &provider::pakk(secret("pakk"), body))
            .await;
        assert_eq!(sent.status, 200, "{} bytes", body.len());
        let event = gateway.ended(&sent.key).await;
        let kept = STANDARD
            .decode(event["payload"]["body_base64"].as_str().unwrap())
            .unwrap();
        assert!(kept == body, "{} bytes", body.len());
    }
}

#[tokio::test]
async fn a_second_event_under_one_id_has_no_effect() {
    let mut config = example();
    let gateway = Gateway::with(config.clone()).await;
    let signed = |n: u32| {
        let body =
            json!({ "id": "evt_same", "type": "run.failed", "data": { "n": n } }).to_string();
        provider::product(secret("product"), unix_s(), body.as_bytes())
    };
    let first = gateway.send("/webhooks/product", &signed(1)).await;
    let second = gateway.send("/webhooks/product", &signed(2)).await;
    assert_eq!((second.status, second.word.as_str()), (200, "duplicate"));
    let kept = gateway.ended(&first.key).await;
    assert!(
        kept["payload"]["body"]
            .as_str()
            .unwrap()
            .contains("\"n\":1"),
        "{kept}"
    );

    config.sources.get_mut("product").unwrap().on_mismatch = hookgate::MismatchPolicy::Reject;
    let strict = Gateway::with(config).await;
    assert_eq!(
        strict.send("/webhooks/product", &signed(1)).await.status,
        200
    );
    assert_eq!(
        strict.send("/webhooks/product", &signed(2)).await.status,
        409
    );
}

#[tokio::test]
async fn headers_with_credentials_are_not_kept() {
    let gateway = Gateway::start().await;
    let token = gateway.token(0).await;
    let mut signed = provider::pps(&token, "wh-1", b"{}");
    signed.headers.push(("Cookie".into(), "session=1".into()));
    signed.headers.push(("X-Api-Key".into(), "k".into()));
    let sent = gateway.send("/webhooks/pps", &signed).await;
    let event = gateway.ended(&sent.key).await;
    let names: Vec<&str> = event["payload"]["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| header[0].as_str().unwrap())
        .collect();
    assert!(names.contains(&"x-pps-triggered-at"), "{names:?}");
    for name in ["authorization", "cookie", "x-api-key", "host"] {
        assert!(!names.contains(&name), "{names:?}");
    }
}
