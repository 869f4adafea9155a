//! An event: its type, its stored forms, the message that carries it, and what is read of it.

pub(crate) mod archive;
pub(crate) mod bodies;
pub(crate) mod body;
pub(crate) mod ledger;
pub(crate) mod list;
pub(crate) mod message;
mod outbox;
mod range;
mod transact;
pub(crate) mod view;

pub use ledger::{Claim, ClaimOutcome, ClaimRequest, Grant};
pub use outbox::OutboxEntry;
pub use transact::{TableWrite, TransactOutcome};
pub use view::{EventFilter, EventQuery, StoredEvent};

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::{Body, Trace};

/// One thing that happened, as a provider told it.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// Its key in the ledger.
    pub key: EventKey,
    /// The source that it came in by.
    pub source: String,
    /// The tenant that it belongs to, from the path or from where the source's row says.
    pub tenant: Option<String>,
    /// The provider's id of it, verbatim.
    pub id: Option<String>,
    /// The provider's word for its type, verbatim.
    pub event_type: Option<String>,
    /// When its request arrived, to the millisecond.
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

    /// The id of its trace.
    pub fn trace_id(&self) -> Option<&str> {
        self.trace.as_ref().map(Trace::id)
    }
}

/// The key of an event in the ledger: base64url of the SHA-256 over tenant, source and dedupe key, each
/// with its length before it, so that no value can pose as two. 43 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(String);

impl EventKey {
    /// The key of the event that `dedupe_key` names within a source and a tenant.
    pub fn new(tenant: Option<&str>, source: &str, dedupe_key: &str) -> EventKey {
        let mut hash = Sha256::new();
        for part in [tenant.unwrap_or_default(), source, dedupe_key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        EventKey(URL_SAFE_NO_PAD.encode(hash.finalize()))
    }

    /// Reads a key that was printed earlier; `None` where the text cannot be one.
    pub fn parse(text: &str) -> Option<EventKey> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| EventKey(text.to_owned()))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_pose_as_two() {
        let key = |tenant, source, id| EventKey::new(Some(tenant), source, id);
        assert_ne!(key("a", "bc", "d"), key("ab", "c", "d"));
        assert_ne!(key("a", "b", "cd"), key("a", "bc", "d"));
        assert_eq!(key("a", "b", "c"), key("a", "b", "c"));
    }

    #[test]
    fn a_printed_key_reads_back_and_other_text_does_not() {
        let key = EventKey::new(None, "stripe", "id:evt_1");
        assert_eq!(key.as_str().len(), 43);
        assert_eq!(EventKey::parse(key.as_str()), Some(key));
        assert_eq!(EventKey::parse("evt_1"), None);
        assert_eq!(EventKey::parse(""), None);
    }
}
