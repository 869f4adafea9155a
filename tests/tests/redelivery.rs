//! A provider that sends again: what it is told, and what its redelivery does where the first message is lost.

use std::time::Duration;

use bytes::Bytes;
use hookgate::event::{ClaimOutcome, ClaimRequest};
use hookgate::replay::{Pending, ReplayId, Sent, send_again};
use hookgate::{EventKey, Message, system_now};
use hookgate_tests::gateway::unix_s;
use hookgate_tests::provider;
use hookgate_tests::telemetry::{Functions, SECRET};
use hookgate_twin::engines::{QUEUE, TABLE};
use http::{Request, Response};
use serde_json::Value;

const BODY: &[u8] = br#"{"id":"evt_1","type":"run.failed"}"#;

/// Sends the event; the answer.
async fn send(functions: &Functions) -> Response<Bytes> {
    let signed = provider::product(SECRET, unix_s(), BODY);
    let mut request = Request::post("/webhooks/product");
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::from(signed.body));
    functions.request(request.expect("a good request")).await
}

/// Sends the event, which is answered with 200; the status in the answer, and the event's key.
async fn accepted(functions: &Functions) -> (String, EventKey) {
    let response = send(functions).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("retry-after"), None);
    let answer: Value = serde_json::from_slice(response.body()).expect("JSON");
    let text = |field: &str| answer[field].as_str().expect("a text").to_owned();
    let key = EventKey::parse(&text("event")).expect("a key");
    (text("status"), key)
}

/// Takes the messages out of the queue, as if they had never been sent; their epochs.
async fn lost(functions: &Functions) -> Vec<u32> {
    let sqs = &functions.engines.sqs;
    let received = sqs.receive(QUEUE, 10, Duration::ZERO, None).await;
    let mut epochs = Vec::new();
    for message in received.expect("the queue answers") {
        let deleted = sqs.delete(QUEUE, &message.receipt_handle).await;
        deleted.expect("the queue answers");
        let message = Message::from_json(&message.body).expect("a message");
        epochs.push(message.number.epoch);
    }
    epochs
}

async fn state(functions: &Functions, key: &EventKey) -> String {
    let event = functions
        .engines
        .table(None)
        .show_event(key, system_now())
        .await;
    let event = event.expect("the table answers").expect("the event");
    event.summary.state.to_string()
}

#[tokio::test]
async fn a_redelivery_sends_the_message_that_may_be_lost_and_the_next_one_sends_none() {
    let functions = Functions::start().await;
    let (status, key) = accepted(&functions).await;
    assert_eq!(
        (status.as_str(), lost(&functions).await),
        ("accepted", vec![0])
    );
    assert_eq!(state(&functions, &key).await, "received");

    assert_eq!(
        accepted(&functions).await,
        ("duplicate".to_owned(), key.clone())
    );
    assert_eq!(state(&functions, &key).await, "enqueued");
    assert_eq!(
        accepted(&functions).await,
        ("duplicate".to_owned(), key.clone())
    );
    let batch = functions.batch().await;
    assert_eq!(batch.records.len(), 1, "one of the two sent it");
    assert_eq!(functions.process(batch).await, 0);
    assert_eq!(state(&functions, &key).await, "done");
}

#[tokio::test]
async fn a_redelivery_after_a_replay_that_died_is_handled_at_the_replays_epoch() {
    let functions = Functions::start().await;
    let (_, key) = accepted(&functions).await;
    functions.process(functions.batch().await).await;
    let handled = || functions.handled.0.lock().expect("no panic").len();
    assert_eq!(handled(), 1);

    // The replay's processor dies once it has claimed the event; its message is gone.
    let table = functions.engines.table(None);
    let pending = Pending::after(&key, 0).expect("an epoch");
    let replay = ReplayId::new(system_now(), 1);
    let sent = send_again(&table, &functions.engines.queue(), &replay, &pending).await;
    assert_eq!(sent.expect("the queue takes it"), Sent::Yes);
    let batch = functions.batch().await;
    let text = batch.records[0].body.as_deref().expect("a message");
    let message = Message::from_json(text).expect("a message");
    let now = system_now();
    let claim = ClaimRequest {
        message: &message,
        owner: "dead",
        lease_until: now - Duration::from_secs(1),
        place: None,
        now,
    };
    let claimed = table.claim(claim).await.expect("the table answers");
    assert!(matches!(claimed, ClaimOutcome::Granted(_)), "{claimed:?}");
    for record in &batch.records {
        let handle = record.receipt_handle.as_deref().expect("a handle");
        let deleted = functions.engines.sqs.delete(QUEUE, handle).await;
        deleted.expect("the queue answers");
    }

    assert_eq!(accepted(&functions).await.0, "duplicate");
    let batch = functions.batch().await;
    let text = batch.records[0].body.as_deref().expect("a message");
    assert_eq!(Message::from_json(text).expect("a message").number.epoch, 1);
    assert_eq!(functions.process(batch).await, 0);
    assert_eq!(
        (handled(), state(&functions, &key).await.as_str()),
        (2, "done")
    );
}

#[tokio::test]
async fn whoever_cannot_be_served_is_told_when_to_come_again() {
    let functions = Functions::start().await;
    let dynamodb = functions.engines.dynamodb_client();
    let deleted = dynamodb.delete_table().table_name(TABLE).send().await;
    deleted.expect("the table is gone");
    let response = send(&functions).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    let get = Request::get("/webhooks/product").body(Bytes::new());
    let response = functions.request(get.expect("a good request")).await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(response.headers().get("retry-after"), None, "never");
}
