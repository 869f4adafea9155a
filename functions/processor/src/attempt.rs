//! One attempt at an event whose claim was granted: run its target, then write down how that ended.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsMessage;
use futures_util::FutureExt;
use hookgate::dead_letter::NewDeadLetter;
use hookgate::event::{Claim, Retry, TransactOutcome, Until};
use hookgate::{
    AwsError, BodyError, Clock, DynamoTable, MAX_SEND_DELAY, Message, Number, RetryPolicy,
    S3Bodies, SqsQueue, chain, unix_ms,
};
use hookgate_ledger::{Next, Wait};
use tokio::time::Instant;

use crate::gate::{Answer, Gate};
use crate::handlers::{Effect, HandlerError};
use crate::outcome::{self, Again, Outcome};
use crate::targets::Routed;

/// The part of an invocation's time that is left for writing down how a handler ended: two calls with their retries,
/// 1.5 s each. An invocation that is cut off repeats its whole batch.
const CLOSING_TIME: Duration = Duration::from_millis(3500);

/// The time that the gate may take: two calls with their retries.
const GATE_TIME: Duration = Duration::from_millis(3500);

/// The longest wait between two tries of a completion.
const COMPLETION_WAIT: Duration = Duration::from_secs(2);

/// The number of receives after which a message that waits for AWS is sent anew.
pub const MAX_RECEIVES: u32 = 20;

/// The longest wait that a handler can ask for where the route has no limit of time.
const MAX_THROTTLED: Duration = Duration::from_secs(24 * 3600);

/// The wait before a dead letter that could not be sent is tried again.
const DEAD_LETTER_WAIT: Duration = Duration::from_secs(30);

/// The longest reason that travels with a dead letter, in characters.
const MAX_REASON: usize = 300;

/// One call of the function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The call's id.
    pub request_id: String,
    /// The time at which Lambda stops it.
    pub deadline: SystemTime,
}

/// The table, the queues, the bucket of large bodies and the time.
#[derive(Debug)]
pub(crate) struct Aws {
    pub(crate) table: DynamoTable,
    pub(crate) queue: SqsQueue,
    pub(crate) bodies: Option<S3Bodies>,
    pub(crate) clock: Clock,
}

impl Aws {
    /// Sets the delay until a message is redelivered. If that fails, the queue's own visibility timeout applies.
    pub(crate) async fn delay(&self, record: &SqsMessage, delay: Duration) {
        let handle = record.receipt_handle.as_deref().unwrap_or_default();
        let queue = record.event_source_arn.as_deref();
        if let Err(error) = self.queue.delay(queue, handle, delay).await {
            outcome::not_delayed(&error);
        }
    }

    /// Has a message wait for AWS to answer again: 1 to 30 s, and up to a quarter of an hour after ten receives. Then
    /// it is sent anew, because the queue moves a message that was received too often to the dead-letter queue.
    pub(crate) async fn wait_for_aws(&self, record: &SqsMessage, message: &Message) -> Again {
        self.come_again(record, message, aws_wait(record)).await
    }

    /// Has a message come again after a delay, by itself or sent anew.
    async fn come_again(&self, record: &SqsMessage, message: &Message, delay: Duration) -> Again {
        if receives(record) >= MAX_RECEIVES {
            match self.queue.send_after(message, delay).await {
                Ok(()) => return Again::SentAnew,
                Err(error) => outcome::not_sent_anew(&error),
            }
        }
        self.delay(record, delay).await;
        Again::ByItself
    }
}

/// An event that this invocation holds.
pub(crate) struct Attempt<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) gate: &'a Gate,
    pub(crate) record: &'a SqsMessage,
    pub(crate) message: &'a Message,
    pub(crate) invocation: &'a Invocation,
    /// `None` if no route takes the event.
    pub(crate) route: Option<&'a Routed>,
    /// The reason why the event is not archived; `None` if it is, or nothing is.
    pub(crate) not_archived: Option<&'a Arc<AwsError>>,
    pub(crate) claim: Claim<'a>,
}

/// A reason why a target's work was not done.
enum NotDone {
    /// The target failed, or would.
    Failed(HandlerError),
    /// The target was not run, because AWS did not answer.
    NotBegun(Arc<AwsError>),
}

