//! Bodies of every size and content, through the functions on the embedded engines: what the handler
//! gets, what the archive keeps and what is replayed are the bytes that were signed.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_lambda_events::sqs::SqsEvent;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hookgate::config::{Config, DEFAULT_RETENTION};
use hookgate::replay::{Pending, ReplayId, send_again};
use hookgate::system_now;
use hookgate::{Body, Clock, EventKey, Message, Route, Runtime, Sources, StoredBody};
use hookgate::{Documents, DynamoTable, S3Bodies, Secrets};
use hookgate_api::{EventDetail, EventState};
use hookgate_ingest::{INLINE_BODY_BYTES, Ingest, MAX_BODY_BYTES, MAX_MESSAGE_BODY_BYTES};
use hookgate_processor::handlers::{Effect, HandlerError, Handlers};
use hookgate_processor::{Invocation, Processor};
use hookgate_tests::provider::{self, Signed};
use hookgate_tests::servers::config;
use hookgate_twin::engines::{BUCKET, DEAD_LETTER_QUEUE, Engines, QUEUE};
use http::{Request, StatusCode};
use serde_json::{Value, json};

const SOURCES: &str = "[sources.pakk]\nprovider = \"pakk\"\nsecrets = [\"env:PAKK\"]\n\
    event = { type = \"body:event\", required = [] }\n";
const SECRET: &str = "bodies-test";

/// An address on which nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A handler that keeps the bodies that it is given.
#[derive(Clone, Default)]
struct Collecting(Arc<Mutex<Vec<Bytes>>>);

impl Collecting {
    fn handlers(&self) -> Handlers {
        let collecting = self.clone();
        Handlers::default().with("collect", move |_, body| {
            collecting.0.lock().unwrap().push(body.clone());
            Box::pin(async { Ok(Effect::Happened) })
        })
    }
}

/// Ingest and the processor, with a bucket each.
struct Gateway {
    table: DynamoTable,
    ingest: Ingest,
    processor: Processor,
    handled: Collecting,
}

/// The answer to a request.
struct Answer {
    status: StatusCode,
    json: Value,
}

impl Gateway {
    async fn of(engines: &Engines, bodies: Option<S3Bodies>) -> Gateway {
        let variables = HashMap::from([("PAKK".to_owned(), SECRET.to_owned())]);
        let secrets = Secrets::new(variables, None);
        let config = Config::parse(SOURCES).unwrap();
        let sources = Sources::load(
            &config,
            secrets,
            Documents::fetched(),
            Runtime::Local,
            system_now(),
        )
        .await
        .unwrap();
        let table = engines.table(Some(DEFAULT_RETENTION));
        let queue = engines.queue();
        let handled = Collecting::default();
        let processor = Processor::new(
            table.clone(),
            queue.clone(),
            bodies.clone(),
            Clock::system(),
            &handled.handlers(),
            vec![Route::new("*", "*", "handler:collect")],
        );
        Gateway {
            ingest: Ingest::new(sources, table.clone(), queue, bodies, Clock::system()),
            processor: processor.unwrap(),
            table,
            handled,
        }
    }

    async fn send(&self, body: &[u8]) -> Answer {
        self.post(&provider::pakk(SECRET, body)).await
    }

    async fn post(&self, signed: &Signed) -> Answer {
        let mut request = Request::post("/webhooks/pakk");
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(signed.body.clone())).unwrap();
        let response = self.ingest.handle(request).await;
        Answer {
            status: response.status(),
            json: serde_json::from_slice(response.body()).unwrap(),
        }
    }

    /// Hands the queue to the processor; the messages, and whether they were acknowledged.
    async fn process(&self, engines: &Engines) -> (Vec<Message>, bool) {
        let sqs = &engines.sqs;
        let received = sqs.receive(QUEUE, 10, Duration::ZERO, None).await.unwrap();
        let records: Vec<Value> = received
            .iter()
            .map(|message| json!({ "messageId": message.id, "receiptHandle": message.receipt_handle, "body": message.body }))
            .collect();
        let batch: SqsEvent = serde_json::from_value(json!({ "Records": records })).unwrap();
        let invocation = Invocation {
            request_id: "test".into(),
            deadline: system_now() + Duration::from_secs(30),
        };
        let response = self.processor.handle(batch, &invocation).await;
        let finished = response.batch_item_failures.is_empty();
        for message in received.iter().filter(|_| finished) {
            sqs.delete(QUEUE, &message.receipt_handle).await.unwrap();
        }
        let messages = received
            .iter()
            .map(|message| Message::from_json(&message.body).unwrap());
        (messages.collect(), finished)
    }

    async fn event(&self, answer: &Answer) -> EventDetail {
        self.table
            .show_event(&answer.key(), system_now())
            .await
            .unwrap()
            .unwrap()
    }

    fn taken(&self) -> Vec<Bytes> {
        std::mem::take(&mut *self.handled.0.lock().unwrap())
    }
}

