//! `Debug` of what holds a body or headers: the provider's and its customers' own, and not for a log.

use std::fmt::{Debug, Formatter, Result};

use crate::operators::{Letter, Payload};
use crate::ports::{DeadLetter, Write};
use crate::{Body, Event};

impl<B> Debug for Event<B> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
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

impl Debug for Body {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Body::Inline(body) => write!(f, "Inline({} bytes)", body.len()),
            Body::Kept(check) => f.debug_tuple("Kept").field(check).finish(),
        }
    }
}

impl Debug for Payload {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Payload").finish_non_exhaustive()
    }
}

impl Debug for Letter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Letter")
            .field("message_id", &self.message_id)
            .field("attributes", &self.attributes)
            .field("sent_ms", &self.sent_ms)
            .finish_non_exhaustive()
    }
}

impl Debug for DeadLetter<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("DeadLetter")
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

/// The values that are written come from a body.
impl Debug for Write {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (name, table) = match self {
            Write::Put { table, .. } => ("Put", table),
            Write::Add { table, .. } => ("Add", table),
        };
        f.debug_struct(name)
            .field("table", table)
            .finish_non_exhaustive()
    }
}
