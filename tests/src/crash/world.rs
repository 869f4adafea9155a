use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use bytes::Bytes;
use hookgate::config::Config;
use hookgate::{
    Clock, Documents, DynamoTable, EventKey, Message, Route, Runtime, Secrets, Sources, unix_ms,
};
use hookgate_admin::Admin;
use hookgate_api::EventSummary;
use hookgate_ingest::Ingest;
use hookgate_processor::{Invocation, Processor};
use hookgate_sweeper::Sweeper;
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, Engines, QUEUE};
use http::Request;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Effects, Faults, Interloper, Scripted, Signal, Wire};
use crate::provider;

const CONFIG: &str = "[sources.product]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n";
const SECRET: &str = "crash-test";

/// The processor's time-out.
const TIMEOUT: Duration = Duration::from_secs(30);

/// When the first event of world 0 comes in, in seconds since 1970: so late that no engine expires an item
/// by the machine's own clock.
const BEGIN_S: u64 = 4_102_444_800;

/// Longer than visibility timeout and lease.
pub(crate) const LATE: Duration = Duration::from_secs(200);

/// A clock that the test moves, shared with the queues.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(
            u64::try_from(by.as_millis()).expect("a short time"),
            Ordering::SeqCst,
        );
    }

    pub(crate) fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// The clock as the functions hold it.
    fn shared(&self) -> Clock {
        let clock = self.clone();
        Clock::new(move || clock.now())
    }
}

/// The functions on engines in memory, over a wire on which every request can be struck.
pub struct World {
    pub(crate) engines: Engines,
    /// The table, past the wire.
    pub(crate) table: DynamoTable,
    dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) clock: TestClock,
    pub(crate) faults: Arc<Faults>,
    pub(crate) effects: Arc<Mutex<Effects>>,
    signals: mpsc::UnboundedReceiver<Signal>,
    actors: Arc<Actors>,
    /// The world's number, which everything that a run could do by chance follows from.
    number: u64,
    serial: usize,
    began: SystemTime,
    /// Whether the next event's body is too large for a message.
    pub(crate) large: bool,
}

struct Actors {
    ingest: Ingest,
    processor: Processor,
    sweeper: Sweeper,
    admin: Admin,
}

impl World {
    /// Starts the engines and the functions.
    pub async fn start() -> World {
        World::numbered(0).await
    }

    /// A world like no other: its number decides on times, keys, parts of the index and jitters.
    pub async fn numbered(number: u64) -> World {
        super::handler::hush();
        // Any time of any day of four weeks.
        let begin_s = BEGIN_S + number.wrapping_mul(7_919) % (28 * 24 * 3600);
        let clock = TestClock(Arc::new(AtomicU64::new(begin_s * 1000)));
        let queue_clock = clock.clone();
        let engines = Engines::in_memory(Box::new(move || queue_clock.now()));
        let engines = engines.await.expect("the engines start");
        let (sender, signals) = mpsc::unbounded_channel();
        let faults = Arc::new(Faults::new(sender));
        let effects = Arc::<Mutex<Effects>>::default();
        let config = Config::parse(CONFIG).expect("a good configuration");
        let variables = HashMap::from([("PRODUCT".to_owned(), SECRET.to_owned())]);
        let secrets = Secrets::new(variables, None);
        let sources = Sources::load(
            &config,
            secrets,
            Documents::fetched(),
            Runtime::Local,
            clock.now(),
        )
        .await
        .expect("good sources");
        let (table, dynamodb) = (engines.table(config.retention), engines.dynamodb_client());
        let engines = engines.over(Wire::new(faults.clone()));
        let (store, queue) = (engines.table(config.retention), engines.queue());
        let bodies = engines.bodies();
        let handlers = Scripted {
            faults: faults.clone(),
            effects: effects.clone(),
        };
        let processor = Processor::new(
            store.clone(),
            queue.clone(),
            Some(bodies.clone()),
            clock.shared(),
            &handlers.registered(),
            vec![Route::new("*", "*", "handler:scripted")],
        );
        let actors = Arc::new(Actors {
            ingest: Ingest::new(
                sources,
                store.clone(),
                queue.clone(),
                Some(bodies),
                clock.shared(),
            ),
            processor: processor.expect("the handler is there"),
            sweeper: Sweeper::new(store.clone(), queue.clone(), clock.shared()),
            admin: Admin::new(
                vec!["product".to_owned()],
                config.retention,
                store,
                queue,
                engines.dead_letters(),
                clock.shared(),
            ),
        });
        World {
            engines,
            table,
            dynamodb,
            faults,
            effects,
            signals,
            actors,
            number,
            serial: 0,
            large: false,
            began: clock.now(),
            clock,
        }
    }