impl Attempt<'_> {
    /// Runs the target, and writes down how that ended.
    pub(crate) async fn finish(&self) -> Outcome {
        let (outcome, answer) = match self.run().await {
            Ok(effect) => (self.complete(effect).await, Some(Answer::Works)),
            Err(NotDone::Failed(error)) => (self.fail(&error).await, Some(answer_of(&error))),
            Err(NotDone::NotBegun(error)) => (self.give_back(&error).await, None),
        };
        if let Some(answer) = answer {
            self.tell_gate(answer).await;
        }
        outcome
    }

    /// Tells the gate how the target answered, if there is time: that is not worth repeating a batch.
    async fn tell_gate(&self, answer: Answer) {
        let Aws { table, clock, .. } = self.aws;
        let now = clock.now();
        let Some(Routed { route, .. }) = self.route else {
            return;
        };
        if now + GATE_TIME < self.invocation.deadline {
            let answered = self.gate.answered(table, route, self.message, answer, now);
            answered.await;
        }
    }

    /// The target's name, or `-`.
    fn target_name(&self) -> &str {
        self.claim.target.unwrap_or("-")
    }

    /// Fetches the body of an event that is archived where that is in S3, then runs the target within the
    /// invocation's time. A panic is an error.
    ///
    /// In this order, so that an event whose body is gone is listed for operators.
    async fn run(&self) -> Result<Effect, NotDone> {
        let Aws { bodies, clock, .. } = self.aws;
        let event = self.claim.event;
        if let Some(error) = self.not_archived {
            return Err(NotDone::NotBegun(error.clone()));
        }
        let body = event
            .body
            .fetch(bodies.as_ref())
            .await
            .map_err(not_fetched)?;
        let Some(Routed { target, .. }) = self.route else {
            return Ok(Effect::Happened);
        };
        let closing = clock.now() + CLOSING_TIME;
        let left = self.invocation.deadline.duration_since(closing);
        let run = AssertUnwindSafe(target.run(event, &body)).catch_unwind();
        let result = match tokio::time::timeout(left.unwrap_or_default(), run).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(HandlerError::panicked()),
            Err(_) => Err(HandlerError::transient(
                "the handler did not finish in time",
            )),
        };
        result.map_err(NotDone::Failed)
    }

    /// Ends a claim whose target was not run: that is no attempt.
    async fn give_back(&self, error: &AwsError) -> Outcome {
        let Aws { table, clock, .. } = self.aws;
        let reason = chain(error);
        let delay = aws_wait(self.record);
        let retry = Retry {
            error: &reason,
            next: clock.now() + delay,
            number: self.claim.number,
        };
        if let Err(error) = table.give_back(self.claim, retry).await {
            outcome::not_released(self.claim, &error);
        }
        let again = self.aws.come_again(self.record, self.message, delay);
        outcome::not_begun(self.claim, error, again.await)
    }

    async fn complete(&self, effect: Effect) -> Outcome {
        let error = match self.completed(&effect).await {
            Ok(TransactOutcome::Done) => {
                return outcome::done(self.claim, self.aws.clock.now());
            }
            Ok(TransactOutcome::Conflict) => HandlerError::transient("another writer was faster"),
            Ok(TransactOutcome::Refused(why)) => HandlerError::permanent(why),
            Err(error) => {
                let again = self.aws.wait_for_aws(self.record, self.message).await;
                return outcome::not_completed(self.claim, self.target_name(), &error, again);
            }
        };
        self.fail(&error).await
    }

    /// Completes the event. The effect is a fact, so this is tried for as long as the invocation has time: what is not
    /// written down is done again.
    async fn completed(&self, effect: &Effect) -> Result<TransactOutcome, AwsError> {
        let last = self.aws.clock.now() + CLOSING_TIME;
        let left = self.invocation.deadline.duration_since(last);
        let end = Instant::now() + left.unwrap_or_default();
        let mut wait = Duration::from_millis(100);
        loop {
            let tried = self.try_to_complete(effect).await;
            let pause = full_jitter(wait);
            if tried.is_ok() || Instant::now() + pause >= end {
                return tried;
            }
            tokio::time::sleep(pause).await;
            wait = (wait * 2).min(COMPLETION_WAIT);
        }
    }

    async fn try_to_complete(&self, effect: &Effect) -> Result<TransactOutcome, AwsError> {
        let table = &self.aws.table;
        let now = self.aws.clock.now();
        match effect {
            Effect::Happened => {
                let completed = table.complete(self.claim, now).await;
                completed.map(|()| TransactOutcome::Done)
            }
            Effect::Writes(writes) => table.complete_with_writes(self.claim, writes, now).await,
        }
    }

    async fn fail(&self, error: &HandlerError) -> Outcome {
        let now = self.aws.clock.now();
        let Some(delay) = self.delay_after(error, now) else {
            return self.give_up(error).await;
        };
        let number = self.send_next(delay, now).await;
        let retry = Retry {
            error: error.message(),
            next: now + delay,
            number: number.unwrap_or(self.claim.number),
        };
        let released = self.aws.table.release(self.claim, retry, now).await;
        if let Err(error) = &released {
            outcome::not_released(self.claim, error);
        }
        if number.is_none() {
            self.aws.delay(self.record, delay.min(MAX_SEND_DELAY)).await;
        }
        let is_noted = number.is_some() && released.is_ok();
        outcome::retry(self.claim, self.target_name(), error, delay, is_noted)
    }

    /// The wait before the next attempt; `None` if there is none.
    fn delay_after(&self, error: &HandlerError, now: SystemTime) -> Option<Duration> {
        let default = RetryPolicy::default();
        let policy = self.route.map_or(&default, |routed| &routed.route.retry);
        let first = self.claim.grant.failed_first;
        let elapsed = first.and_then(|first| now.duration_since(first).ok());
        let held = Duration::from_millis(self.message.held_ms);
        match (
            error,
            policy.next(
                self.claim.grant.attempt,
                elapsed.unwrap_or_default().saturating_sub(held),
            ),
        ) {
            (HandlerError::Permanent(_), _) | (_, Next::GiveUp) => None,
            (HandlerError::Throttled(_, after), Next::Retry(_)) => {
                Some((*after).min(policy.max_elapsed.unwrap_or(MAX_THROTTLED)))
            }
            (HandlerError::Transient(_), Next::Retry(wait)) => Some(drawn(wait)),
        }
    }

    /// Makes the message of the next attempt durable: in the queue, or in the outbox if the queue does not accept it or
    /// the wait is too long for it. Only then may the failure be noted: a crash in between repeats the attempt.
    async fn send_next(&self, delay: Duration, now: SystemTime) -> Option<Number> {
        let Aws { table, queue, .. } = self.aws;
        let number = self.claim.number.next();
        let next = Message {
            number,
            probe: false,
            ..self.message.clone()
        };
        if delay <= MAX_SEND_DELAY {
            match queue.send_after(&next, delay).await {
                Ok(()) => return Some(number),
                Err(error) => outcome::not_sent_next(self.claim, &error),
            }
        }
        match table.add_to_outbox(&next, Until::Due(now + delay)).await {
            Ok(()) => Some(number),
            Err(error) => {
                outcome::not_sent_next(self.claim, &error);
                None
            }
        }
    }

    /// Dead-letters the message, then marks the event, then acknowledges the message: in this order no
    /// crash leaves an event marked dead whose message is nowhere.
    async fn give_up(&self, error: &HandlerError) -> Outcome {
        let Aws {
            table,
            queue,
            clock,
            ..
        } = self.aws;
        let reason = Reason {
            class: error.class(),
            text: error.message(),
            target: self.target_name(),
            attempt: self.claim.grant.attempt,
            request_id: &self.invocation.request_id,
            // Its own messages are younger: each attempt has another.
            received_ms: Some(unix_ms(self.claim.event.received)),
        };
        if let Err(error) = queue.dead_letter(dead_letter(self.record, &reason)).await {
            let delay = full_jitter(DEAD_LETTER_WAIT);
            self.aws.delay(self.record, delay).await;
            return outcome::not_dead_lettered(self.claim, &error);
        }
        match table
            .mark_dead(self.claim, error.message(), clock.now())
            .await
        {
            Ok(()) => outcome::dead(self.claim, self.target_name(), error),
            Err(error) => outcome::not_dead_lettered(self.claim, &error),
        }
    }
}