impl Answer {
    fn key(&self) -> EventKey {
        EventKey::parse(self.json["event"].as_str().unwrap()).unwrap()
    }

    fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }
}

async fn engines() -> Engines {
    Engines::in_memory(Box::new(system_now)).await.unwrap()
}

/// Bytes that nothing compresses.
fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..))
        .take(bytes)
        .collect()
}

/// Sends a body all the way, and once more as a replay.
async fn goes_through(engines: &Engines, gateway: &Gateway, body: &[u8], what: &str) {
    let answer = gateway.send(body).await;
    assert_eq!(answer.status, 200, "{what}: {}", answer.json);
    let (messages, finished) = gateway.process(engines).await;
    let [message] = &messages[..] else {
        panic!("{what}: {} messages", messages.len());
    };
    let large = body.len() > INLINE_BODY_BYTES;
    assert_eq!(
        matches!(message.event.body, Body::Stored(_)),
        large,
        "{what}"
    );
    assert!(finished && gateway.taken() == [body], "{what}: handled");

    let event = gateway.event(&answer).await;
    let kept = STANDARD.decode(event.payload.unwrap().body_base64).unwrap();
    assert!(
        event.summary.state == EventState::Done && kept == body,
        "{what}: archived"
    );

    let pending = Pending::after(&answer.key(), 0).unwrap();
    let replay = ReplayId::new(system_now(), 1);
    send_again(&gateway.table, &engines.queue(), &replay, &pending)
        .await
        .unwrap();
    let (replayed, finished) = gateway.process(engines).await;
    assert_eq!(replayed[0].event, message.event, "{what}");
    assert!(finished && gateway.taken() == [body], "{what}: replayed");
}

#[tokio::test]
async fn bodies_of_every_size_are_handled_archived_and_replayed_to_the_byte() {
    let engines = engines().await;
    let gateway = Gateway::of(&engines, Some(engines.bodies())).await;
    for size in [
        0,
        1,
        INLINE_BODY_BYTES - 1,
        INLINE_BODY_BYTES,
        INLINE_BODY_BYTES + 1,
        MAX_MESSAGE_BODY_BYTES + 1,
        MAX_BODY_BYTES,
    ] {
        goes_through(&engines, &gateway, &noise(size), &format!("{size} bytes")).await;
    }
}

