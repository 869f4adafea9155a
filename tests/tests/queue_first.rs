//! Ingest that sends an event's message before anything is recorded: what is told to whom, and what counts.

use std::time::Duration;

use bytes::Bytes;
use hookgate::config::IngestOrder;
use hookgate::metrics::Metric;
use hookgate::{EventKey, system_now};
use hookgate_ingest::INLINE_BODY_BYTES;
use hookgate_tests::gateway::unix_s;
use hookgate_tests::provider;
use hookgate_tests::telemetry::{Functions, Output, SECRET};
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, QUEUE, TABLE};
use http::Request;
use serde_json::{Value, json};

fn event(event_type: &str, note: &str) -> Vec<u8> {
    json!({ "id": "evt_1", "type": event_type, "note": note })
        .to_string()
        .into_bytes()
}

/// Sends an event; the status in the answer, and the event's key.
async fn accepted(functions: &Functions, body: &[u8]) -> (String, EventKey) {
    let (status, answer) = send(functions, body).await;
    assert_eq!(status, 200, "{answer}");
    let text = |field: &str| answer[field].as_str().expect("a text").to_owned();
    let key = EventKey::parse(&text("event")).expect("a key");
    (text("status"), key)
}

async fn send(functions: &Functions, body: &[u8]) -> (u16, Value) {
    let signed = provider::product(SECRET, unix_s(), body);
    let mut request = Request::post("/webhooks/product");
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::from(signed.body));
    let response = functions.request(request.expect("a good request")).await;
    let answer = serde_json::from_slice(response.body()).expect("JSON");
    (response.status().as_u16(), answer)
}

/// The event's state; `None` if the ledger does not know it.
async fn state(functions: &Functions, key: &EventKey) -> Option<String> {
    let table = functions.engines.table(None);
    let event = table.show_event(key, system_now()).await;
    let event = event.expect("the table answers");
    event.map(|event| event.summary.state.to_string())
}

/// The notes of the events that the handler was given.
fn handled(functions: &Functions) -> Vec<String> {
    let events = functions.handled.0.lock().expect("no handler panics");
    let bodies = events.iter().map(|event| match &event.body {
        hookgate::Body::Inline(body) => serde_json::from_slice::<Value>(body).expect("JSON"),
        hookgate::Body::Stored(_) => Value::Null,
    });
    let notes = bodies.map(|body| body["note"].as_str().unwrap_or_default().to_owned());
    notes.collect()
}

#[tokio::test]
async fn a_2xx_means_that_the_message_is_in_the_queue_and_the_claim_records_the_event() {
    let _taken = Output::take("info");
    let functions = Functions::in_order(IngestOrder::QueueFirst).await;
    let (status, key) = accepted(&functions, &event("run.failed", "a")).await;
    assert_eq!(
        (status.as_str(), state(&functions, &key).await),
        ("accepted", None)
    );
    assert_eq!(functions.process(functions.batch().await).await, 0);
    assert_eq!(state(&functions, &key).await.as_deref(), Some("done"));
    assert_eq!(handled(&functions), ["a"]);
}

#[tokio::test]
async fn an_immediate_repeat_is_a_duplicate_and_sends_nothing() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::in_order(IngestOrder::QueueFirst).await;
    let body = event("run.failed", "a");
    let (first, key) = accepted(&functions, &body).await;
    assert_eq!(
        accepted(&functions, &body).await,
        ("duplicate".to_owned(), key)
    );
    assert_eq!(first, "accepted");
    assert_eq!(functions.batch().await.records.len(), 1);
    let counts = [Metric::EventsAccepted, Metric::EventsDuplicate].map(|metric| output.sum(metric));
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn the_message_of_a_repeat_to_another_instance_is_dropped() {
    let _taken = Output::take("info");
    let functions = Functions::in_order(IngestOrder::QueueFirst).await;
    let (_, key) = accepted(&functions, &event("run.failed", "a")).await;
    let first = functions.batch().await;
    let text = first.records[0].body.clone().expect("a message");
    assert_eq!(functions.process(first).await, 0);
    let sqs = &functions.engines.sqs;
    sqs.send(QUEUE, &text).await.expect("the queue takes it");
    assert_eq!(functions.process(functions.batch().await).await, 0);
    assert_eq!(handled(&functions), ["a"]);
    assert_eq!(state(&functions, &key).await.as_deref(), Some("done"));
}

#[tokio::test]
async fn of_two_bodies_under_one_id_the_one_that_is_claimed_first_counts() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::in_order(IngestOrder::QueueFirst).await;
    accepted(&functions, &event("run.failed", "a")).await;
    assert_eq!(functions.process(functions.batch().await).await, 0);
    accepted(&functions, &event("run.failed", "b")).await;
    let second = functions.batch().await;
    assert_eq!(second.records.len(), 1, "another body is another message");
    assert_eq!(functions.process(second).await, 0, "it does not come again");
    assert_eq!(handled(&functions), ["a"]);
    assert_eq!(output.outcomes("payload_mismatch").len(), 1);
    assert_eq!(output.sum(Metric::PayloadMismatch), 1);
}

#[tokio::test]
async fn another_body_does_not_take_over_an_event_that_waits_for_its_next_attempt() {
    let _taken = Output::take("info");
    let functions = Functions::in_order(IngestOrder::QueueFirst).await;
    let (_, key) = accepted(&functions, &event("later", "a")).await;
    functions.process(functions.batch().await).await;
    assert_eq!(state(&functions, &key).await.as_deref(), Some("waiting"));
    accepted(&functions, &event("run.failed", "b")).await;
    assert_eq!(functions.process(functions.batch().await).await, 0);
    assert_eq!(handled(&functions), ["a"]);
    assert_eq!(state(&functions, &key).await.as_deref(), Some("waiting"));
    let sqs = &functions.engines.sqs;
    let dead = sqs
        .receive(DEAD_LETTER_QUEUE, 1, Duration::ZERO, None)
        .await;
    assert!(dead.expect("the queue answers").is_empty());
}

#[tokio::test]
async fn events_are_accepted_while_the_table_is_down() {
    let _taken = Output::take("info");
    let functions = Functions::in_order(IngestOrder::QueueFirst).await;
    let dynamodb = functions.engines.dynamodb_client();
    let deleted = dynamodb.delete_table().table_name(TABLE).send().await;
    deleted.expect("the table is gone");
    let (status, _) = accepted(&functions, &event("run.failed", "a")).await;
    assert_eq!(status, "accepted");
    assert_eq!(functions.batch().await.records.len(), 1);
}

#[tokio::test]
async fn a_large_body_is_stored_before_its_message_is_sent() {
    let _taken = Output::take("info");
    let functions = Functions::in_order(IngestOrder::QueueFirst).await;
    let large = event("run.failed", &"x".repeat(INLINE_BODY_BYTES));
    let (_, key) = accepted(&functions, &large).await;
    assert_eq!(functions.process(functions.batch().await).await, 0);
    assert_eq!(state(&functions, &key).await.as_deref(), Some("done"));
    assert_eq!(handled(&functions).len(), 1);
}