/// The answer of a target that failed. One that says that trying again cannot help works.
fn answer_of(error: &HandlerError) -> Answer {
    match error {
        HandlerError::Permanent(_) => Answer::Works,
        HandlerError::Transient(_) | HandlerError::Throttled(..) => Answer::Fails,
    }
}

/// A body that is gone will not come back; one that cannot be read now may be read later.
fn not_fetched(error: BodyError) -> NotDone {
    match error {
        BodyError::Unavailable(error) => NotDone::NotBegun(Arc::new(error)),
        BodyError::Gone | BodyError::Altered => {
            NotDone::Failed(HandlerError::permanent(error.to_string()))
        }
    }
}

/// The reason that an operator reads with a dead letter.
pub(crate) struct Reason<'a> {
    pub(crate) class: &'a str,
    pub(crate) text: &'a str,
    pub(crate) target: &'a str,
    pub(crate) attempt: u32,
    pub(crate) request_id: &'a str,
    /// The time of the event's receipt; `None` if the message cannot be read.
    pub(crate) received_ms: Option<u64>,
}

/// The record's text, untouched, with the reason as attributes.
pub(crate) fn dead_letter<'a>(record: &'a SqsMessage, reason: &Reason<'_>) -> NewDeadLetter<'a> {
    let sent = record.attributes.get("SentTimestamp");
    let first_seen = reason.received_ms.map(|ms| ms.to_string());
    let first_seen = first_seen.or_else(|| sent.cloned());
    let attributes = [
        ("Reason", attribute_text(reason.text)),
        ("Class", reason.class.to_owned()),
        ("Attempt", reason.attempt.to_string()),
        ("FirstSeen", first_seen.unwrap_or_else(|| "-".to_owned())),
        ("Target", reason.target.to_owned()),
        ("RequestId", attribute_text(reason.request_id)),
    ];
    NewDeadLetter {
        body: record.body.as_deref().unwrap_or_default(),
        attributes: attributes.into(),
    }
}

