//! A dead letter: a message that was given up, and the queue of them.

pub(crate) mod store;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::ports::PortError;

/// The dead-letter queue, as operators use it.
///
/// A queue cannot be listed: it hands out some of its messages, and hides them for a while.
pub trait DeadLetters: Send + Sync {
    /// Takes up to ten letters, and hides them from others for so long (whole seconds). None means
    /// that there are no more, as far as the queue can tell.
    fn take(&self, hidden: Duration)
    -> impl Future<Output = Result<Vec<Letter>, PortError>> + Send;

    /// Lets others see letters that were taken.
    fn give_back(&self, letters: &[Letter]) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Sends a letter's text to the queue that the processor reads.
    fn send_again(&self, letter: &Letter) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Removes a letter that was sent again.
    fn remove(&self, letter: &Letter) -> impl Future<Output = Result<(), PortError>> + Send;

    /// How many letters there are, about.
    fn count(&self) -> impl Future<Output = Result<u64, PortError>> + Send;

    /// Has the queue move all its letters back itself; the move's handle.
    fn move_all(
        &self,
        rate_per_s: Option<u32>,
    ) -> impl Future<Output = Result<String, PortError>> + Send;

    /// The moves of the last days, the newest first.
    fn moves(&self) -> impl Future<Output = Result<Vec<Move>, PortError>> + Send;
}

/// A message in the dead-letter queue.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The message's id there.
    pub message_id: String,
    /// What this taking of it is named by.
    pub receipt_handle: String,
    /// Its text, untouched.
    pub body: String,
    /// What is told of it: the reason, its class, and more.
    pub attributes: BTreeMap<String, String>,
    /// When it was sent, in milliseconds since 1970.
    pub sent_ms: Option<u64>,
}

/// A move of all letters back to the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Its handle; `None` once it is over.
    pub handle: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`, as SQS says.
    pub status: String,
    /// How many letters were moved, about.
    pub moved: i64,
    /// How many there were to move, about.
    pub to_move: Option<i64>,
    /// When it began.
    pub started: SystemTime,
    /// Why it failed.
    pub failure: Option<String>,
}
