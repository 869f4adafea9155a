//! The deployed binaries, under Lambda's own emulator and against an AWS-compatible server that is not
//! the twin's: signed requests in every shape that Lambda gets them in, and how they end.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookgate::Body;
use hookgate_tests::batch::{batch, process};
use hookgate_tests::deployment::{
    Deployment, PAKK_SECRET, PRODUCT_SECRET, Sample, assert_discreet, ingest_with, processor_with,
    with,
};
use hookgate_tests::gateway::unix_s;
use hookgate_tests::provider::{self, Signed};
use hookgate_tests::shapes::{Encoding, HTTP_API, SHAPES, event};
use serde_json::{Value, json};

/// The status and JSON of ingest's answer.
fn answer(response: &Value) -> (i64, Value) {
    let status = response["statusCode"].as_i64();
    let body = response["body"].as_str().unwrap_or_default();
    (
        status.unwrap_or_else(|| panic!("no answer of ingest: {response}")),
        serde_json::from_str(body).unwrap_or_default(),
    )
}

/// A header of ingest's answer.
fn answer_header<'a>(response: &'a Value, name: &str) -> Option<&'a str> {
    let single = response["headers"].as_object().into_iter().flatten();
    let lists = response["multiValueHeaders"]
        .as_object()
        .into_iter()
        .flatten();
    let mut all = single.chain(lists.map(|(name, values)| (name, &values[0])));
    all.find(|(found, _)| found.eq_ignore_ascii_case(name))?
        .1
        .as_str()
}

/// The ledger's state of an event of one attempt that ended well.
fn done() -> (String, String) {
    ("D".to_owned(), "1".to_owned())
}

