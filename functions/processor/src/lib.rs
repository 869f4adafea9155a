//! Consumes the queue, claims each event and routes it to its handler.