/// Text that a message attribute can hold: no control characters, not empty, not long.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn attribute_text(text: &str) -> String {
    // SQS accepts only the characters of XML, and these two are not among them.
    let refused = |c: &char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let printable = text.chars().filter(|c| !refused(c));
    let text: String = printable.take(MAX_REASON).collect();
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

/// A wait drawn evenly between nothing and `ceiling`.
pub(crate) fn full_jitter(ceiling: Duration) -> Duration {
    ceiling.mul_f64(fastrand::f64())
}

/// A wait drawn evenly between two limits.
fn drawn(wait: Wait) -> Duration {
    wait.least + full_jitter(wait.most.saturating_sub(wait.least))
}

/// A wait for AWS to answer again: 1 to 30 s, and up to a quarter of an hour after ten receives.
fn aws_wait(record: &SqsMessage) -> Duration {
    let most = match receives(record) {
        0..=10 => 29,
        _ => 900,
    };
    Duration::from_secs(1) + full_jitter(Duration::from_secs(most))
}

/// The number of times that a message was received.
pub(crate) fn receives(record: &SqsMessage) -> u32 {
    let count = record.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_travels_without_control_characters_and_not_too_long() {
        assert_eq!(
            attribute_text("no\u{0}\u{1b}[31m such\r\n order\u{fffe}\u{ffff}"),
            "no[31m such order"
        );
        assert_eq!(attribute_text("\u{7}"), "-");
        assert_eq!(
            attribute_text(&"é".repeat(1000)).chars().count(),
            MAX_REASON
        );
    }

    #[test]
    fn a_wait_is_drawn_from_all_that_is_allowed() {
        let ceiling = Duration::from_secs(8);
        let waits: Vec<Duration> = (0..1000).map(|_| full_jitter(ceiling)).collect();
        assert!(waits.iter().all(|wait| *wait <= ceiling));
        assert!(waits.iter().any(|wait| *wait < ceiling / 4));
        assert!(waits.iter().any(|wait| *wait > ceiling / 4 * 3));
    }
}
