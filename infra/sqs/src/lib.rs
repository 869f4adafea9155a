//! A small SQS: the actions that we and our users' clients call, held to AWS's documented behaviour.
//!
//! It speaks AWS JSON 1.0, so the real SDKs and the aws CLI talk to it. Queues and messages live in a
//! SQLite file and survive the death of the process. Only standard queues; signatures of requests are
//! not checked; the limit of messages in flight is not enforced; of fair queues, the group is carried
//! but does not change the order.
//!
//! `tests/conformance` asks the same of it as of two servers that are not ours, and
//! `docs/twin.md` says what it leaves out.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>

mod attributes;
mod batch;
mod bell;
mod content;
mod engine;
mod error;
mod http;
mod inflight;
mod listing;
mod message;
mod mover;
mod moves;
mod names;
mod queues;
mod receipt;
mod receive;
mod redrive;
mod send;
mod store;
mod wire;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::time::Instant;

use bell::Bell;
pub use content::{MessageAttribute, MessageAttributes};
use engine::Engine;
pub use error::SqsError;
pub use message::Message;
pub use names::REGION;
use receive::{Found, Receive};
use store::Session;

/// Where the engine takes the time of day from.
pub type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// A handle on the engine; clones share it.
#[derive(Clone)]
pub struct Sqs {
    engine: Arc<Engine>,
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received, and neither deleted nor visible again.
    pub in_flight: u64,
    /// Sent, and held back by a delay.
    pub delayed: u64,
}

