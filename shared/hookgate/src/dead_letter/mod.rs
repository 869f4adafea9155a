//! A dead letter: a message that was given up, and the queue of them.

mod discard;
pub(crate) mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

pub use discard::DiscardDecision;

/// A message in the dead-letter queue.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message's id there.
    pub message_id: String,
    /// The handle of this receipt of it.
    pub receipt_handle: String,
    /// Its text, untouched.
    pub body: String,
    /// Its attributes: the reason, its class, and more.
    pub attributes: BTreeMap<String, String>,
    /// The time at which it was sent, in milliseconds since 1970.
    pub sent_ms: Option<u64>,
}

/// A move of all dead letters back to the queue, which SQS makes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTask {
    /// Its handle; `None` once it is over.
    pub handle: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`, as SQS says.
    pub status: String,
    /// The approximate number of messages that were moved.
    pub moved: i64,
    /// The approximate number of messages to move.
    pub to_move: Option<i64>,
    /// The time at which it began.
    pub started: SystemTime,
    /// The reason of a failure.
    pub failure: Option<String>,
}

/// A message on its way to the dead-letter queue.
#[derive(Clone)]
pub struct NewDeadLetter<'a> {
    /// The message's text, untouched.
    pub body: &'a str,
    /// Its attributes: name and value, each value not empty.
    pub attributes: Vec<(&'static str, String)>,
}

/// Without the text, which holds a body.
impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("message_id", &self.message_id)
            .field("attributes", &self.attributes)
            .field("sent_ms", &self.sent_ms)
            .finish_non_exhaustive()
    }
}

/// Without the text, which holds a body.
impl fmt::Debug for NewDeadLetter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewDeadLetter")
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}
