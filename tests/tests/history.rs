//! The state and the history of attempts that the processor leaves in an event's item, as operators see them.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use hookgate::{Body, Clock, Event, EventKey, Message, Number, Route, rfc3339, unix_ms};
use hookgate_api::{AttemptOutcome, EventDetail, EventState};
use hookgate_processor::handlers::{Effect, HandlerError, Handlers};
use hookgate_processor::{Invocation, Processor};
use hookgate_twin::engines::{Engines, TABLE};
use tokio::sync::Notify;

/// An event on embedded engines, and the time.
struct Story {
    engines: Engines,
    message: Message,
    now: SystemTime,
    /// Told by the handler that never ends.
    begun: Arc<Notify>,
}

impl Story {
    async fn begin() -> Story {
        // So late that no engine expires an item by the machine's own clock.
        let now = UNIX_EPOCH + Duration::from_secs(4_102_444_800);
        let event = Event {
            key: EventKey::new(None, "product", "id:evt_1"),
            source: "product".into(),
            tenant: None,
            id: Some("evt_1".into()),
            event_type: Some("project.created".into()),
            received: now,
            headers: Vec::new(),
            trace: None,
            body: Body::Inline(b"{}"[..].into()),
        };
        let engines = Engines::in_memory(Box::new(move || now)).await.unwrap();
        engines.table(None).record(&event, now).await.unwrap();
        Story {
            engines,
            message: Message {
                event,
                number: hookgate::Number::default(),
                replay: None,
                probe: false,
                held_ms: 0,
            },
            now,
            begun: Arc::default(),
        }
    }

    /// A handler for each way that an attempt can end.
    fn handlers(&self) -> Handlers {
        let begun = self.begun.clone();
        let later = Duration::from_secs(60);
        Handlers::default()
            .with("log", |_, _| Box::pin(async { Ok(Effect::Happened) }))
            .with("fails", |_, _| {
                Box::pin(async { Err(HandlerError::transient("no connection")) })
            })
            .with("throttled", move |_, _| {
                let error = HandlerError::Throttled("too fast".into(), later);
                Box::pin(async { Err(error) })
            })
            .with("refuses", |_, _| {
                Box::pin(async { Err(HandlerError::permanent("no such order")) })
            })
            .with("never_ends", move |_, _| {
                let begun = begun.clone();
                Box::pin(async move {
                    begun.notify_one();
                    std::future::pending().await
                })
            })
    }

    /// Has the processor attempt the event a minute later, with a route to a handler or without any.
    /// The number that the event's item has.
    async fn noted(&self) -> Number {
        let client = self.engines.dynamodb_client();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let get = client.get_item().table_name(TABLE);
        let get = get
            .key("pk", text(self.message.event.key.as_str()))
            .key("sk", text("event"));
        let item = get.send().await.unwrap().item.unwrap_or_default();
        let number = |name: &str| {
            let value = item.get(name).map(|value| value.as_n().unwrap());
            value.map_or(0, |digits| digits.parse().unwrap())
        };
        Number {
            epoch: number("ep"),
            seq: number("sq"),
        }
    }

    async fn attempt(&mut self, handler: Option<&str>) {
        self.now += Duration::from_secs(60);
        let now = self.now;
        let to = handler.map(|name| Route::new("*", "*", &format!("handler:{name}")));
        let processor = Processor::new(
            self.engines.table(None),
            self.engines.queue(),
            None,
            Clock::new(move || now),
            &self.handlers(),
            to.into_iter().collect(),
        );
        let processor = processor.unwrap();
        // After a failure, the next attempt has a message of its own, with the number that was noted.
        self.message.number = self.noted().await.max(self.message.number);
        let mut record = SqsMessage::default();
        record.body = Some(self.message.to_json().unwrap());
        let mut batch = SqsEvent::default();
        batch.records.push(record);
        let invocation = Invocation {
            request_id: format!("{now:?}"),
            deadline: now + Duration::from_secs(30),
        };
        tokio::select! {
            _ = processor.handle(batch, &invocation) => {}
            // The process is stopped while its handler runs.
            () = self.begun.notified() => {}
        }
    }

    async fn seen(&self) -> EventDetail {
        let table = self.engines.table(None);
        let event = table.show_event(&self.message.event.key, self.now).await;
        event.unwrap().unwrap()
    }

    /// The state, and each attempt's outcome, target and reason.
    async fn told(&self) -> (EventState, Vec<String>) {
        let event = self.seen().await;
        let attempts = event.history.into_iter().map(|attempt| {
            let (target, reason) = (attempt.target, attempt.reason);
            let [target, reason] = [target, reason].map(Option::unwrap_or_default);
            format!("{} {target} {reason}", attempt.outcome.name())
                .trim_end()
                .to_owned()
        });
        (event.summary.state, attempts.collect())
    }
}

#[tokio::test]
async fn failures_a_stopped_process_and_a_success_are_told_in_order() {
    let mut story = Story::begin().await;
    story.attempt(Some("fails")).await;
    story.attempt(Some("never_ends")).await;
    story.attempt(Some("throttled")).await;
    assert_eq!(story.seen().await.summary.state, EventState::Waiting);
    story.attempt(Some("log")).await;
    let told = [
        "failed handler:fails no connection",
        "interrupted",
        "failed handler:throttled too fast",
        "handled handler:log",
    ];
    assert_eq!(
        story.told().await,
        (EventState::Done, told.map(str::to_owned).into())
    );
    let event = story.seen().await;
    assert_eq!(event.summary.attempts, 4);
    assert_eq!(event.summary.target.as_deref(), Some("handler:log"));
    let begun = event.history.iter().map(|attempt| attempt.began_at.clone());
    let minutes =
        (1..=4).map(|minute| story.message.event.received + Duration::from_secs(60 * minute));
    let minutes = minutes.map(|time| Some(rfc3339(unix_ms(time))));
    assert!(begun.eq(minutes), "{:?}", event.history);
}

#[tokio::test]
async fn an_event_waits_until_the_time_that_its_handler_asks_for() {
    let mut story = Story::begin().await;
    story.attempt(Some("throttled")).await;
    let in_a_minute = rfc3339(unix_ms(story.now + Duration::from_secs(60)));
    let seen = story.seen().await.summary;
    assert_eq!(
        (seen.state, seen.next_attempt_at),
        (EventState::Waiting, Some(in_a_minute))
    );
}

#[tokio::test]
async fn an_event_that_is_given_up_and_replayed_keeps_its_history() {
    let mut story = Story::begin().await;
    story.attempt(Some("refuses")).await;
    let seen = story.seen().await.summary;
    assert_eq!((seen.state, seen.target), (EventState::Dead, None));
    story.message.number.epoch = 1;
    story.attempt(None).await;
    let told = ["given_up handler:refuses no such order", "unhandled"];
    assert_eq!(
        story.told().await,
        (EventState::Unhandled, told.map(str::to_owned).into())
    );
    let history = story.seen().await.history;
    assert_eq!(history[1].epoch, Some(1));
    assert_eq!(history[1].outcome, AttemptOutcome::Unhandled);
}

#[tokio::test]
async fn of_many_attempts_the_last_sixteen_are_told() {
    let mut story = Story::begin().await;
    for _ in 0..18 {
        story.attempt(Some("never_ends")).await;
    }
    story.attempt(Some("log")).await;
    let (state, told) = story.told().await;
    assert_eq!((state, told.len()), (EventState::Done, 16));
    assert_eq!(told[14..], ["interrupted", "handled handler:log"]);
    assert_eq!(story.seen().await.history[0].number, 4);
}