impl Sqs {
    /// Opens the engine on a file, or in memory when there is no path.
    ///
    /// # Errors
    /// When the file cannot be opened as queues of ours.
    pub fn open(path: Option<&Path>) -> Result<Sqs, SqsError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where the engine takes the real clock"
        )]
        let clock = Box::new(SystemTime::now);
        Sqs::open_with_clock(path, clock)
    }

    /// Opens the engine with a clock of the caller's choice. Long polls still wait in real time.
    ///
    /// # Errors
    /// When the file cannot be opened as queues of ours.
    pub fn open_with_clock(path: Option<&Path>, clock: Clock) -> Result<Sqs, SqsError> {
        Ok(Sqs {
            engine: Arc::new(Engine {
                store: Mutex::new(store::open(path)?),
                clock,
                bell: Bell::default(),
                base_url: OnceLock::new(),
            }),
        })
    }

    /// Answers SQS's protocol on `listener` until `shutdown`, then ends long polls and returns.
    ///
    /// Queue URLs name this listener from the call on, before the future is first polled.
    ///
    /// # Errors
    /// When the listener fails.
    pub fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = std::io::Result<()>> + Send {
        if let Ok(address) = listener.local_addr() {
            self.engine
                .base_url
                .get_or_init(|| format!("http://{address}"));
        }
        http::serve(self, listener, shutdown)
    }

    /// Creates the queue unless it exists with these attributes, and returns its URL.
    ///
    /// # Errors
    /// As CreateQueue: a bad name or attribute, or a queue of that name with other attributes.
    pub fn ensure_queue(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, SqsError> {
        let ask = queues::CreateQueue {
            queue_name: name.to_owned(),
            attributes: attributes.clone(),
            ..queues::CreateQueue::default()
        };
        let base_url = self.engine.base_url();
        let created = self
            .engine
            .run(base_url, |session| queues::create_queue(session, ask))?;
        Ok(created.queue_url)
    }

    /// The queue's Amazon resource name.
    pub fn arn(&self, queue: &str) -> String {
        names::arn(queue)
    }

    /// Sends a message, and returns its id.
    ///
    /// # Errors
    /// As SendMessage: an unknown queue, or a body that SQS does not take.
    pub async fn send(&self, queue: &str, body: &str) -> Result<String, SqsError> {
        let queue = queue.to_owned();
        let outgoing = send::Outgoing::of(body.to_owned());
        let sent = self.run(move |session| {
            let queue = session.queue(&queue)?;
            send::enqueue(session, &queue, outgoing)
        });
        Ok(sent.await?.message_id)
    }

    /// Receives up to `max` messages (1 to 10), waiting up to `wait` for the first.
    ///
    /// # Errors
    /// As ReceiveMessage: an unknown queue, or a number out of range.
    pub async fn receive(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
        visibility: Option<Duration>,
    ) -> Result<Vec<Message>, SqsError> {
        self.receive_until(queue, max, wait, visibility, std::future::pending())
            .await
    }

    /// Like [`Sqs::receive`], and gives up waiting when `stop` completes.
    ///
    /// No message is lost by that: unlike a receive whose future is dropped, it never stops between
    /// taking messages and handing them over.
    ///
    /// # Errors
    /// As [`Sqs::receive`].
    pub async fn receive_until(
        &self,
        queue: &str,
        max: usize,
        wait: Duration,
        visibility: Option<Duration>,
        stop: impl Future<Output = ()>,
    ) -> Result<Vec<Message>, SqsError> {
        let ask = Receive {
            queue: queue.to_owned(),
            max: i64::try_from(max).unwrap_or(i64::MAX),
            wait: Some(wait),
            visibility_seconds: visibility
                .map(|time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX)),
        };
        self.poll(ask, stop).await
    }

    /// Deletes a message by the receipt handle of its latest receive.
    ///
    /// # Errors
    /// As DeleteMessage: an unknown queue, or a handle that it never gave out. A handle of an earlier
    /// receive is no error, and deletes nothing.
    pub async fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        let ask = inflight::OnMessage {
            queue_url: queue.to_owned(),
            ask: inflight::Delete {
                receipt_handle: receipt_handle.to_owned(),
            },
        };
        let deleted = self.run(|session| inflight::delete_message(session, ask));
        deleted.await.map(drop)
    }

    /// Lets a received message be invisible for `timeout` from now: whole seconds, 12 hours at most.
    ///
    /// # Errors
    /// As ChangeMessageVisibility: an unknown queue or handle, or a message that is not in flight.
    pub async fn change_visibility(
        &self,
        queue: &str,
        receipt_handle: &str,
        timeout: Duration,
    ) -> Result<(), SqsError> {
        let ask = inflight::OnMessage {
            queue_url: queue.to_owned(),
            ask: inflight::ChangeVisibility {
                receipt_handle: receipt_handle.to_owned(),
                visibility_timeout: i64::try_from(timeout.as_secs()).ok(),
            },
        };
        let changed = self.run(|session| inflight::change_message_visibility(session, ask));
        changed.await.map(drop)
    }

    /// Makes all messages in flight visible, and returns their bodies: for when whoever received them
    /// is known to be dead. AWS has no such action; there, one waits for the visibility timeout.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn give_back(&self, queue: &str) -> Result<Vec<String>, SqsError> {
        let queue = queue.to_owned();
        self.run(move |session| inflight::give_back(session, &queue))
            .await
    }

    /// How many messages the queue holds.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn depth(&self, queue: &str) -> Result<Depth, SqsError> {
        let queue = queue.to_owned();
        self.run(move |session| session.depth(&session.queue(&queue)?))
            .await
    }

    /// Looks until there is something, the wait is over, or `stop` completes.
    async fn poll(
        &self,
        ask: Receive,
        stop: impl Future<Output = ()>,
    ) -> Result<Vec<Message>, SqsError> {
        let started = Instant::now();
        let mut stop = pin!(stop);
        let mut bell = self.engine.bell.listen(names::queue_of_url(&ask.queue));
        loop {
            bell.mark_unchanged();
            let found = self.look(ask.clone()).await?;
            let deadline = started + ask.wait.unwrap_or(found.wait);
            if !found.messages.is_empty() || Instant::now() >= deadline {
                return Ok(found.messages);
            }
            let due = found.next_due.map(|due| Instant::now() + due);
            let until = due.map_or(deadline, |due| due.min(deadline));
            tokio::select! {
                () = &mut stop => return Ok(Vec::new()),
                () = tokio::time::sleep_until(until) => {}
                _ = bell.changed() => {}
            }
        }
    }

    async fn look(&self, ask: Receive) -> Result<Found, SqsError> {
        self.run(move |session| receive::receive(session, &ask))
            .await
    }

    /// Does one action off the runtime's worker threads, because SQLite blocks.
    async fn run<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Session<'_>) -> Result<T, SqsError> + Send + 'static,
    ) -> Result<T, SqsError> {
        self.run_at(self.engine.base_url(), action).await
    }

    /// Like [`Sqs::run`], for a client that reaches the engine at `base_url`.
    async fn run_at<T: Send + 'static>(
        &self,
        base_url: String,
        action: impl FnOnce(&Session<'_>) -> Result<T, SqsError> + Send + 'static,
    ) -> Result<T, SqsError> {
        let engine = Arc::clone(&self.engine);
        tokio::task::spawn_blocking(move || engine.run(base_url, action)).await?
    }
}