    /// Another event for the next run, in the same part of the index as the one before.
    pub(crate) fn next_event(&mut self) {
        let part = |world: &World| u64::from(world.key().as_str().as_bytes()[0] % 4);
        self.serial += 1;
        while part(self) != self.number % 4 {
            self.serial += 1;
        }
        fastrand::seed(self.number);
        // No event of another story is of the same range.
        self.clock.advance(Duration::from_secs(1));
        self.began = self.clock.now();
    }

    /// The event's key in the ledger.
    pub(crate) fn key(&self) -> EventKey {
        EventKey::new(None, "product", &format!("id:{}", self.event_id()))
    }

    fn event_id(&self) -> String {
        format!("evt_{}_{}", self.number, self.serial)
    }

    /// The event as operators see it.
    pub(crate) async fn event(&self) -> Option<EventSummary> {
        self.event_of(&self.key()).await
    }

    /// An event as operators see it.
    pub(crate) async fn event_of(&self, key: &EventKey) -> Option<EventSummary> {
        let found = self.table.show_event(key).await.expect("the table answers");
        found.map(|detail| detail.summary)
    }

    /// The count that the handler's writes add to.
    pub(crate) async fn count(&self) -> usize {
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let get = self
            .dynamodb
            .get_item()
            .table_name(hookgate_twin::engines::TABLE)
            .consistent_read(true);
        let get = get
            .key("pk", text("crash-test"))
            .key("sk", text(self.key().as_str()));
        let item = get
            .send()
            .await
            .expect("the table answers")
            .item
            .unwrap_or_default();
        item.get("n").map_or(0, |n| {
            n.as_n().expect("a number").parse().expect("a number")
        })
    }

    /// Messages in the queue, seen or not.
    pub(crate) async fn queued(&self) -> usize {
        depth(&self.engines, QUEUE).await
    }

    /// Messages in the dead-letter queue.
    pub(crate) async fn dead_letters(&self) -> usize {
        depth(&self.engines, DEAD_LETTER_QUEUE).await
    }

    /// Whether a replay is not carried out yet.
    pub(crate) async fn is_replaying(&self) -> bool {
        let running = self.table.running_replays().await;
        !running.expect("the table answers").is_empty()
    }

    /// When the event's story began, RFC 3339.
    pub(crate) fn began(&self) -> String {
        let began = jiff::Timestamp::try_from(self.began).expect("a time of today");
        began.to_string()
    }

    /// Messages in the outbox.
    pub(crate) async fn outbox(&self) -> usize {
        self.table
            .outbox_entries()
            .await
            .expect("the table answers")
            .len()
    }

    /// Sends the provider's request once; whether it was answered with a 2xx.
    pub(crate) async fn send(&mut self) -> bool {
        let (actors, request) = (self.actors.clone(), self.request());
        let response = self.drive(actors.ingest.handle(request)).await;
        response.is_some_and(|response| response.status().is_success())
    }

    /// Hands what is visible to a processor, and acknowledges what it says; the records.
    pub(crate) async fn process(&mut self) -> Vec<SqsMessage> {
        self.process_within(TIMEOUT).await
    }

    /// The same with a time-out of the caller's choice.
    pub(crate) async fn process_within(&mut self, timeout: Duration) -> Vec<SqsMessage> {
        let poll = self.poll(timeout);
        self.drive(poll).await.unwrap_or_default()
    }

    fn poll(&self, timeout: Duration) -> impl Future<Output = Vec<SqsMessage>> + use<> {
        let (sqs, faults) = (self.engines.sqs.clone(), self.faults.clone());
        poll(
            sqs,
            faults,
            self.actors.clone(),
            self.clock.clone(),
            timeout,
        )
    }

    /// Lets the sweeper run once.
    pub(crate) async fn sweep(&mut self) {
        let (actors, deadline) = (self.actors.clone(), self.clock.now() + TIMEOUT);
        // A failed sweep is followed by another.
        drop(self.drive(actors.sweeper.sweep(deadline)).await);
    }

    /// Lets the sweeper go on with replays.
    pub(crate) async fn replay_slice(&mut self) {
        let (actors, deadline) = (self.actors.clone(), self.clock.now() + TIMEOUT);
        // A failed slice is followed by another.
        drop(self.drive(actors.sweeper.replay(deadline)).await);
    }

    /// An operator's POST; status and JSON, where the invocation lived.
    pub(crate) async fn operate(&mut self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = Request::post(path).body(Bytes::from(body.to_string()));
        let request = request.expect("a good request");
        let actors = self.actors.clone();
        let response = self.drive(actors.admin.handle(request)).await?;
        let answer = serde_json::from_slice(response.body()).expect("a JSON answer");
        Some((response.status().as_u16(), answer))
    }

