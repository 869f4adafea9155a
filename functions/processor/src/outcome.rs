//! The outcome of processing one message: its log line, its metrics, and whether SQS redelivers it. An event that was
//! handled is logged with its batch.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsMessage;
use hookgate::event::Claim;
use hookgate::{AwsError, Event, Message, chain, one_line};

use crate::handled::Handled;
use crate::handlers::HandlerError;

/// The outcome of processing one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// True if the message stays in the queue; otherwise its event is finished.
    pub(crate) comes_again: bool,
    pub(crate) count: Count,
    /// Its source, where it could be read.
    pub(crate) source: Option<String>,
}

/// The way in which a message comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The queue hands it out again.
    ByItself,
    /// Another message of the same number was sent: this one is not needed.
    SentAnew,
}

/// The metrics that count an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// Its event was handled, or no route matched it.
    Processed {
        /// The end of its handling; `None` if no route matched it.
        handled: Option<Handled>,
        /// Time since its request arrived; `None` for a replay, which has no meaningful latency.
        latency_ms: Option<u64>,
    },
    /// The attempt failed and will be retried.
    Failed,
    /// The message is in the dead-letter queue.
    DeadLettered,
    /// Its route takes no events now.
    Held,
    /// The event is known with another body, which counts.
    OtherBody,
    /// No metric.
    Nothing,
}

impl Outcome {
    fn finished(event: &Event, count: Count) -> Outcome {
        Outcome {
            comes_again: false,
            count,
            source: Some(event.source.clone()),
        }
    }

    /// A message that waits for AWS to answer again.
    fn waiting(event: &Event, again: Again) -> Outcome {
        Outcome {
            comes_again: again == Again::ByItself,
            ..Outcome::finished(event, Count::Failed)
        }
    }

    fn again(event: &Event, count: Count) -> Outcome {
        Outcome {
            comes_again: true,
            ..Outcome::finished(event, count)
        }
    }
}

/// Logs an event's outcome with what tells it apart.
macro_rules! line {
    ($level:ident, $outcome:literal, $event:expr, $($fields:tt)*) => {
        tracing::$level!(
            outcome = $outcome,
            source = one_line(&$event.source).as_ref(),
            event_type = one_line($event.type_or_dash()).as_ref(),
            tenant = $event.tenant.as_deref().map(one_line).as_deref(),
            event_id = $event.id.as_deref().map(one_line).as_deref(),
            key = %$event.key,
            trace_id = $event.trace_id(),
            $($fields)*
        )
    };
}

pub(crate) fn done(claim: Claim<'_>, now: SystemTime) -> Outcome {
    let event = claim.event;
    let total = now.duration_since(event.received).unwrap_or_default();
    let total_ms = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
    let attempt = claim.grant.attempt;
    if claim.target.is_none() {
        line!(
            info,
            "unhandled",
            event,
            attempt,
            total_ms,
            "no route matches this event"
        );
    }
    let count = Count::Processed {
        handled: claim
            .target
            .map(|to| Handled::new(event, to, attempt, total_ms)),
        latency_ms: (claim.number.epoch == 0).then_some(total_ms),
    };
    Outcome::finished(event, count)
}

pub(crate) fn settled(message: &Message) -> Outcome {
    line!(info, "settled", message.event, "event already finished");
    Outcome::finished(&message.event, Count::Nothing)
}

pub(crate) fn other_body(message: &Message) -> Outcome {
    line!(
        warn,
        "payload_mismatch",
        message.event,
        "event id already known with another body; message dropped"
    );
    Outcome::finished(&message.event, Count::OtherBody)
}

pub(crate) fn busy(message: &Message) -> Outcome {
    line!(
        info,
        "busy",
        message.event,
        "another invocation holds the event"
    );
    Outcome::again(&message.event, Count::Nothing)
}

pub(crate) fn not_started(message: &Message) -> Outcome {
    line!(warn, "not_started", message.event, "too little time left");
    Outcome::again(&message.event, Count::Nothing)
}

pub(crate) fn held(message: &Message, route: &str) -> Outcome {
    line!(
        info,
        "held",
        message.event,
        route,
        "event held until its route takes events again"
    );
    Outcome::finished(&message.event, Count::Held)
}

pub(crate) fn not_held(message: &Message, error: &AwsError, again: Again) -> Outcome {
    line!(
        error,
        "not_held",
        message.event,
        error = chain(error),
        "event not held; its message comes again"
    );
    Outcome::waiting(&message.event, again)
}