#[tokio::test]
async fn bodies_of_any_bytes_are_handled_archived_and_replayed_to_the_byte() {
    let engines = engines().await;
    let gateway = Gateway::of(&engines, Some(engines.bodies())).await;
    let every: Vec<u8> = (0..=255).collect();
    for (what, bytes) in [
        ("every byte", &every[..]),
        ("NULs", b"\x00"),
        ("invalid UTF-8", b"\xff\xfe\xc3\x28\xed\xa0\x80"),
        ("gzip", b"\x1f\x8b\x08\x00"),
        ("line ends", b"\r\n\x0b\x0c"),
        ("a text", "{\"name\":\"\u{1f4e6}\"}\u{feff}".as_bytes()),
    ] {
        let large = bytes.repeat(INLINE_BODY_BYTES / bytes.len() + 1);
        for body in [bytes, &large] {
            let what = format!("{what}, {} bytes", body.len());
            let altered = provider::pakk(SECRET, body).altered();
            assert_eq!(gateway.post(&altered).await.status, 401, "{what}");
            goes_through(&engines, &gateway, body, &what).await;
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_in_the_senders_terms() {
    let engines = engines().await;
    let with = Gateway::of(&engines, Some(engines.bodies())).await;
    let refused = with.send(&noise(MAX_BODY_BYTES + 1)).await;
    assert_eq!(refused.status, 413);
    assert_eq!(refused.error(), "the body is larger than 4500000 bytes");

    let without = Gateway::of(&engines, None).await;
    let refused = without.send(&noise(MAX_MESSAGE_BODY_BYTES + 1)).await;
    assert_eq!(refused.status, 413);
    assert_eq!(refused.error(), "the body is larger than 716800 bytes");
    assert!(with.process(&engines).await.0.is_empty());

    let body = noise(MAX_MESSAGE_BODY_BYTES);
    assert_eq!(without.send(&body).await.status, 200);
    without.process(&engines).await;
    assert!(
        without.taken() == [body],
        "without a bucket, messages carry what they can"
    );
}

#[tokio::test]
async fn an_event_whose_body_is_gone_is_dead_with_its_reason() {
    let engines = engines().await;
    let gateway = Gateway::of(&engines, Some(engines.bodies())).await;
    let body = noise(INLINE_BODY_BYTES + 1);
    let answer = gateway.send(&body).await;
    let check = StoredBody::of(&answer.key(), &body);
    let url = format!("{}/{BUCKET}/{}", engines.s3_endpoint, check.key);
    let http = reqwest::Client::new();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
    assert_eq!(http.delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(http.get(&url).send().await.unwrap().status(), 404);
    gateway.process(&engines).await;
    assert_eq!(reason(&engines).await, "the stored body is gone");
    let event = gateway.event(&answer).await;
    assert_eq!(
        (event.summary.state, event.payload),
        (EventState::Dead, None)
    );

    let other = noise(INLINE_BODY_BYTES + 2);
    let answer = gateway.send(&other).await;
    let check = StoredBody::of(&answer.key(), &other);
    let altered = Bytes::from_static(b"another body");
    engines
        .bodies()
        .put(
            &StoredBody {
                sha256: sha256(&altered),
                ..check
            },
            &altered,
        )
        .await
        .unwrap();
    gateway.process(&engines).await;
    assert_eq!(
        reason(&engines).await,
        "the stored bytes are not the body that came in"
    );
    assert!(gateway.taken().is_empty(), "no handler ran");
}

/// The reason of the next dead letter.
async fn reason(engines: &Engines) -> String {
    let letters = engines
        .sqs
        .receive(DEAD_LETTER_QUEUE, 1, Duration::ZERO, None)
        .await
        .unwrap();
    let [letter] = &letters[..] else {
        panic!("no dead letter");
    };
    engines
        .sqs
        .delete(DEAD_LETTER_QUEUE, &letter.receipt_handle)
        .await
        .unwrap();
    let message = Message::from_json(&letter.body).unwrap();
    let event = engines
        .table(None)
        .show_event(&message.event.key, system_now())
        .await
        .unwrap();
    event.unwrap().summary.error.unwrap()
}

fn sha256(body: &[u8]) -> [u8; 32] {
    Body::Inline(Bytes::copy_from_slice(body)).sha256()
}

#[tokio::test]
async fn while_the_bucket_is_down_nothing_large_is_accepted_and_what_was_accepted_waits() {
    let engines = engines().await;
    let nowhere = S3Bodies::new(&config(NOWHERE), BUCKET);
    let down = Gateway::of(&engines, Some(nowhere)).await;
    let body = noise(INLINE_BODY_BYTES + 1);
    assert_eq!(down.send(&body).await.status, 503);
    assert!(
        down.process(&engines).await.0.is_empty(),
        "no message without its body"
    );
    assert_eq!(down.send(b"small").await.status, 200);
    assert!(down.process(&engines).await.1);
    assert_eq!(down.taken(), [&b"small"[..]]);

    let up = Gateway::of(&engines, Some(engines.bodies())).await;
    let answer = up.send(&body).await;
    assert_eq!(answer.status, 200);
    let (messages, finished) = down.process(&engines).await;
    assert_eq!((messages.len(), finished), (1, false), "it comes again");
    let event = up.event(&answer).await.summary;
    assert!(event.error.unwrap().starts_with("read the body failed: "));
}

#[tokio::test]
async fn a_redelivery_of_a_large_event_that_was_handled_uploads_nothing() {
    let engines = engines().await;
    let up = Gateway::of(&engines, Some(engines.bodies())).await;
    let body = noise(INLINE_BODY_BYTES + 1);
    assert_eq!(up.send(&body).await.status, 200);
    assert!(up.process(&engines).await.1);
    let nowhere = S3Bodies::new(&config(NOWHERE), BUCKET);
    let down = Gateway::of(&engines, Some(nowhere)).await;
    let answer = down.send(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(answer.json["status"], "duplicate");
}

#[tokio::test]
async fn a_bucket_that_refuses_has_stored_nothing() {
    let engines = engines().await;
    let body = noise(INLINE_BODY_BYTES + 1);
    for (status, code) in [
        (StatusCode::FORBIDDEN, "AccessDenied"),
        (StatusCode::NOT_FOUND, "NoSuchBucket"),
        (StatusCode::TEMPORARY_REDIRECT, "TemporaryRedirect"),
        (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
    ] {
        let once = config(&refusing(status, code).await)
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .build();
        let bucket = S3Bodies::new(&once, BUCKET);
        let refused = bucket
            .put(
                &StoredBody::of(&EventKey::new(None, "pakk", "a"), &body),
                &Bytes::from(body.clone()),
            )
            .await;
        let why = hookgate::chain(&refused.unwrap_err());
        let said = format!("S3 answered {} {code}", status.as_u16());
        assert!(why.contains(&said), "{why}");
        let gateway = Gateway::of(&engines, Some(bucket)).await;
        let answer = gateway.send(&body).await;
        assert_eq!(answer.status, 503, "{code}: {}", answer.json);
        let error = answer.error();
        assert!(
            error.starts_with("the event could not be stored"),
            "{error}"
        );
        let (messages, _) = gateway.process(&engines).await;
        assert!(messages.is_empty(), "{code}: no message without its body");
    }
    // The provider comes again, and by now the bucket takes it.
    let gateway = Gateway::of(&engines, Some(engines.bodies())).await;
    assert_eq!(gateway.send(&body).await.status, 200);
    assert!(gateway.process(&engines).await.1);
    assert_eq!(gateway.taken(), [&body[..]]);
}

/// The URL of a bucket that refuses every request.
async fn refusing(status: StatusCode, code: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let refuse = move || async move { (status, format!("<Error><Code>{code}</Code></Error>")) };
    let bucket = axum::Router::new().fallback(refuse);
    tokio::spawn(async move { axum::serve(listener, bucket).await });
    url
}

#[tokio::test]
async fn whatever_a_handler_says_of_its_failure_its_event_is_dead_lettered() {
    let engines = engines().await;
    for reason in [
        "no\u{0}\u{1b}[31m such\r\n order\u{fffe}",
        "\u{7}",
        "",
        &"\u{1f4e6}".repeat(9000),
    ] {
        let gateway = Gateway::of(&engines, None).await;
        let said = reason.to_owned();
        let handlers = Handlers::default().with("fail", move |_, _| {
            let said = said.clone();
            Box::pin(async { Err(HandlerError::permanent(said)) })
        });
        let processor = Processor::new(
            gateway.table.clone(),
            engines.queue(),
            None,
            Clock::system(),
            &handlers,
            vec![Route::new("*", "*", "handler:fail")],
        );
        let gateway = Gateway {
            processor: processor.unwrap(),
            ..gateway
        };
        let answer = gateway.send(reason.as_bytes()).await;
        assert_eq!(answer.status, 200);
        assert!(gateway.process(&engines).await.1, "{reason:.20}");
        assert_eq!(gateway.event(&answer).await.summary.state, EventState::Dead);
        let letters = engines
            .dead_letters()
            .receive(Duration::from_secs(30))
            .await;
        let letters = letters.unwrap();
        assert_eq!(letters.len(), 1, "{reason:.20}");
        let shown = &letters[0].attributes["Reason"];
        assert!(
            !shown.is_empty() && !shown.contains(char::is_control),
            "{shown:?}"
        );
    }
}

#[tokio::test]
async fn what_the_twin_keeps_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let body = Bytes::from(noise(INLINE_BODY_BYTES + 1));
    let check = StoredBody::of(&EventKey::new(None, "pakk", "a"), &body);
    let engines = Engines::start(folder.path(), 0).await.unwrap();
    engines.bodies().put(&check, &body).await.unwrap();
    engines.stop().await;
    let engines = Engines::start(folder.path(), 0).await.unwrap();
    assert!(engines.bodies().get(&check).await.unwrap() == Some(body));
    engines.stop().await;
}
