//! Requests that other people's SDKs signed go through the functions: taken, handled once, known again,
//! and rejected when one byte is changed. The clock stands at the time the request was made for.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

#[path = "../../shared/signature/tests/support/vectors.rs"]
mod vectors;

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hookgate::config::Config;
use hookgate::{Clock, Documents, Secrets};
use hookgate::{EventKey, Runtime, Sources};
use hookgate_api::EventState;
use hookgate_ingest::Ingest;
use hookgate_processor::handlers::Handlers;
use hookgate_processor::{Invocation, Processor};
use hookgate_signature::Provider;
use hookgate_tests::provider::Signed;
use hookgate_twin::engines::{Engines, QUEUE, TABLE};
use http::{Request, Response};
use serde_json::{Value, json};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/signature/vectors");

/// A gateway whose time is that of a vector.
struct Gateway<'a> {
    engines: &'a Engines,
    ingest: Ingest,
    processor: Processor,
    now: SystemTime,
}

impl<'a> Gateway<'a> {
    async fn of(engines: &'a Engines, data: &Value, vector: &Value) -> Gateway<'a> {
        let now = UNIX_EPOCH + Duration::from_millis(vector["now_ms"].as_u64().unwrap());
        let clock = Clock::new(move || now);
        let secrets = vector["config"]["secrets"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let variables = secrets
            .iter()
            .enumerate()
            .map(|(index, secret)| (format!("S{index}"), secret.as_str().unwrap().to_owned()));
        let references: Vec<String> = (0..secrets.len())
            .map(|index| format!("env:S{index}"))
            .collect();
        let config = Config::parse(&config(vector, &references)).unwrap();
        let secrets = Secrets::new(variables.collect(), None);
        let documents = data["issuers"]["documents"].as_object().cloned();
        let documents = documents
            .unwrap_or_default()
            .into_iter()
            .map(|(url, document)| (url, document.to_string().into_bytes()));
        let documents = Documents::Given(documents.collect());
        let sources = Sources::load(&config, secrets, documents, Runtime::Aws, now)
            .await
            .unwrap();
        let (table, queue) = (engines.table(config.retention), engines.queue());
        Gateway {
            engines,
            ingest: Ingest::new(
                sources,
                table.clone(),
                queue.clone(),
                Some(engines.bodies()),
                clock.clone(),
            ),
            processor: Processor::new(
                table,
                queue,
                Some(engines.bodies()),
                clock,
                &Handlers::built_in(),
                Vec::new(),
            )
            .unwrap(),
            now,
        }
    }

    async fn send(&self, path: &str, headers: &[(String, String)], body: &[u8]) -> (u16, Value) {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::copy_from_slice(body)).unwrap();
        let response: Response<Bytes> = self.ingest.handle(request).await;
        let answer = serde_json::from_slice(response.body()).unwrap_or_default();
        (response.status().as_u16(), answer)
    }

    /// Hands everything in the queue to the processor; how many messages there were.
    async fn process(&self) -> usize {
        let sqs = &self.engines.sqs;
        let received = sqs.receive(QUEUE, 10, Duration::ZERO, None).await.unwrap();
        let records: Vec<Value> = received
            .iter()
            .map(|message| json!({ "messageId": message.id, "receiptHandle": message.receipt_handle, "body": message.body }))
            .collect();
        let batch: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
        let deadline = self.now + Duration::from_secs(30);
        let invocation = Invocation {
            request_id: "test".into(),
            deadline,
        };
        let response = self.processor.handle(batch, &invocation).await;
        assert!(response.batch_item_failures.is_empty(), "{response:?}");
        for message in &received {
            sqs.delete(QUEUE, &message.receipt_handle).await.unwrap();
        }
        received.len()
    }
}

fn config(vector: &Value, secrets: &[String]) -> String {
    let provider = vector["provider"].as_str().unwrap();
    let mut text = format!("[sources.{provider}]\nprovider = \"{provider}\"\n");
    if let Some(issuers) = vector["config"]["trusted_issuers"].as_object() {
        let issuers = issuers.iter().map(|(issuer, audiences)| match audiences {
            Value::Null => format!("{issuer:?} = \"any\""),
            audiences => format!("{issuer:?} = {audiences}"),
        });
        text += &format!(
            "issuers = {{ {} }}\n",
            issuers.collect::<Vec<_>>().join(", ")
        );
    } else {
        text += &format!("secrets = {secrets:?}\n");
    }
    if let Some(url) = vector["config"]["public_url"].as_str() {
        text += &format!("public_url = {url:?}\n");
    }
    text
}

#[tokio::test]
async fn requests_signed_by_others_are_handled_once() {
    let data = tempfile::tempdir().unwrap();
    let engines = Engines::start(data.path(), 0).await.unwrap();
    forget_nothing(&engines).await;
    let data = vectors::read(Path::new(VECTORS));
    let valid = data["vectors"].as_array().unwrap().iter();
    let valid: Vec<&Value> = valid.filter(|vector| vector["group"] == "valid").collect();
    assert!(valid.len() > 60, "{}", valid.len());
    let mut handled = HashMap::<String, u32>::new();
    for (index, vector) in valid.into_iter().enumerate() {
        let id = vector["id"].as_str().unwrap();
        let gateway = Gateway::of(&engines, &data, vector).await;
        // A tenant of its own: several vectors carry the same event.
        let provider = vector["provider"].as_str().unwrap();
        let path = format!("/webhooks/{provider}/t{index}");
        let headers: Vec<(String, String)> =
            serde_json::from_value(vector["request"]["headers"].clone()).unwrap();
        let body = vectors::body(&vector["request"]);
        let (status, answer) = gateway.send(&path, &headers, &body).await;
        if body.len() > hookgate_ingest::MAX_BODY_BYTES {
            assert_eq!(status, 413, "{id}");
            continue;
        }
        if status == 400 {
            // Authentic, but without the id or type that the row wants.
            assert!(
                answer["error"].as_str().unwrap().contains("lacks"),
                "{id}: {answer}"
            );
            continue;
        }
        assert_eq!(
            (status, &answer["status"]),
            (200, &json!("accepted")),
            "{id}: {answer}"
        );
        assert_eq!(gateway.process().await, 1, "{id}");
        let key = EventKey::parse(answer["event"].as_str().unwrap()).unwrap();
        let table = engines.table(None);
        let event = table
            .show_event(&key, hookgate::system_now())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (event.summary.state, event.summary.attempts),
            (EventState::Unhandled, 1),
            "{id}"
        );
        assert_eq!(
            event.payload.unwrap().body_base64,
            STANDARD.encode(&body),
            "{id}"
        );

        let (status, again) = gateway.send(&path, &headers, &body).await;
        assert_eq!(
            (status, &again["status"]),
            (200, &json!("duplicate")),
            "{id}"
        );
        assert_eq!(gateway.process().await, 0, "{id}");
        let altered = Signed { headers, body }.altered();
        let (status, _) = gateway.send(&path, &altered.headers, &altered.body).await;
        assert_eq!(u64::from(status), vector["reject_status"], "{id}");
        *handled.entry(provider.to_owned()).or_insert(0) += 1;
    }
    // The bodies of LINE's vectors have no events, which its key is made of.
    let mut absent = Provider::builtin_names().filter(|name| !handled.contains_key(*name));
    assert_eq!((absent.next(), absent.next()), (Some("line"), None));
    assert!(handled.values().sum::<u32>() > 130, "{handled:?}");
    let often = handled.values().filter(|count| **count >= 3).count();
    assert!(often >= 10, "{handled:?}");
    engines.stop().await;
}

