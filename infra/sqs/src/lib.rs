//! A small SQS: standard queues in a SQLite file, held to AWS's documented behaviour.
//!
//! It speaks AWS JSON 1.0, so the real SDKs and the aws CLI talk to it. Queues and messages survive the
//! death of the process. It has the actions that a producer, a consumer and the aws CLI call. Signatures of
//! requests are not checked, the limit of messages in flight is not enforced, and a message group (fair
//! queues) is carried but does not change the order.
//!
//! `tests/conformance` asks the same of it as of two independent servers.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html>

mod attributes;
mod batch;
mod dead_letters;
mod engine;
mod error;
mod http;
mod in_flight;
mod message;
mod move_task;
mod names;
mod queues;
mod receive;
mod receive_message;
mod redrive;
mod send;
mod store;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;

pub use engine::ClockFn;
use engine::Engine;
pub use error::SqsError;
pub use message::{MessageAttribute, MessageAttributes, ReceivedMessage};
pub use names::REGION;
use receive::Receive;
pub use store::Depth;
use store::Session;

/// A handle on the engine; clones share it.
#[derive(Clone)]
pub struct Sqs {
    engine: Arc<Engine>,
}

impl Sqs {
    /// Opens the engine on a file, or in memory when there is no path.
    ///
    /// # Errors
    /// When the file cannot be opened, or is not a file of this engine.
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
    /// When the file cannot be opened, or is not a file of this engine.
    pub fn open_with_clock(path: Option<&Path>, clock: ClockFn) -> Result<Sqs, SqsError> {
        let engine = Arc::new(Engine::open(path, clock)?);
        Ok(Sqs { engine })
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
            self.engine.set_base_url(format!("http://{address}"));
        }
        http::serve(self.engine, listener, shutdown)
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
        let request = queues::CreateQueue {
            queue_name: name.to_owned(),
            attributes: attributes.clone(),
        };
        let create = |session: &Session<'_>| queues::create_queue(session, request);
        let created = self.engine.run(&self.engine.base_url(), create)?;
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
        let message = send::NewMessage::of(body.to_owned());
        let sent = self.run(move |session| {
            let queue = session.queue(&queue)?;
            send::enqueue(session, &queue, message)
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
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
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
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let request = Receive {
            queue: queue.to_owned(),
            max: i64::try_from(max).unwrap_or(i64::MAX),
            wait: Some(wait),
            visibility_seconds: visibility
                .map(|time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX)),
        };
        receive::poll(&self.engine, request, stop).await
    }

    /// Deletes a message by the receipt handle of its latest receive.
    ///
    /// # Errors
    /// As DeleteMessage: an unknown queue, or a handle that it never gave out. A handle of an earlier
    /// receive is no error, and deletes nothing.
    pub async fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), SqsError> {
        let request = in_flight::OnMessage {
            queue_url: queue.to_owned(),
            change: in_flight::Delete {
                receipt_handle: receipt_handle.to_owned(),
            },
        };
        let deleted = self.run(|session| in_flight::delete_message(session, request));
        deleted.await.map(drop)
    }

    /// Makes all messages in flight visible, and returns their bodies: for when their receivers are known
    /// to be dead. AWS has no such action; there, one waits for the visibility timeout.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn release_in_flight(&self, queue: &str) -> Result<Vec<String>, SqsError> {
        let queue = queue.to_owned();
        self.run(move |session| in_flight::release_all(session, &queue))
            .await
    }

    /// Counts the messages that the queue holds.
    ///
    /// # Errors
    /// When there is no such queue.
    pub async fn depth(&self, queue: &str) -> Result<Depth, SqsError> {
        let queue = queue.to_owned();
        self.run(move |session| session.depth(&session.queue(&queue)?))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        action: impl FnOnce(&Session<'_>) -> Result<T, SqsError> + Send + 'static,
    ) -> Result<T, SqsError> {
        self.engine.spawn(self.engine.base_url(), action).await
    }
}
