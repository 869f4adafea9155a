//! How one message's processing ended: one log line each, what is counted, and whether the message
//! comes again.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsMessage;
use hookgate::ports::{Held, PortError, chain};
use hookgate::{Event, Message, shown};

use crate::handlers::{DEFAULT, HandlerError};
use crate::tally::End;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// It stays in the queue; otherwise a terminal state was seen or written.
    pub(crate) again: bool,
    /// What metrics count.
    pub(crate) end: End,
    /// Its source, where it could be read.
    pub(crate) source: Option<String>,
}

impl Fate {
    fn finished<B>(event: &Event<B>, end: End) -> Fate {
        Fate {
            again: false,
            end,
            source: Some(event.source.clone()),
        }
    }

    fn again<B>(event: &Event<B>, end: End) -> Fate {
        Fate {
            again: true,
            ..Fate::finished(event, end)
        }
    }

    fn of_unreadable(again: bool, end: End) -> Fate {
        Fate {
            again,
            end,
            source: None,
        }
    }
}

macro_rules! line {
    ($level:ident, $outcome:literal, $event:expr $(, $($fields:tt)*)?) => {
        tracing::$level!(
            outcome = $outcome,
            source = shown(&$event.source).as_ref(),
            event_type = shown($event.type_or_dash()).as_ref(),
            tenant = $event.tenant.as_deref().map(shown).as_deref(),
            event_id = $event.id.as_deref().map(shown).as_deref(),
            key = %$event.key,
            trace_id = $event.trace_id(),
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
    let routed = handler != DEFAULT;
    if !routed {
        line!(info, "unhandled", held.event, handler, attempt, total_ms);
    } else {
        line!(info, "done", held.event, handler, attempt, total_ms);
    }
    let end = End::Processed {
        routed,
        latency_ms: (held.epoch == 0).then_some(total_ms),
    };
    Fate::finished(held.event, end)
}

pub(crate) fn settled(message: &Message) -> Fate {
    line!(info, "settled", message.event);
    Fate::finished(&message.event, End::Uncounted)
}

pub(crate) fn busy(message: &Message) -> Fate {
    line!(info, "busy", message.event);
    Fate::again(&message.event, End::Uncounted)
}

pub(crate) fn not_started(message: &Message) -> Fate {
    line!(warn, "not-started", message.event);
    Fate::again(&message.event, End::Uncounted)
}

pub(crate) fn unavailable(message: &Message, error: &PortError) -> Fate {
    line!(error, "not-claimed", message.event, error = chain(error));
    Fate::again(&message.event, End::Failed)
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
    Fate::again(held.event, End::Failed)
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
    Fate::finished(held.event, End::DeadLettered)
}

pub(crate) fn not_completed(held: Held<'_>, handler: &str, error: &PortError) -> Fate {
    line!(
        error,
        "not-completed",
        held.event,
        handler,
        error = chain(error)
    );
    Fate::again(held.event, End::Failed)
}

pub(crate) fn not_buried(held: Held<'_>, error: &PortError) -> Fate {
    line!(error, "not-buried", held.event, error = chain(error));
    Fate::again(held.event, End::Failed)
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
    Fate::of_unreadable(false, End::DeadLettered)
}

pub(crate) fn not_set_aside(record: &SqsMessage, error: &PortError) -> Fate {
    let error = chain(error);
    tracing::error!(
        outcome = "not-set-aside",
        message_id = record.message_id,
        error,
        "event"
    );
    Fate::of_unreadable(true, End::Failed)
}
