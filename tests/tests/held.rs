//! Routes that take no events: paused by an operator, or with a circuit breaker that is open. What comes meanwhile is
//! held, and nothing of it is lost. On the embedded engines, with a clock of the test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use bytes::Bytes;
use hookgate::route::{Flow, RouteState};
use hookgate::{Clock, DynamoTable, Message, Number, Route};
use hookgate_admin::Admin;
use hookgate_ledger::State;
use hookgate_processor::handlers::{Effect, HandlerError, Handlers};
use hookgate_processor::{Invocation, Processor};
use hookgate_sweeper::Sweeper;
use hookgate_tests::archived::{SOURCE, event};
use hookgate_tests::outbox;
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, Engines, QUEUE};
use http::Request;
use serde_json::{Value, json};

const ROUTE: &str = "shop";
const MINUTE: Duration = Duration::from_secs(60);

/// A gateway without ingest, whose one handler works or does not.
struct Story {
    engines: Engines,
    table: DynamoTable,
    processor: Processor,
    sweeper: Sweeper,
    admin: Admin,
    now_ms: Arc<AtomicU64>,
    works: Arc<AtomicBool>,
    /// True while the first event fails, whatever the others do.
    poisoned: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    sent: usize,
}

impl Story {
    async fn begin() -> Story {
        // The first minute after an hour would have the sweeper look at all routes.
        let now_ms = Arc::new(AtomicU64::new(4_102_444_800_000 + 10 * 60_000));
        let time = now_ms.clone();
        let now = move || UNIX_EPOCH + Duration::from_millis(time.load(Ordering::Relaxed));
        let engines = Engines::in_memory(Box::new(now.clone())).await;
        let engines = engines.expect("the engines start");
        let table = engines.table(None).with_outbox_shards(4);
        let works = Arc::new(AtomicBool::new(true));
        let poisoned = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicUsize::new(0));
        let mut route = Route::new("*", "*", "handler:shop");
        route.name = ROUTE.to_owned();
        let processor = Processor::new(
            table.clone(),
            engines.queue(),
            None,
            Clock::new(now.clone()),
            &shop(works.clone(), poisoned.clone(), asked.clone()),
            vec![route.clone()],
        );
        let clock = Clock::new(now);
        let sweeper = Sweeper::new(
            table.clone(),
            engines.queue(),
            vec![route.clone()],
            clock.clone(),
        );
        let admin = Admin::new(
            vec![SOURCE.to_owned()],
            None,
            table.clone(),
            engines.queue(),
            engines.dead_letters(),
            clock,
        );
        Story {
            processor: processor.expect("the handler is there"),
            sweeper,
            admin: admin.with_routes(vec![route]),
            engines,
            table,
            now_ms,
            works,
            poisoned,
            asked,
            sent: 0,
        }
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.now_ms.load(Ordering::Relaxed))
    }

    fn pass(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).expect("a short time");
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Has so many events come in.
    async fn send(&mut self, count: usize) {
        for _ in 0..count {
            self.sent += 1;
            let event = event(self.sent, self.now());
            self.table
                .record(&event, self.now())
                .await
                .expect("recorded");
            let message = Message {
                event,
                number: Number::default(),
                replay: None,
                probe: false,
                held_ms: 0,
            };
            let sent = self.engines.queue().send(&message).await;
            sent.expect("the queue takes it");
        }
    }

    /// Hands everything that is visible to the processor, in batches of ten.
    async fn process(&self) {
        loop {
            let sqs = &self.engines.sqs;
            let received = sqs.receive(QUEUE, 10, Duration::ZERO, None).await;
            let received = received.expect("the queue answers");
            if received.is_empty() {
                return;
            }
            let mut batch = SqsEvent::default();
            batch.records = received
                .into_iter()
                .map(|message| {
                    let mut record = SqsMessage::default();
                    record.message_id = Some(message.id);
                    record.receipt_handle = Some(message.receipt_handle);
                    record.body = Some(message.body);
                    record.attributes = message.system_attributes.into_iter().collect();
                    record
                })
                .collect();
            let records = batch.records.clone();
            let invocation = Invocation {
                request_id: format!("{:?}", records[0].receipt_handle),
                deadline: self.now() + Duration::from_secs(30),
            };
            let response = self.processor.handle(batch, &invocation).await;
            let stays = |id: &Option<String>| {
                let mut failures = response.batch_item_failures.iter();
                failures.any(|failure| Some(&failure.item_identifier) == id.as_ref())
            };
            for record in records.iter().filter(|record| !stays(&record.message_id)) {
                let handle = record.receipt_handle.clone().expect("a handle");
                sqs.delete(QUEUE, &handle).await.expect("acknowledged");
            }
        }
    }

    /// A minute passes: the sweeper runs, and what is visible is processed now and then.
    async fn minute(&self) {
        let deadline = self.now() + MINUTE;
        self.sweeper.sweep(deadline).await.expect("a sweep");
        self.sweeper.release(deadline).await.expect("a release");
        for _ in 0..4 {
            self.pass(MINUTE / 4);
            self.process().await;
        }
    }

    async fn held(&self) -> usize {
        outbox::held(&self.table, ROUTE).await.len()
    }

    async fn state(&self) -> RouteState {
        let stored = self.table.route_state(ROUTE).await;
        stored.expect("the table answers").state
    }

    async fn operate(&self, method: &str, path: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path);
        let body = if method == "POST" { "{}" } else { "" };
        let request = request.body(Bytes::from(body)).expect("a good request");
        let response = self.admin.handle(request).await;
        let answer = serde_json::from_slice(response.body()).expect("JSON");
        (response.status().as_u16(), answer)
    }

    /// The number of events that are done.
    async fn done(&self) -> usize {
        let mut done = 0;
        for number in 1..=self.sent {
            let key = event(number, self.now()).key;
            let seen = self.table.show_event(&key, self.now()).await;
            let seen = seen.expect("the table answers").expect("the event");
            done += usize::from(seen.summary.state.to_string() == State::Done.name());
        }
        done
    }

    async fn dead_letters(&self) -> u64 {
        let depth = self.engines.sqs.depth(DEAD_LETTER_QUEUE).await;
        depth.expect("the queue answers").visible
    }
}