#[tokio::test]
async fn slacks_url_check_is_echoed_only_when_it_is_signed() {
    let data = tempfile::tempdir().unwrap();
    let engines = Engines::start(data.path(), 0).await.unwrap();
    let data = vectors::read(Path::new(VECTORS));
    for vector in data["handshakes"].as_array().unwrap() {
        let gateway = Gateway::of(&engines, &data, vector).await;
        let headers: Vec<(String, String)> =
            serde_json::from_value(vector["request"]["headers"].clone()).unwrap();
        let mut request = Request::post("/webhooks/slack");
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let body = vectors::body(&vector["request"]);
        let response = gateway
            .ingest
            .handle(request.body(body.into()).unwrap())
            .await;
        let expect = &vector["expect"];
        assert_eq!(
            u64::from(response.status().as_u16()),
            expect["status"].as_u64().unwrap()
        );
        let text = String::from_utf8(response.into_body().to_vec()).unwrap();
        match expect["body_any_of"].as_array() {
            Some(bodies) => assert!(bodies.iter().any(|body| body == &json!(text)), "{text}"),
            None => assert!(!text.contains(expect["body_must_not_contain"].as_str().unwrap())),
        }
        assert_eq!(gateway.process().await, 0, "a handshake is no event");
    }
    engines.stop().await;
}

/// The vectors' times are long past, and what is long past is deleted.
async fn forget_nothing(engines: &Engines) {
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name("exp")
        .enabled(false);
    engines
        .dynamodb_client()
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(ttl.build().unwrap())
        .send()
        .await
        .unwrap();
}