    /// Runs an invocation, which the plan may end or interrupt; `None` where it died.
    pub(crate) async fn drive<T>(&mut self, invocation: impl Future<Output = T>) -> Option<T> {
        let mut invocation = std::pin::pin!(invocation);
        // What another call of an invocation that died still wanted.
        while self.signals.try_recv().is_ok() {}
        loop {
            tokio::select! {
                biased;
                output = &mut invocation => return Some(output),
                signal = self.signals.recv() => match signal {
                    Some(Signal::Let(who, go_on)) => {
                        self.faults.suspend(true);
                        self.interlope(who).await;
                        self.faults.suspend(false);
                        // It may not wait any more: another call of it failed meanwhile.
                        let _ = go_on.send(());
                    }
                    Some(Signal::TimeOut) => {
                        self.clock.advance(TIMEOUT);
                        return None;
                    }
                    Some(Signal::Crash) | None => return None,
                },
            }
        }
    }

    async fn interlope(&self, who: Interloper) {
        match who {
            Interloper::Provider => drop(self.actors.ingest.handle(self.request()).await),
            Interloper::Processor => {
                drop(self.poll(TIMEOUT).await);
            }
            Interloper::TimeToLive => self.forget().await,
            Interloper::Clock => self.clock.advance(LATE),
        }
    }

    /// Deletes the event's item, as its time to live may do at any time.
    async fn forget(&self) {
        let delete = self
            .dynamodb
            .delete_item()
            .table_name(hookgate_twin::engines::TABLE);
        let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let delete = delete
            .key("pk", text(self.key().as_str()))
            .key("sk", text("event"));
        delete.send().await.expect("the table answers");
    }

    /// The body of the provider's request.
    pub(crate) fn body(&self) -> Bytes {
        let filler = if self.large {
            " ".repeat(hookgate_ingest::INLINE_BODY_BYTES)
        } else {
            String::new()
        };
        let id = self.event_id();
        format!(r#"{{"id":"{id}","type":"run.failed","data":{{}}}}{filler}"#).into()
    }

    fn request(&self) -> Request<Bytes> {
        let now = unix_ms(self.clock.now()) / 1000;
        let signed = provider::product(SECRET, now, &self.body());
        let mut request = Request::post("/webhooks/product");
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        request
            .body(Bytes::from(signed.body))
            .expect("a good request")
    }
}

async fn depth(engines: &Engines, queue: &str) -> usize {
    let depth = engines.sqs.depth(queue).await.expect("the queue answers");
    usize::try_from(depth.visible + depth.in_flight + depth.delayed).expect("a small number")
}

/// What Lambda's event source mapping and the processor do with one batch; the acknowledged records.
async fn poll(
    sqs: hookgate_sqs::Sqs,
    faults: Arc<Faults>,
    actors: Arc<Actors>,
    clock: TestClock,
    timeout: Duration,
) -> Vec<SqsMessage> {
    let receive = || async {
        let received = sqs.receive(QUEUE, 10, Duration::ZERO, None).await;
        received.map_err(drop)
    };
    let Ok(received) = faults.call("receive", receive, |_| Err(())).await else {
        return Vec::new();
    };
    let mut batch = SqsEvent::default();
    for message in received {
        let mut record = SqsMessage::default();
        record.message_id = Some(message.id);
        record.receipt_handle = Some(message.receipt_handle);
        record.body = Some(message.body);
        record.attributes = message.system_attributes.into_iter().collect();
        batch.records.push(record);
    }
    let records = batch.records.clone();
    let deadline = clock.now() + timeout;
    let request_id = format!(
        "{:?}",
        records
            .first()
            .and_then(|record| record.receipt_handle.clone())
    );
    let response = actors
        .processor
        .handle(
            batch,
            &Invocation {
                request_id,
                deadline,
            },
        )
        .await;
    let again = |record: &SqsMessage| {
        let id = record.message_id.clone().unwrap_or_default();
        response
            .batch_item_failures
            .iter()
            .any(|failure| failure.item_identifier == id)
    };
    let finished: Vec<SqsMessage> = records
        .into_iter()
        .filter(|record| !again(record))
        .collect();
    for record in &finished {
        let handle = record.receipt_handle.clone().unwrap_or_default();
        let delete = || async { sqs.delete(QUEUE, &handle).await.map_err(drop) };
        // An acknowledgement that fails is one that comes too late: the message comes again.
        let _ = faults.call("acknowledge", delete, |_| Err(())).await;
    }
    finished
}

/// The message that a record carries.
pub(crate) fn message_of(record: &SqsMessage) -> Option<Message> {
    Message::from_json(record.body.as_deref()?).ok()
}
