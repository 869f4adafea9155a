//! An event: its type, its stored forms, the message that carries it, and what is read of it.

pub(crate) mod archive;
pub(crate) mod bodies;
pub(crate) mod body;
mod by_id;
pub(crate) mod history;
pub(crate) mod item;
mod key;
pub(crate) mod ledger;
pub(crate) mod list;
pub(crate) mod message;
mod outbox;
mod outbox_shards;
mod range;
mod search;
mod search_archive;
mod transact;
pub(crate) mod unwell;
pub(crate) mod view;

pub use archive::{ArchivePlace, NotArchived};
pub use ledger::{Claim, ClaimOutcome, ClaimRequest, Grant, Retry};
pub use outbox::{OutboxRow, RowPage, RowPosition, Rows, Until};
pub use search::{EventSearch, Position, Round};
pub use transact::{TableWrite, TransactOutcome};
pub use view::{EventFilter, StoredEvent, matches};

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use crate::{Body, Trace};
pub use key::EventKey;

/// One thing that happened, as a provider reported it.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// Its key in the ledger.
    pub key: EventKey,
    /// The source that it came in by.
    pub source: String,
    /// The tenant that it belongs to, from the path or from where the source's definition says.
    pub tenant: Option<String>,
    /// The provider's id of it, verbatim.
    pub id: Option<String>,
    /// The provider's word for its type, verbatim.
    pub event_type: Option<String>,
    /// The time at which its request arrived, to the millisecond.
    pub received: SystemTime,
    /// The request's headers, without those that carry a credential.
    pub headers: Vec<(String, String)>,
    /// The trace that its request belonged to; a replay belongs to the same.
    pub trace: Option<Trace>,
    /// The body, byte for byte as it was signed.
    pub body: Body,
}

/// Without the body and the headers' values: they are the provider's and its customers' own.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Event")
            .field("key", &self.key)
            .field("source", &self.source)
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("received", &self.received)
            .field("headers", &names)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

impl Event {
    /// The provider's type, or `-` where it names none.
    pub fn type_or_dash(&self) -> &str {
        self.event_type.as_deref().unwrap_or("-")
    }

    /// The id of its trace, if that is recorded.
    pub fn trace_id(&self) -> Option<&str> {
        self.recorded_trace().map(Trace::id)
    }

    /// Its trace, unless X-Ray was told not to record it.
    pub(crate) fn recorded_trace(&self) -> Option<&Trace> {
        self.trace.as_ref().filter(|trace| trace.is_recorded())
    }
}

/// The longest text of a sender's that a log line repeats, in characters.
const MAX_SHOWN: usize = 256;

/// A sender's text as a log line repeats it: one line, and not longer than a line should be.
pub fn one_line(text: &str) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c);
    if text.len() <= MAX_SHOWN && !text.contains(breaks) {
        return Cow::Borrowed(text);
    }
    let one_line = text.chars().map(|c| match c {
        c if breaks(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    Cow::Owned(one_line.take(MAX_SHOWN).collect())
}
