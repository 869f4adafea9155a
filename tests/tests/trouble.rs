//! Trouble that is not the handler's: AWS does not answer, or a message is for another version of the processor. It
//! costs no attempt and buries nothing. On the embedded engines.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hookgate::{EventKey, MESSAGE_VERSION, rfc3339, system_now, unix_ms};
use hookgate_api::{EventDetail, EventState};
use hookgate_tests::gateway::unix_s;
use hookgate_tests::outbox;
use hookgate_tests::provider;
use hookgate_tests::telemetry::{Functions, SECRET};
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, Engines, QUEUE, TABLE};
use http::Request;
use serde_json::Value;

/// Functions whose requests to AWS fail, some of them, while the test says so.
struct Story {
    functions: Functions,
    failing: Failing,
    key: EventKey,
}

impl Story {
    /// One event is in the queue.
    async fn begin() -> Story {
        Story::of("run.failed").await
    }

    /// One event of this type is in the queue.
    async fn of(event_type: &str) -> Story {
        let engines = Engines::in_memory(Box::new(system_now)).await;
        let failing = Failing::new();
        let engines = engines.expect("the engines start").over(failing.clone());
        let functions = Functions::on(engines).await;
        let body = format!(r#"{{"id":"evt_1","type":"{event_type}"}}"#);
        let signed = provider::product(SECRET, unix_s(), body.as_bytes());
        let mut request = Request::post("/webhooks/product");
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(signed.body));
        let response = functions.request(request.expect("a good request")).await;
        let answer: Value = serde_json::from_slice(response.body()).expect("JSON");
        let key = answer["event"].as_str().and_then(EventKey::parse);
        Story {
            functions,
            failing,
            key: key.expect("a key"),
        }
    }

    async fn event(&self) -> EventDetail {
        let table = self.functions.engines.table(None);
        let event = table.show_event(&self.key, system_now()).await;
        event.expect("the table answers").expect("the event")
    }

    /// The number of items in the archive.
    async fn archived(&self) -> usize {
        let scan = self.functions.engines.dynamodb_client().scan();
        let found = scan.table_name(TABLE).send().await;
        let items = found.expect("the table answers").items.unwrap_or_default();
        let keys = items.iter().filter_map(|item| item["pk"].as_s().ok());
        keys.filter(|key| key.starts_with("archive#")).count()
    }

    fn handled(&self) -> usize {
        let handled = self.functions.handled.0.lock();
        handled.expect("no handler panics here").len()
    }

    async fn dead_letters(&self) -> u64 {
        let depth = self.functions.engines.sqs.depth(DEAD_LETTER_QUEUE).await;
        depth.expect("the queue answers").visible
    }

    /// The waits that the queue was asked for, in seconds, since the last time.
    fn waits(&self) -> Vec<u64> {
        std::mem::take(&mut self.failing.0.lock().expect("no panic here").waits)
    }
}

#[tokio::test]
async fn an_archive_that_does_not_answer_costs_no_attempt() {
    let story = Story::begin().await;
    let batch = story.functions.batch().await;
    story.failing.now("PutItem", "archive#product#", usize::MAX);
    for _ in 0..20 {
        assert_eq!(story.functions.process(batch.clone()).await, 1);
        let waits = story.waits();
        assert!(waits.len() == 1 && waits[0] <= 30, "{waits:?}");
    }
    let event = story.event().await.summary;
    assert_eq!((event.state, event.attempts), (EventState::Waiting, 0));
    let why = event.error.expect("a reason");
    assert!(why.contains("archive"), "{why}");
    assert_eq!((story.handled(), story.dead_letters().await), (0, 0));

    story.failing.now("", "", 0);
    assert_eq!(story.functions.process(batch).await, 0);
    let event = story.event().await;
    assert_eq!(
        (event.summary.state, event.summary.attempts),
        (EventState::Done, 1)
    );
    assert_eq!((event.summary.error, story.handled()), (None, 1));
    assert_eq!(event.history.len(), 1, "{:?}", event.history);
    assert!(event.payload.is_some(), "and archived");
}

#[tokio::test]
async fn an_event_is_not_archived_on_a_day_that_lists_would_pass_over() {
    let story = Story::begin().await;
    let batch = story.functions.batch().await;
    story.failing.now("PutItem", "archive-days#", usize::MAX);
    assert_eq!(story.functions.process(batch.clone()).await, 1);
    assert_eq!((story.archived().await, story.handled()), (0, 0));
    story.failing.now("", "", 0);
    assert_eq!(story.functions.process(batch).await, 0);
    assert_eq!((story.archived().await, story.handled()), (1, 1));
}

#[tokio::test]
async fn an_event_that_is_handled_again_is_not_archived_again() {
    let story = Story::begin().await;
    let mut batch = story.functions.batch().await;
    assert_eq!(story.functions.process(batch.clone()).await, 0);
    let first = batch.records[0].body.clone().expect("a body");
    let mut replayed: Value = serde_json::from_str(&first).expect("an envelope");
    replayed["epoch"] = 1.into();
    batch.records[0].body = Some(replayed.to_string());
    assert_eq!(story.functions.process(batch).await, 0);
    assert_eq!((story.archived().await, story.handled()), (1, 2));
    assert!(story.event().await.payload.is_some());
}