/// The handler, which counts how often it is asked.
fn shop(works: Arc<AtomicBool>, poisoned: Arc<AtomicBool>, asked: Arc<AtomicUsize>) -> Handlers {
    let poison = event(1, UNIX_EPOCH).key;
    Handlers::default().with("shop", move |event, _| {
        asked.fetch_add(1, Ordering::Relaxed);
        let is_poison = poisoned.load(Ordering::Relaxed) && event.key == poison;
        let works = works.load(Ordering::Relaxed) && !is_poison;
        Box::pin(async move {
            match works {
                true => Ok(Effect::Happened),
                false => Err(HandlerError::transient("the shop is closed")),
            }
        })
    })
}

#[tokio::test]
async fn a_paused_route_holds_its_events_and_a_resume_lets_all_of_them_go() {
    let mut story = Story::begin().await;
    let (status, paused) = story.operate("POST", "/admin/routes/shop/pause").await;
    assert_eq!((status, &paused["state"]), (200, &json!("paused")));
    story.send(30).await;
    story.process().await;
    story.minute().await;
    assert_eq!(story.asked.load(Ordering::Relaxed), 0);
    assert_eq!(story.held().await, 30);
    let (_, list) = story.operate("GET", "/admin/routes").await;
    assert_eq!(list["routes"][0]["held"], 30, "{list}");

    let (status, resumed) = story.operate("POST", "/admin/routes/shop/resume").await;
    assert_eq!((status, &resumed["state"]), (200, &json!("releasing")));
    for _ in 0..4 {
        story.minute().await;
    }
    assert_eq!((story.done().await, story.held().await), (30, 0));
    assert_eq!(story.asked.load(Ordering::Relaxed), 30, "each once");
    assert_eq!(story.state().await, RouteState::default());
}

#[tokio::test]
async fn what_a_processor_holds_after_the_resume_is_released_too() {
    let mut story = Story::begin().await;
    story.operate("POST", "/admin/routes/shop/pause").await;
    story.send(1).await;
    story.process().await;
    story.operate("POST", "/admin/routes/shop/resume").await;
    // The processor looked at the state a moment ago, and does not know of the resume.
    story.send(1).await;
    story.process().await;
    assert_eq!(story.held().await, 2);
    for _ in 0..4 {
        story.minute().await;
    }
    assert_eq!((story.done().await, story.held().await), (2, 0));
}

#[tokio::test]
async fn a_route_that_is_unknown_is_not_paused() {
    let story = Story::begin().await;
    let (status, answer) = story.operate("POST", "/admin/routes/shoo/pause").await;
    assert_eq!(status, 404, "{answer}");
    assert_eq!(story.state().await, RouteState::default());
}

