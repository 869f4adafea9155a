//! Acts of the provider, the functions, operators and AWS in a world.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use bytes::Bytes;
use hookgate::config::IngestOrder;
use hookgate::route::StoredRoute;
use hookgate::{Message, unix_ms};
use hookgate_ingest::Ingest;
use hookgate_processor::Invocation;
use hookgate_twin::engines::{QUEUE, REPLAY_QUEUE, TABLE};
use http::Request;
use serde_json::Value;

use super::looks::text;
use super::world::{Actors, LATE, ROUTE, SECRET, TestClock};
use super::{Effects, Faults, Interloper, Signal, Size, World};
use crate::provider;

/// The processor's timeout.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Letters of a body that does not become small by compression: one that is archived in two parts.
const LETTERS: usize = 490_000;

impl World {
    /// Sends the provider's request once; whether it was answered with a 2xx.
    pub(crate) async fn send(&mut self) -> bool {
        let (actors, request) = (self.actors.clone(), self.request());
        let ingest = actors.ingest(self.size, self.order);
        let response = self.drive(ingest.handle(request)).await;
        response.is_some_and(|response| response.status().is_success())
    }

    /// Hands what is visible to a processor, and acknowledges what it says; the records.
    pub(crate) async fn process(&mut self) -> Vec<SqsMessage> {
        self.process_within(TIMEOUT).await
    }

    /// The same with a timeout of the caller's choice.
    pub(crate) async fn process_within(&mut self, timeout: Duration) -> Vec<SqsMessage> {
        let poll = self.poll(timeout);
        self.drive(poll).await.unwrap_or_default()
    }

    fn poll(&self, timeout: Duration) -> impl Future<Output = Vec<SqsMessage>> + use<> {
        let (sqs, faults) = (self.engines.sqs.clone(), self.faults.clone());
        poll(
            sqs,
            faults,
            self.effects.clone(),
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

    /// Lets the sweeper look for held messages.
    pub(crate) async fn release(&mut self) {
        let (actors, deadline) = (self.actors.clone(), self.clock.now() + TIMEOUT);
        // A failed minute is followed by another.
        drop(self.drive(actors.sweeper.release(deadline)).await);
    }

    /// An operator pauses the route.
    pub(crate) async fn pause(&self) {
        let stored = self.route().await;
        let next = stored.state.clone().paused(unix_ms(self.clock.now()));
        let saved = self.table.save_route(ROUTE, &stored, &next).await;
        saved.expect("the table answers");
    }

    /// An operator resumes the route. The state is not looked at for a while, as when it was looked at just before.
    pub(crate) async fn resume(&self) {
        let stored = self.route().await;
        let next = stored.state.clone().resumed(unix_ms(self.clock.now()));
        let saved = self.table.save_route(ROUTE, &stored, &next).await;
        saved.expect("the table answers");
    }

    async fn route(&self) -> StoredRoute {
        self.table
            .route_state(ROUTE)
            .await
            .expect("the table answers")
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

    /// Runs an invocation, which the plan may end or interrupt; `None` if it died.
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
            Interloper::Provider => {
                let ingest = self.actors.ingest(self.size, self.order);
                drop(ingest.handle(self.request()).await);
            }
            Interloper::Processor => {
                drop(self.poll(TIMEOUT).await);
            }
            Interloper::ProcessorAfter(time) => {
                self.clock.advance(time);
                self.deliver_again().await;
                drop(self.poll(TIMEOUT).await);
            }
            Interloper::TimeToLive => self.forget().await,
            Interloper::Clock => self.clock.advance(LATE),
        }
    }

    /// Makes the messages in flight visible, as SQS may do at any time.
    pub(crate) async fn deliver_again(&self) {
        for queue in [QUEUE, REPLAY_QUEUE] {
            let again = self.engines.sqs.release_in_flight(queue).await;
            again.expect("the queue answers");
        }
    }

    /// Deletes the event's item, as its time to live may do at any time.
    async fn forget(&self) {
        let delete = self.dynamodb.delete_item().table_name(TABLE);
        let delete = delete
            .key("pk", text(self.key().as_str()))
            .key("sk", text("event"));
        delete.send().await.expect("the table answers");
    }

    /// The body of the provider's request.
    pub(crate) fn body(&self) -> Bytes {
        let id = self.event_id();
        let event = format!(r#"{{"id":"{id}","type":"run.failed","data":{{}}}}"#);
        match self.size {
            Size::Small => event.into(),
            Size::InBucket => {
                format!("{event}{}", " ".repeat(hookgate_ingest::INLINE_BODY_BYTES)).into()
            }
            Size::InParts => event
                .replace("{}", &format!(r#"{{"letters":"{}"}}"#, letters()))
                .into(),
        }
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

impl Actors {
    fn ingest(&self, size: Size, order: IngestOrder) -> &Ingest {
        match (size, order) {
            (Size::InParts, _) => &self.without_bucket,
            (_, IngestOrder::QueueFirst) => &self.queue_first,
            (_, IngestOrder::RecordFirst) => &self.ingest,
        }
    }
}

fn letters() -> &'static str {
    static ONCE: OnceLock<String> = OnceLock::new();
    ONCE.get_or_init(|| {
        let mut random = fastrand::Rng::with_seed(0);
        (0..LETTERS).map(|_| random.alphanumeric()).collect()
    })
}

/// Does what Lambda's event source mappings and the processor do with one batch, of the queue of replays if the other
/// has none; returns the acknowledged records.
async fn poll(
    sqs: hookgate_sqs::Sqs,
    faults: Arc<Faults>,
    effects: Arc<Mutex<Effects>>,
    actors: Arc<Actors>,
    clock: TestClock,
    timeout: Duration,
) -> Vec<SqsMessage> {
    let receive = || async {
        for queue in [QUEUE, REPLAY_QUEUE] {
            let received = sqs.receive(queue, 10, Duration::ZERO, None).await;
            let received = received.map_err(drop)?;
            if !received.is_empty() {
                return Ok((queue, received));
            }
        }
        Ok((QUEUE, Vec::new()))
    };
    let Ok((queue, received)) = faults.call("receive", receive, |_| Err(())).await else {
        return Vec::new();
    };
    let mut batch = SqsEvent::default();
    for message in received {
        let mut record = SqsMessage::default();
        record.message_id = Some(message.id);
        record.receipt_handle = Some(message.receipt_handle);
        record.body = Some(message.body);
        record.event_source_arn = Some(sqs.arn(queue));
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
        let is_replay = message_of(record).is_some_and(|message| message.number.epoch > 0);
        effects.lock().expect("no handler panics here").replays += usize::from(is_replay);
        let handle = record.receipt_handle.clone().unwrap_or_default();
        let delete = || async { sqs.delete(queue, &handle).await.map_err(drop) };
        // An acknowledgement that fails is one that comes too late: the message comes again.
        let _ = faults.call("acknowledge", delete, |_| Err(())).await;
    }
    finished
}

/// The message that a record carries.
pub(crate) fn message_of(record: &SqsMessage) -> Option<Message> {
    Message::from_json(record.body.as_deref()?).ok()
}
