//! How one message's processing ended: one log line each, and whether the message comes again.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsMessage;
use hookgate_gateway::Message;
use hookgate_gateway::ports::{Held, PortError, chain};

use crate::handlers::{DEFAULT, HandlerError};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is acknowledged: a terminal state was seen or written.
    Finished,
    /// It stays in the queue.
    Again,
}

macro_rules! line {
    ($level:ident, $outcome:literal, $event:expr $(, $($fields:tt)*)?) => {
        tracing::$level!(
            outcome = $outcome,
            source = $event.source,
            event_type = $event.type_or_dash(),
            tenant = $event.tenant,
            event_id = $event.id,
            key = %$event.key,
            $($($fields)*,)?
            "event"
        )
    };
}

pub(crate) fn done(held: Held<'_>, handler: &str, now: SystemTime) -> Fate {
    let total_ms = now
        .duration_since(held.event.received)
        .unwrap_or_default()
        .as_millis();
    let total_ms = u64::try_from(total_ms).unwrap_or(u64::MAX);
    let attempt = held.grant.attempt;
    if handler == DEFAULT {
        line!(info, "unhandled", held.event, handler, attempt, total_ms);
    } else {
        line!(info, "done", held.event, handler, attempt, total_ms);
    }
    Fate::Finished
}

pub(crate) fn settled(message: &Message) -> Fate {
    line!(info, "settled", message.event);
    Fate::Finished
}

pub(crate) fn busy(message: &Message) -> Fate {
    line!(info, "busy", message.event);
    Fate::Again
}

pub(crate) fn not_started(message: &Message) -> Fate {
    line!(warn, "not-started", message.event);
    Fate::Again
}

pub(crate) fn unavailable(message: &Message, error: &PortError) -> Fate {
    line!(error, "not-claimed", message.event, error = chain(error));
    Fate::Again
}

pub(crate) fn retry(held: Held<'_>, handler: &str, error: &HandlerError, delay: Duration) -> Fate {
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    let attempt = held.grant.attempt;
    line!(
        warn,
        "retry",
        held.event,
        handler,
        attempt,
        delay_ms,
        error = error.message()
    );
    Fate::Again
}

pub(crate) fn dead(held: Held<'_>, handler: &str, error: &HandlerError) -> Fate {
    let attempt = held.grant.attempt;
    line!(
        error,
        "dead",
        held.event,
        handler,
        attempt,
        class = error.class(),
        error = error.message()
    );
    Fate::Finished
}

pub(crate) fn not_completed(held: Held<'_>, handler: &str, error: &PortError) -> Fate {
    line!(
        error,
        "not-completed",
        held.event,
        handler,
        error = chain(error)
    );
    Fate::Again
}

pub(crate) fn not_buried(held: Held<'_>, error: &PortError) -> Fate {
    line!(error, "not-buried", held.event, error = chain(error));
    Fate::Again
}

pub(crate) fn not_released(held: Held<'_>, error: &PortError) {
    line!(warn, "not-released", held.event, error = chain(error));
}

pub(crate) fn not_delayed(error: &PortError) {
    tracing::warn!(
        error = chain(error),
        "the message comes again at the queue's own time"
    );
}

pub(crate) fn unreadable(record: &SqsMessage, why: &str) -> Fate {
    tracing::error!(
        outcome = "unreadable",
        message_id = record.message_id,
        error = why,
        "event"
    );
    Fate::Finished
}

pub(crate) fn not_set_aside(record: &SqsMessage, error: &PortError) -> Fate {
    let error = chain(error);
    tracing::error!(
        outcome = "not-set-aside",
        message_id = record.message_id,
        error,
        "event"
    );
    Fate::Again
}