#[tokio::test]
async fn a_claim_that_is_not_answered_comes_again_within_half_a_minute() {
    let story = Story::begin().await;
    let batch = story.functions.batch().await;
    story.failing.now("UpdateItem", "#att :one", usize::MAX);
    for _ in 0..20 {
        assert_eq!(story.functions.process(batch.clone()).await, 1);
    }
    let waits = story.waits();
    assert_eq!(waits.len(), 20);
    assert!(
        waits.iter().all(|wait| (1..=30).contains(wait)),
        "{waits:?}"
    );
    story.failing.now("", "", 0);
    assert_eq!(story.functions.process(batch).await, 0);
    assert_eq!(
        (story.event().await.summary.attempts, story.handled()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_completion_is_tried_until_the_table_answers() {
    let story = Story::begin().await;
    story.failing.now("UpdateItem", ":tgt", 4);
    let batch = story.functions.batch().await;
    assert_eq!(story.functions.process(batch).await, 0);
    assert_eq!(story.event().await.summary.state, EventState::Done);
    assert_eq!(story.handled(), 1, "and the effect is not repeated");
}

#[tokio::test]
async fn a_handler_may_ask_for_any_wait_within_a_day() {
    let story = Story::of("never").await;
    let batch = story.functions.batch().await;
    assert_eq!(story.functions.process(batch).await, 0, "a row carries it");
    let event = story.event().await.summary;
    assert_eq!(event.state, EventState::Waiting);
    let table = story.functions.engines.table(None);
    let within = |hours: u64| system_now() + Duration::from_secs(hours * 3600);
    assert_eq!(outbox::due(&table, within(23)).await, []);
    let due = outbox::due(&table, within(25)).await;
    assert_eq!(due.len(), 1);
    assert_eq!(Some(rfc3339(unix_ms(due[0].due))), event.next_attempt_at);
}

#[tokio::test]
async fn a_message_that_waits_for_aws_for_long_is_sent_anew_before_the_queue_gives_it_up() {
    let story = Story::begin().await;
    let mut batch = story.functions.batch().await;
    story.failing.now("UpdateItem", "#att :one", usize::MAX);
    for (received, left, queued) in [("19", 1, 0), ("20", 0, 1), ("49", 0, 2)] {
        let attributes = &mut batch.records[0].attributes;
        attributes.insert("ApproximateReceiveCount".to_owned(), received.to_owned());
        assert_eq!(story.functions.process(batch.clone()).await, left);
        let depth = story.functions.engines.sqs.depth(QUEUE).await;
        let depth = depth.expect("the queue answers");
        assert_eq!(depth.visible + depth.delayed, queued, "{received} receives");
    }
    assert_eq!((story.handled(), story.dead_letters().await), (0, 0));
}

#[tokio::test]
async fn a_message_of_this_version_and_the_one_before_is_handled() {
    for version in [MESSAGE_VERSION - 1, MESSAGE_VERSION] {
        let story = Story::begin().await;
        let mut batch = story.functions.batch().await;
        let body = batch.records[0].body.as_deref().expect("a body");
        let mut envelope: Value = serde_json::from_str(body).expect("an envelope");
        envelope["v"] = version.into();
        batch.records[0].body = Some(envelope.to_string());
        assert_eq!(story.functions.process(batch).await, 0);
        assert_eq!(story.handled(), 1, "version {version}");
    }
}

#[tokio::test]
async fn a_message_of_a_neighbouring_version_waits_and_is_not_buried() {
    let story = Story::begin().await;
    let batch = story.functions.batch().await;
    let good = batch.records[0].body.clone().expect("a body");
    let good: Value = serde_json::from_str(&good).expect("an envelope");
    for version in [0, MESSAGE_VERSION + 1] {
        for (received, wait) in [("1", 30), ("2", 60), ("49", 3600)] {
            let mut other = batch.clone();
            let mut envelope = good.clone();
            envelope["v"] = version.into();
            other.records[0].body = Some(envelope.to_string());
            let attributes = &mut other.records[0].attributes;
            attributes.insert("ApproximateReceiveCount".to_owned(), received.to_owned());
            assert_eq!(story.functions.process(other).await, 1, "{version}");
            assert_eq!(story.waits(), [wait]);
        }
    }
    let depth = story.functions.engines.sqs.depth(QUEUE).await;
    assert_eq!(depth.expect("the queue answers").in_flight, 1);
    assert_eq!((story.handled(), story.dead_letters().await), (0, 0));
}

/// An HTTP client under the SDK that fails some requests, and notes the waits that a queue is asked for.
#[derive(Clone, Debug)]
struct Failing(Arc<Mutex<State>>, SharedHttpClient);

#[derive(Debug, Default)]
struct State {
    action: &'static str,
    text: &'static str,
    times: usize,
    waits: Vec<u64>,
}

impl Failing {
    fn new() -> Failing {
        Failing(Arc::default(), Builder::new().build_http())
    }

    /// Fails the next requests of this action whose body has this text.
    fn now(&self, action: &'static str, text: &'static str, times: usize) {
        let mut state = self.0.lock().expect("no panic here");
        (state.action, state.text, state.times) = (action, text, times);
    }
}

impl HttpClient for Failing {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.1.http_connector(settings, components);
        SharedHttpConnector::new(Connector(self.0.clone(), connector))
    }
}

#[derive(Debug)]
struct Connector(Arc<Mutex<State>>, SharedHttpConnector);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let action = target.rsplit('.').next().unwrap_or_default();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default());
        let mut state = self.0.lock().expect("no panic here");
        if action == "ChangeMessageVisibility" {
            let asked: Value = serde_json::from_str(&body).expect("JSON");
            state.waits.extend(asked["VisibilityTimeout"].as_u64());
        }
        if state.times > 0 && action == state.action && body.contains(state.text) {
            state.times -= 1;
            let status = 500.try_into().expect("a status");
            let body = SdkBody::from(r#"{"__type":"InternalServerError"}"#);
            return HttpConnectorFuture::ready(Ok(HttpResponse::new(status, body)));
        }
        drop(state);
        self.1.call(request)
    }
}