#[tokio::test]
async fn five_failures_in_a_row_hold_a_routes_events_until_a_probe_succeeds() {
    let mut story = Story::begin().await;
    story.works.store(false, Ordering::Relaxed);
    story.send(5).await;
    story.process().await;
    assert_eq!(story.state().await.flow(), Flow::Broken);
    story.send(20).await;
    story.process().await;
    assert_eq!(story.asked.load(Ordering::Relaxed), 5, "no more than these");
    // A probe now and then, and nothing else.
    for _ in 0..10 {
        story.minute().await;
    }
    let asked = story.asked.load(Ordering::Relaxed);
    assert!((6..15).contains(&asked), "{asked}");
    assert_eq!(story.state().await.flow(), Flow::Broken);

    story.works.store(true, Ordering::Relaxed);
    for _ in 0..30 {
        story.minute().await;
    }
    assert_eq!((story.done().await, story.held().await), (25, 0));
    assert_eq!(story.state().await, RouteState::default());
}

#[tokio::test]
async fn an_event_that_fails_among_others_that_do_not_opens_no_breaker() {
    let mut story = Story::begin().await;
    for works in [false, true, false, true, false, false, true, false, false] {
        story.works.store(works, Ordering::Relaxed);
        story.send(1).await;
        story.process().await;
    }
    assert_eq!(story.state().await.flow(), Flow::Open);
}

#[tokio::test]
async fn an_event_that_fails_again_and_again_opens_no_breaker_by_itself() {
    let mut story = Story::begin().await;
    story.poisoned.store(true, Ordering::Relaxed);
    story.send(1).await;
    for _ in 0..120 {
        story.process().await;
        story.pass(Duration::from_secs(1));
    }
    assert!(story.asked.load(Ordering::Relaxed) >= 5);
    assert_eq!(story.state().await.flow(), Flow::Open);
}

#[tokio::test]
async fn an_event_that_fails_by_its_own_fault_does_not_keep_the_others_waiting() {
    let mut story = Story::begin().await;
    story.works.store(false, Ordering::Relaxed);
    story.poisoned.store(true, Ordering::Relaxed);
    story.send(5).await;
    story.process().await;
    story.send(5).await;
    for _ in 0..3 {
        story.minute().await;
    }
    story.works.store(true, Ordering::Relaxed);
    for _ in 0..150 {
        story.minute().await;
    }
    assert_eq!(story.done().await, 9, "all but one");
    assert_eq!(story.state().await, RouteState::default());
}

#[tokio::test]
async fn a_route_that_is_no_longer_configured_releases_all_that_it_held_and_is_forgotten() {
    let mut story = Story::begin().await;
    story.operate("POST", "/admin/routes/shop/pause").await;
    story.send(3).await;
    story.process().await;
    assert_eq!(story.held().await, 3);
    let queue = story.engines.queue();
    let time = story.now_ms.clone();
    let now = move || UNIX_EPOCH + Duration::from_millis(time.load(Ordering::Relaxed));
    story.sweeper = Sweeper::new(story.table.clone(), queue, Vec::new(), Clock::new(now));
    for _ in 0..5 {
        story
            .sweeper
            .release(story.now() + MINUTE)
            .await
            .expect("a release");
        story.pass(MINUTE);
    }
    assert_eq!(story.held().await, 0);
    assert_eq!(story.state().await, RouteState::default());
}

#[tokio::test]
async fn a_nights_outage_ends_with_every_event_handled_and_no_dead_letter() {
    let mut story = Story::begin().await;
    story.works.store(false, Ordering::Relaxed);
    // Ten hours, and events now and then.
    for minute in 0..600 {
        if minute % 6 == 0 {
            story.send(5).await;
        }
        story.minute().await;
    }
    let asked = story.asked.load(Ordering::Relaxed);
    assert_eq!((story.done().await, story.dead_letters().await), (0, 0));
    story.works.store(true, Ordering::Relaxed);
    for _ in 0..150 {
        story.minute().await;
    }
    assert_eq!((story.done().await, story.dead_letters().await), (500, 0));
    assert_eq!(story.held().await, 0);
    assert_eq!(
        outbox::due(&story.table, story.now() + MINUTE * 600).await,
        []
    );
    let most = asked + 500 + 50;
    let asked = story.asked.load(Ordering::Relaxed);
    assert!(asked <= most, "{asked} attempts, {most} at most");
}