pub(crate) fn breaker_opened(route: &str) {
    tracing::error!(
        outcome = "breaker_opened",
        route,
        "route fails; its events are held until a probe succeeds"
    );
}

pub(crate) fn route_not_saved(route: &str, error: &AwsError) {
    tracing::warn!(route, error = chain(error), "state of the route not saved");
}

pub(crate) fn not_sent_next(claim: Claim<'_>, error: &AwsError) {
    let event = claim.event;
    line!(
        warn,
        "not_sent_next",
        event,
        error = chain(error),
        "message of the next attempt not accepted"
    );
}

pub(crate) fn not_sent_anew(error: &AwsError) {
    tracing::warn!(error = chain(error), "message not sent anew");
}

pub(crate) fn not_claimed(message: &Message, error: &AwsError, again: Again) -> Outcome {
    line!(
        error,
        "not_claimed",
        message.event,
        error = chain(error),
        "claim failed"
    );
    Outcome::waiting(&message.event, again)
}

pub(crate) fn not_begun(claim: Claim<'_>, error: &AwsError, again: Again) -> Outcome {
    line!(
        error,
        "not_begun",
        claim.event,
        error = chain(error),
        "target not run; the event waits"
    );
    Outcome::waiting(claim.event, again)
}

/// `is_noted`: the next message is durable, and the item says so.
pub(crate) fn retry(
    claim: Claim<'_>,
    to: &str,
    error: &HandlerError,
    delay: Duration,
    is_noted: bool,
) -> Outcome {
    let event = claim.event;
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    let (number, error) = (claim.grant.attempt, error.message());
    line!(
        warn,
        "retry",
        event,
        to,
        attempt = number,
        delay_ms,
        error,
        "attempt failed"
    );
    Outcome {
        comes_again: !is_noted,
        ..Outcome::finished(event, Count::Failed)
    }
}

pub(crate) fn dead(claim: Claim<'_>, to: &str, error: &HandlerError) -> Outcome {
    let event = claim.event;
    let (number, class) = (claim.grant.attempt, error.class());
    let error = error.message();
    line!(
        error,
        "dead",
        event,
        to,
        attempt = number,
        class,
        error,
        "event dead-lettered"
    );
    Outcome::finished(event, Count::DeadLettered)
}

pub(crate) fn not_completed(claim: Claim<'_>, to: &str, error: &AwsError, again: Again) -> Outcome {
    let event = claim.event;
    line!(
        error,
        "not_completed",
        event,
        to,
        error = chain(error),
        "completion failed"
    );
    Outcome::waiting(event, again)
}

pub(crate) fn not_dead_lettered(claim: Claim<'_>, error: &AwsError) -> Outcome {
    let event = claim.event;
    line!(
        error,
        "not_dead_lettered",
        event,
        error = chain(error),
        "dead-lettering failed"
    );
    Outcome::again(event, Count::Failed)
}

pub(crate) fn not_released(claim: Claim<'_>, error: &AwsError) {
    let event = claim.event;
    line!(
        warn,
        "not_released",
        event,
        error = chain(error),
        "claim not released; the event waits until its lease expires"
    );
}

pub(crate) fn not_delayed(error: &AwsError) {
    let error = chain(error);
    tracing::warn!(
        error,
        "message not delayed; it returns after the queue's visibility timeout"
    );
}

pub(crate) fn of_another_version(record: &SqsMessage, error: &str) -> Outcome {
    tracing::error!(
        outcome = "other_version",
        message_id = record.message_id.as_deref(),
        error,
        "message left for another version of the processor"
    );
    Outcome {
        comes_again: true,
        count: Count::Failed,
        source: None,
    }
}

pub(crate) fn unreadable(record: &SqsMessage, error: &str) -> Outcome {
    let message_id = record.message_id.as_deref();
    tracing::error!(
        outcome = "unreadable",
        message_id,
        error,
        "message dead-lettered"
    );
    Outcome {
        comes_again: false,
        count: Count::DeadLettered,
        source: None,
    }
}

pub(crate) fn unreadable_not_dead_lettered(record: &SqsMessage, error: &AwsError) -> Outcome {
    let (message_id, error) = (record.message_id.as_deref(), chain(error));
    tracing::error!(
        outcome = "unreadable_not_dead_lettered",
        message_id,
        error,
        "dead-lettering failed"
    );
    Outcome {
        comes_again: true,
        count: Count::Failed,
        source: None,
    }
}
