//! What the functions need of the world. Each trait is one role; adapters live in `hookgate-aws`.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, SystemTime};

use hookgate_ledger::Record;
use hookgate_signature::FetchFailure;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::config::SecretRef;
pub use crate::event::body::Bodies;
use crate::{Body, Event, EventKey, Message};

/// Any error, on its way into a [`PortError`].
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A store or queue did not do what was asked, after the client's own retries.
#[derive(Debug, Error)]
#[error("{operation} failed")]
pub struct PortError {
    /// What was asked of it: `record the event`, `send the message`.
    pub operation: &'static str,
    /// Why it failed.
    #[source]
    pub source: BoxError,
}

impl PortError {
    /// An error of `operation`.
    pub fn new(operation: &'static str, source: impl Into<BoxError>) -> PortError {
        PortError {
            operation,
            source: source.into(),
        }
    }
}

/// An error with its causes, in one line, for a log.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Remembers which events came in.
pub trait EventStore: Send + Sync {
    /// Records an event, unless it is known: the answer says which, by the ledger's rules.
    fn record(
        &self,
        event: &Event<Body>,
        now: SystemTime,
    ) -> impl Future<Output = Result<Record, PortError>> + Send;

    /// Notes that a message of an event that was recorded earlier was sent. Doing it twice is harmless.
    fn mark_enqueued(
        &self,
        key: &EventKey,
        epoch: u32,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Carries events to the processor.
pub trait EventQueue: Send + Sync {
    /// Sends a message; when this returns, the queue holds it durably.
    fn send(&self, message: &Message) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Keeps messages that the queue did not take, until it takes them.
pub trait Outbox: Send + Sync {
    /// Keeps a message; when this returns, it is durable. Doing it twice is harmless.
    fn keep(&self, message: &Message) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A message in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its event.
    pub key: EventKey,
    /// Its epoch.
    pub epoch: u32,
    /// The message; `None` where what is kept cannot be read.
    pub message: Option<Message>,
}

/// Empties the outbox.
pub trait OutboxReader: Send + Sync {
    /// Some of the messages that wait, the oldest first.
    fn waiting(&self) -> impl Future<Output = Result<Vec<Kept>, PortError>> + Send;

    /// How many messages wait.
    fn depth(&self) -> impl Future<Output = Result<u64, PortError>> + Send;

    /// Removes a message that was sent. Doing it twice is harmless.
    fn remove(&self, kept: &Kept) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A wish to handle an event.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest<'a> {
    /// The message that was received.
    pub message: &'a Message,
    /// Who asks; another text for every receipt of a message.
    pub owner: &'a str,
    /// Until when the claim is to hold.
    pub lease_until: SystemTime,
    /// Now.
    pub now: SystemTime,
}

/// The answer to a [`ClaimRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Yours.
    Granted(Grant),
    /// Finished, or overtaken by a newer replay.
    Settled,
    /// Somebody else holds it until then.
    Busy(SystemTime),
}

/// How often an event was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// In this round, which a success, a dead letter or a replay ends: 1 is the first.
    pub attempt: u32,
    /// In all.
    pub claims: u32,
}

/// A claim that was granted, for what follows it.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The event.
    pub event: &'a Event<Body>,
    /// The epoch it was claimed at.
    pub epoch: u32,
    /// Who holds it.
    pub owner: &'a str,
    /// What the claim said.
    pub grant: Grant,
}

/// A write to a DynamoDB table that happens together with an event's completion, or not at all.
#[derive(Clone, PartialEq)]
pub enum Write {
    /// Puts an item.
    Put {
        /// The table; `None` is the gateway's own.
        table: Option<String>,
        /// The whole item: JSON strings, numbers, booleans, lists and objects.
        item: Map<String, Value>,
    },
    /// Adds to a number, which is 0 where it is missing.
    Add {
        /// The table; `None` is the gateway's own.
        table: Option<String>,
        /// The item's key.
        key: Map<String, Value>,
        /// The number's name.
        attribute: String,
        /// How much.
        amount: i64,
    },
}

/// How a completion with writes ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The event is done, by this call or an earlier one, and the writes happened once.
    Done,
    /// Somebody else wrote one of the items at the same time: nothing happened, try again.
    Conflict,
    /// A write cannot be done: nothing happened, and nothing will.
    Refused(String),
}

/// Completes events whose effect is a write: exactly once.
pub trait JoinedCompletion: Send + Sync {
    /// Notes that the effect happened and makes it happen, in one transaction.
    fn complete_with(
        &self,
        held: Held<'_>,
        writes: &[Write],
        now: SystemTime,
    ) -> impl Future<Output = Result<Joined, PortError>> + Send;
}

/// Decides who handles an event, and remembers how it ended.
pub trait Claims: Send + Sync {
    /// Asks for the event of a message.
    fn claim(
        &self,
        request: ClaimRequest<'_>,
    ) -> impl Future<Output = Result<Claimed, PortError>> + Send;

    /// Notes that the effect happened.
    fn complete(
        &self,
        held: Held<'_>,
        now: SystemTime,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Gives the event back after a failure that may pass. Without effect when the claim is lost.
    fn release(
        &self,
        held: Held<'_>,
        error: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Notes that the event was given up; its message is already in the dead-letter queue. Without
    /// effect when the claim is lost.
    fn bury(
        &self,
        held: Held<'_>,
        error: &str,
        now: SystemTime,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Keeps raw payloads for replay and audit.
pub trait Archive: Send + Sync {
    /// Stores an event's payload. Written once: a second call changes nothing.
    fn archive(&self, event: &Event<Body>) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A message on its way to the dead-letter queue.
#[derive(Clone)]
pub struct DeadLetter<'a> {
    /// The message's text, untouched.
    pub body: &'a str,
    /// What is told of it: name and value, each value not empty.
    pub attributes: Vec<(&'static str, String)>,
}

/// What the processor does with a received message, apart from acknowledging it.
pub trait WorkQueue: Send + Sync {
    /// Makes a received message visible again after `delay` (at most 12 hours), and not earlier.
    fn delay(
        &self,
        receipt_handle: &str,
        delay: Duration,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Puts a message into the dead-letter queue.
    fn dead_letter(
        &self,
        letter: DeadLetter<'_>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Why a secret could not be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// It does not exist, or must not be read: configuration is wrong.
    #[error("{0}")]
    Missing(String),
    /// The store did not answer.
    #[error(transparent)]
    Unavailable(#[from] PortError),
}

/// Gives out secrets.
pub trait SecretStore: Send + Sync {
    /// The secret's texts: the current one, and then the one before it where the store still gives it out.
    fn fetch(
        &self,
        reference: &SecretRef,
    ) -> impl Future<Output = Result<Vec<String>, SecretError>> + Send;
}

/// Fetches the public documents of token issuers (OpenID discovery, JWKS).
pub trait Documents: Send + Sync {
    /// The document's bytes: one GET, no redirects, bounded in size and time.
    fn fetch(&self, url: &str) -> impl Future<Output = Result<Vec<u8>, FetchFailure>> + Send;
}
