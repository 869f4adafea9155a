//! A handler's writes that the table refuses, permanently or for a while. On the embedded engines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, TableWrite, TransactOutcome};
use hookgate::{Clock, Message, Route, system_now};
use hookgate_api::{EventState, EventSummary};
use hookgate_processor::handlers::{Effect, Handlers};
use hookgate_processor::{Invocation, Processor};
use hookgate_tests::archived::{SOURCE, event};
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, Engines, QUEUE, TABLE};
use serde_json::json;

/// One event in the queue, and a processor whose only handler adds 1 to a count.
struct Story {
    engines: Engines,
    processor: Processor,
    batch: SqsEvent,
    message: Message,
}

impl Story {
    /// The count is in this table. `None` is the gateway's own.
    async fn begin(engines: Engines, table: Option<&'static str>) -> Story {
        let handlers = Handlers::default().with("count", move |_, _| {
            Box::pin(async move { Ok(Effect::Writes(vec![add(table)])) })
        });
        let (queue, now) = (engines.queue(), system_now());
        let processor = Processor::new(
            engines.table(None),
            queue.clone(),
            None,
            Clock::system(),
            &handlers,
            vec![Route::new("*", "*", "handler:count")],
        );
        let message = Message {
            replay: None,
            probe: false,
            held_ms: 0,
            event: event(1, now),
            number: hookgate::Number::default(),
        };
        let recorded = engines.table(None).record(&message.event, now).await;
        recorded.expect("it is recorded");
        queue.send(&message).await.expect("it is sent");
        Story {
            processor: processor.expect("good routes"),
            batch: received(&engines).await,
            message,
            engines,
        }
    }

    /// Hands the message over; true where it comes again.
    async fn process(&self) -> bool {
        let invocation = Invocation {
            request_id: "request".to_owned(),
            deadline: system_now() + Duration::from_secs(30),
        };
        let response = self.processor.handle(self.batch.clone(), &invocation).await;
        !response.batch_item_failures.is_empty()
    }

    async fn event(&self) -> EventSummary {
        let table = self.engines.table(None);
        let event = table.show_event(&self.message.event.key, system_now());
        let event = event.await.expect("the table answers");
        event.expect("the event").summary
    }

    async fn count(&self) -> Option<AttributeValue> {
        let get = self.engines.dynamodb_client().get_item();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let get = get
            .table_name(TABLE)
            .key("pk", text(SOURCE))
            .key("sk", text("count"));
        let found = get.send().await.expect("the table answers").item;
        found.and_then(|mut item| item.remove("n"))
    }

    async fn dead_letters(&self) -> u64 {
        let depth = self.engines.sqs.depth(DEAD_LETTER_QUEUE).await;
        depth.expect("the queue answers").visible
    }
}

fn add(table: Option<&str>) -> TableWrite {
    let key = json!({ "pk": SOURCE, "sk": "count" });
    TableWrite::Add {
        table: table.map(str::to_owned),
        key: key.as_object().cloned().expect("an object"),
        attribute: "n".to_owned(),
        amount: 1,
    }
}

/// The messages that wait, as Lambda hands them over.
async fn received(engines: &Engines) -> SqsEvent {
    let received = engines.sqs.receive(QUEUE, 10, Duration::ZERO, None).await;
    let mut batch = SqsEvent::default();
    for message in received.expect("the queue answers") {
        let mut record = SqsMessage::default();
        record.message_id = Some(message.id);
        record.receipt_handle = Some(message.receipt_handle);
        record.body = Some(message.body);
        batch.records.push(record);
    }
    batch
}

async fn engines() -> Engines {
    let engines = Engines::in_memory(Box::new(system_now)).await;
    engines.expect("the engines start")
}

#[tokio::test]
async fn a_write_that_can_never_be_done_dead_letters_its_event_at_once() {
    let story = Story::begin(engines().await, Some("no-such-table")).await;
    assert!(!story.process().await, "it does not come again");
    let event = story.event().await;
    assert_eq!(event.state, EventState::Dead);
    let why = event.error.expect("a reason");
    assert!(why.contains("ResourceNotFound"), "{why}");
    assert_eq!((story.dead_letters().await, story.count().await), (1, None));
}

#[tokio::test]
async fn a_write_that_meets_another_is_tried_again_and_happens_once() {
    let engines = engines().await.over(Busy::new());
    let mut story = Story::begin(engines, None).await;
    assert!(!story.process().await, "another message was sent");
    let event = story.event().await;
    assert_ne!(event.state, EventState::Dead);
    assert_eq!(event.error.as_deref(), Some("another writer was faster"));
    assert_eq!((story.dead_letters().await, story.count().await), (0, None));

    // It was sent with a delay of up to two seconds.
    for _ in 0..100 {
        story.batch = received(&story.engines).await;
        if !story.batch.records.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!story.process().await, "it does not come again");
    assert_eq!(story.event().await.state, EventState::Done);
    let once = Some(AttributeValue::N("1".to_owned()));
    assert_eq!((story.dead_letters().await, story.count().await), (0, once));
}

#[tokio::test]
async fn of_two_holders_that_complete_an_event_only_the_first_writes() {
    let story = Story::begin(engines().await, None).await;
    let (table, now) = (story.engines.table(None), system_now());
    let mut grants = Vec::new();
    for owner in ["late", "second"] {
        let request = ClaimRequest {
            message: &story.message,
            owner,
            // It is over by the time of the next claim.
            lease_until: now - Duration::from_secs(1),
            place: None,
            now,
        };
        let claimed = table.claim(request).await.expect("the table answers");
        let ClaimOutcome::Granted(grant) = claimed else {
            panic!("{owner} is not granted its claim");
        };
        grants.push((owner, grant));
    }
    for (owner, grant) in grants.into_iter().rev() {
        let claim = Claim {
            event: &story.message.event,
            number: hookgate::Number::default(),
            owner,
            grant,
            began: now,
            target: None,
            archived: None,
        };
        let completed = table.complete_with_writes(claim, &[add(None)], now).await;
        let outcome = completed.expect("the table answers");
        assert_eq!(outcome, TransactOutcome::Done, "{owner}");
    }
    let once = Some(AttributeValue::N("1".to_owned()));
    assert_eq!(story.count().await, once);
}

/// An HTTP client whose first transaction meets another one.
#[derive(Clone, Debug)]
struct Busy {
    met: Arc<AtomicBool>,
    http: SharedHttpClient,
}

impl Busy {
    fn new() -> Busy {
        Busy {
            met: Arc::default(),
            http: Builder::new().build_http(),
        }
    }
}

impl HttpClient for Busy {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(BusyConnector {
            met: self.met.clone(),
            connector: self.http.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct BusyConnector {
    met: Arc<AtomicBool>,
    connector: SharedHttpConnector,
}

impl HttpConnector for BusyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        if target.ends_with(".TransactWriteItems") && !self.met.swap(true, Ordering::SeqCst) {
            return HttpConnectorFuture::ready(Ok(conflict()));
        }
        self.connector.call(request)
    }
}

/// DynamoDB's answer to a transaction that meets another one at its write.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
fn conflict() -> HttpResponse {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "Transaction cancelled [None, TransactionConflict]",
        "CancellationReasons": [
            { "Code": "None" },
            { "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" },
        ],
    });
    let status = 400.try_into().expect("a status");
    HttpResponse::new(status, SdkBody::from(body.to_string()))
}
