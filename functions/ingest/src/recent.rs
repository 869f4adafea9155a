//! Events that this instance has just made durable, so that an immediate repeat is answered without another message.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hookgate::{Event, EventKey};

/// The number of events that are remembered.
const EVENTS: usize = 256;

/// An event's key, and the SHA-256 of its body: under one key, another body is another message.
type Seen = (EventKey, [u8; 32]);

/// The last events whose messages the queue, or the outbox, has accepted.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Seen>>);

impl Recent {
    /// True if this event, with this body, is durable.
    pub(crate) fn contains(&self, event: &Event) -> bool {
        self.seen().contains(&seen(event))
    }

    /// Remembers an event. Its message must be durable: a repeat is answered with a 2xx.
    pub(crate) fn add(&self, event: &Event) {
        let mut events = self.seen();
        if events.len() == EVENTS {
            events.pop_front();
        }
        events.push_back(seen(event));
    }

    fn seen(&self) -> MutexGuard<'_, VecDeque<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seen(event: &Event) -> Seen {
    (event.key.clone(), event.body.sha256())
}