/// A sample's request as the template's API hands it over.
fn api_event(sample: &Sample) -> Value {
    event(HTTP_API, &sample.path(), &sample.good, Encoding::Plain)
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn each_systems_event_is_taken_once_in_every_shape_and_refused_when_altered() {
    let deployment = Deployment::new().await;
    let (mut ingest, mut processor) = (deployment.ingest().await, deployment.processor().await);
    let mut sent = Vec::new();
    for (shape, encoding) in SHAPES
        .iter()
        .flat_map(|shape| Encoding::BOTH.map(|encoding| (shape, encoding)))
    {
        let name = format!("{} {encoding:?}", shape.0);
        let event = |path: &str, signed: &Signed| event(shape.1, path, signed, encoding);
        let samples = deployment.samples(&name);
        let mut keys = Vec::new();
        for sample in &samples {
            let (status, first) =
                answer(&ingest.invoke(&event(&sample.path(), &sample.good)).await);
            assert_eq!(
                (status, &first["status"]),
                (200, &json!("accepted")),
                "{} {name}",
                sample.source
            );
            keys.push(first["event"].as_str().unwrap().to_owned());
        }
        let messages = deployment.stack.take().await;
        assert_eq!(messages.len(), samples.len(), "{name}");
        assert!(
            process(&mut processor, &batch(&messages)).await.is_empty(),
            "{name}"
        );

        for (sample, key) in samples.iter().zip(keys) {
            let context = format!("{} {name}", sample.source);
            assert_eq!(deployment.stack.state(&key).await, done(), "{context}");
            let again = ingest.invoke(&event(&sample.path(), &sample.good)).await;
            assert_eq!(
                answer(&again),
                (200, json!({ "status": "duplicate", "event": key })),
                "{context}"
            );
            let altered = ingest
                .invoke(&event(&sample.path(), &sample.altered()))
                .await;
            assert_eq!(answer(&altered).0, sample.refused, "{context}: {altered}");
        }
        assert!(
            deployment.stack.take().await.is_empty(),
            "{name}: neither made a message"
        );
        sent.extend(samples);
    }
    assert_eq!(processor.count("done"), sent.len());
    assert_discreet(&ingest, &sent);
    assert_discreet(&processor, &sent);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_message_that_comes_twice_has_no_second_effect() {
    let deployment = Deployment::new().await;
    let (mut ingest, mut processor) = (deployment.ingest().await, deployment.processor().await);
    let samples = deployment.samples("twice");
    let mut keys = Vec::new();
    for sample in &samples {
        let (_, accepted) = answer(&ingest.invoke(&api_event(sample)).await);
        keys.push(accepted["event"].as_str().unwrap().to_owned());
    }
    let batch = batch(&deployment.stack.take().await);
    for _ in 0..2 {
        assert!(process(&mut processor, &batch).await.is_empty());
        assert_eq!(processor.count("done"), samples.len());
        for key in &keys {
            assert_eq!(deployment.stack.state(key).await, done());
            let event = deployment.stack.item(key, "event").await;
            let place = event.expect("the event is known").remove("arc");
            assert!(place.is_some(), "the payload is kept");
        }
    }
    assert_eq!(processor.count("settled"), samples.len());
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_redelivery_before_the_event_is_processed_is_enqueued_once_more_and_no_more() {
    let deployment = Deployment::new().await;
    let mut ingest = deployment.ingest().await;
    let request = api_event(&deployment.samples("redelivered")[0]);
    let mut messages = Vec::new();
    for _ in 0..4 {
        let (status, answer) = answer(&ingest.invoke(&request).await);
        assert_eq!(status, 200, "{answer}");
        messages.push(deployment.stack.take().await.len());
    }
    assert_eq!(messages, [1, 1, 0, 0]);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn what_a_caller_did_wrong_is_told_by_status_in_every_shape() {
    let deployment = Deployment::new().await;
    let mut ingest = deployment.ingest().await;
    let pakk = provider::pakk(PAKK_SECRET, b"{}");
    let no_id = provider::product(PRODUCT_SECRET, unix_s(), br#"{"type":"project.created"}"#);
    let large = provider::pakk(
        PAKK_SECRET,
        &vec![b'x'; hookgate_ingest::MAX_BODY_BYTES + 1],
    );
    let unsigned = Signed {
        headers: Vec::new(),
        body: b"{}".to_vec(),
    };
    for (name, shape) in SHAPES {
        for (path, signed, status) in [
            ("/webhooks/nobody", &pakk, 404),
            ("/webhooks/pakk/a/b", &pakk, 404),
            ("/elsewhere", &pakk, 404),
            ("/webhooks/pakk", &unsigned, 401),
            ("/webhooks/product", &no_id, 400),
            ("/webhooks/pakk", &large, 413),
        ] {
            let response = ingest
                .invoke(&event(shape, path, signed, Encoding::Plain))
                .await;
            assert_eq!(answer(&response).0, status, "{name} {path}: {response}");
        }
        let mut get = event(shape, "/webhooks/pakk", &pakk, Encoding::Plain);
        for pointer in [
            "/httpMethod",
            "/requestContext/httpMethod",
            "/requestContext/http/method",
        ] {
            if let Some(method) = get.pointer_mut(pointer) {
                *method = json!("GET");
            }
        }
        let response = ingest.invoke(&get).await;
        assert_eq!(answer(&response).0, 405, "{name}: {response}");
        assert_eq!(
            answer_header(&response, "allow"),
            Some("POST"),
            "{name}: {response}"
        );
    }
    assert!(
        deployment.stack.take().await.is_empty(),
        "nothing was enqueued"
    );
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_signature_that_comes_twice_is_refused_in_every_shape_that_shows_both() {
    let deployment = Deployment::new().await;
    let mut ingest = deployment.ingest().await;
    for (name, shape) in SHAPES {
        let mut twice = provider::pakk(PAKK_SECRET, name.as_bytes());
        let wrong = (
            "X-Pakk-Webhook-Signature".to_owned(),
            STANDARD.encode([7; 32]),
        );
        twice.headers.insert(0, wrong);
        // A load balancer that is not set to lists of values hands over the last value alone.
        let expected = if name == "alb" { 200 } else { 401 };
        let response = ingest
            .invoke(&event(shape, "/webhooks/pakk", &twice, Encoding::Plain))
            .await;
        assert_eq!(answer(&response).0, expected, "{name}: {response}");
    }
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn bytes_that_are_no_text_reach_the_queue_unchanged() {
    let deployment = Deployment::new().await;
    let mut ingest = deployment.ingest().await;
    for (name, shape) in SHAPES {
        let body = [b"\x00\xff\xfe\r\n\x0b\x80", name.as_bytes()].concat();
        let signed = provider::pakk(PAKK_SECRET, &body);
        let path = format!("/webhooks/pakk/{name}");
        let (status, accepted) = answer(
            &ingest
                .invoke(&event(shape, &path, &signed, Encoding::Base64))
                .await,
        );
        assert_eq!(status, 200, "{name}: {accepted}");
        let messages = deployment.stack.take().await;
        assert_eq!(messages.len(), 1, "{name}");
        let envelope: Value = serde_json::from_str(messages[0].body().unwrap()).unwrap();
        assert_eq!(envelope["body"], STANDARD.encode(&body), "{name}");
        assert_eq!(envelope["tenant"], name);
        assert_eq!(envelope["key"], accepted["event"], "{name}");
    }
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_large_body_that_is_no_text_is_kept_in_the_bucket_and_handled() {
    let deployment = Deployment::new().await;
    let (mut ingest, mut processor) = (deployment.ingest().await, deployment.processor().await);
    let mut random = fastrand::Rng::with_seed(7);
    let body: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(hookgate_ingest::MAX_BODY_BYTES)
        .collect();
    let signed = provider::pakk(PAKK_SECRET, &body);
    let request = event(HTTP_API, "/webhooks/pakk", &signed, Encoding::Base64);
    let (status, accepted) = answer(&ingest.invoke(&request).await);
    assert_eq!(status, 200, "{accepted}");

    let messages = deployment.stack.take().await;
    let message = hookgate::Message::from_json(messages[0].body().unwrap()).unwrap();
    let Body::Stored(check) = message.event.body else {
        panic!("the message carries the body");
    };
    let kept = Body::Stored(check.clone())
        .fetch(Some(&deployment.stack.bodies()))
        .await
        .unwrap();
    assert!(kept == body, "to the byte");
    assert!(process(&mut processor, &batch(&messages)).await.is_empty());
    let key = accepted["event"].as_str().unwrap();
    assert_eq!(deployment.stack.state(key).await, done());
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_large_body_whose_object_is_gone_is_dead_and_one_whose_bucket_is_gone_waits() {
    let deployment = Deployment::new().await;
    let (mut ingest, mut processor) = (deployment.ingest().await, deployment.processor().await);
    let nowhere = with(
        deployment.processor_variables(),
        "ARCHIVE_BUCKET",
        "no-such-bucket",
    );
    let mut misled = processor_with(&nowhere).await;
    let signed = provider::pakk(
        PAKK_SECRET,
        &vec![b'x'; hookgate_ingest::INLINE_BODY_BYTES + 1],
    );
    let request = event(HTTP_API, "/webhooks/pakk", &signed, Encoding::Plain);
    let (_, accepted) = answer(&ingest.invoke(&request).await);
    let key = accepted["event"].as_str().unwrap();
    let messages = deployment.stack.take().await;
    assert_eq!(process(&mut misled, &batch(&messages)).await.len(), 1);
    assert_eq!(deployment.stack.state(key).await.0, "P", "{}", misled.log());

    deployment.stack.delete_bodies(&messages).await;
    assert!(process(&mut processor, &batch(&messages)).await.is_empty());
    assert_eq!(
        deployment.stack.state(key).await.0,
        "X",
        "{}",
        processor.log()
    );
    assert_eq!(deployment.stack.take_dead_letters().await.len(), 1);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn without_its_table_ingest_asks_the_sender_to_come_again() {
    let deployment = Deployment::new().await;
    let variables = with(
        deployment.ingest_variables(),
        "HOOKGATE_TABLE",
        "no-such-table",
    );
    let mut ingest = ingest_with(&variables).await;
    let samples = deployment.samples("outage");
    for sample in &samples {
        let response = ingest.invoke(&api_event(sample)).await;
        assert_eq!(answer(&response).0, 503, "{response}");
        assert!(
            answer_header(&response, "retry-after").is_some(),
            "{response}"
        );
    }
    assert!(
        deployment.stack.take().await.is_empty(),
        "nothing was enqueued"
    );
    assert_discreet(&ingest, &samples);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn without_its_queue_ingest_keeps_the_event_and_the_sweeper_enqueues_it() {
    let deployment = Deployment::new().await;
    let nowhere = format!("{}-that-is-gone", deployment.stack.queue_url);
    let variables = with(
        deployment.ingest_variables(),
        "HOOKGATE_QUEUE_URL",
        &nowhere,
    );
    let (mut ingest, mut sweeper) = (ingest_with(&variables).await, deployment.sweeper().await);
    let samples = deployment.samples("kept");
    let mut keys = BTreeSet::new();
    for sample in &samples {
        let (status, kept) = answer(&ingest.invoke(&api_event(sample)).await);
        assert_eq!(
            (status, &kept["status"]),
            (200, &json!("accepted")),
            "{kept}"
        );
        keys.insert(kept["event"].as_str().unwrap().to_owned());
    }
    assert!(
        deployment.stack.take().await.is_empty(),
        "nothing was enqueued"
    );
    let mut enqueued = Vec::new();
    for _ in 0..2 {
        assert_eq!(
            sweeper.invoke(&json!({})).await,
            Value::Null,
            "{}",
            sweeper.log()
        );
        enqueued.extend(deployment.stack.take().await);
    }
    assert_eq!(enqueued.len(), keys.len());
    let key = |message: &Message| {
        let envelope: Value = serde_json::from_str(message.body().unwrap()).unwrap();
        envelope["key"].as_str().unwrap().to_owned()
    };
    assert_eq!(enqueued.iter().map(key).collect::<BTreeSet<_>>(), keys);
    let mut processor = deployment.processor().await;
    assert!(process(&mut processor, &batch(&enqueued)).await.is_empty());
    for key in &keys {
        assert_eq!(deployment.stack.state(key).await, done());
    }
    assert_discreet(&ingest, &samples);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_function_that_lacks_a_setting_does_not_start_and_names_it() {
    let deployment = Deployment::new().await;
    let request = api_event(&deployment.samples("unset")[0]);
    for missing in ["HOOKGATE_TABLE", "HOOKGATE_QUEUE_URL"] {
        let mut variables = deployment.ingest_variables();
        variables.retain(|(name, _)| *name != missing);
        let mut ingest = ingest_with(&variables).await;
        let response = ingest.try_invoke(&request).await.unwrap_or_default();
        assert!(
            response.get("statusCode").is_none(),
            "{missing}: {response}"
        );
        assert!(
            ingest.log().contains(missing),
            "{missing}:\n{}",
            ingest.log()
        );
    }
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_source_that_lacks_its_secret_answers_503_and_its_key_is_named() {
    let deployment = Deployment::new().await;
    let mut variables = deployment.ingest_variables();
    variables.retain(|(name, _)| *name != "PARTSSOURCE_SECRET");
    let mut ingest = ingest_with(&variables).await;
    let mut statuses = Vec::new();
    for sample in deployment.samples("unset") {
        let response = ingest.invoke(&api_event(&sample)).await;
        statuses.push((sample.path(), response["statusCode"].as_i64()));
    }
    for (path, status) in &statuses {
        let expected = match path.starts_with("/webhooks/partssource") {
            true => 503,
            false => 200,
        };
        assert_eq!(*status, Some(expected), "{path}: {statuses:?}");
    }
    let log = ingest.log();
    assert!(log.contains("sources.partssource.secrets[0]"), "{log}");
}
