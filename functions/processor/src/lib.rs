//! Consumes the queue: parses each message alone, claims its event, runs its handler, writes down how
//! that ended, and only then lets the message go.
//!
//! [`Processor::process`] is one message's way from top to bottom.

mod body;
pub mod handlers;
mod letter;
mod outcome;
mod tally;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use body::with_body;
use futures_util::FutureExt;
use futures_util::future::join_all;
use handlers::{DEFAULT, Effect, HandlerError, Registry};
use hookgate::config::ConfigError;
use hookgate::ports::{
    Archive, Bodies, ClaimRequest, Claimed, Claims, Clock, Held, Joined, JoinedCompletion,
    WorkQueue, chain,
};
use hookgate::{Message, Route, Target};
use hookgate_ledger::{Next, next_after_failure};
use letter::{Reason, dead_letter};
use outcome::Fate;
use tally::Tally;

/// A claim outlives the invocation by this, so that nobody else starts while a handler may still run.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// A record with less time left than this is not started.
const MIN_TIME_LEFT: Duration = Duration::from_secs(1);

/// What is kept of an invocation's time to write down how a handler ended.
const CLOSING_TIME: Duration = Duration::from_millis(500);

/// What the processor needs: a store of claims and payloads, the queues, the place of large bodies, the
/// time, the handlers and the routes to them.
#[derive(Debug)]
pub struct Processor<S, Q, B, C, H> {
    store: S,
    queue: Q,
    bodies: B,
    clock: C,
    handlers: H,
    routes: Vec<Route>,
}

/// One call of the function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The call's id.
    pub request_id: String,
    /// When it is ended from outside.
    pub deadline: SystemTime,
}

impl<S, Q, B, C, H> Processor<S, Q, B, C, H>
where
    S: Claims + JoinedCompletion + Archive,
    Q: WorkQueue,
    B: Bodies,
    C: Clock,
    H: Registry,
{
    /// A processor with these routes.
    ///
    /// # Errors
    /// Names the route whose handler does not exist.
    pub fn new(
        store: S,
        queue: Q,
        bodies: B,
        clock: C,
        handlers: H,
        routes: Vec<Route>,
    ) -> Result<Self, ConfigError> {
        for (index, route) in routes.iter().enumerate() {
            let Target::Handler(name) = &route.target;
            if !handlers.names().contains(&name.as_str()) {
                let known = handlers.names().join(", ");
                let problem = format!("there is no handler `{name}`; there are {known}");
                return Err(ConfigError::at(format!("routes[{index}].to"), problem));
            }
        }
        Ok(Processor {
            store,
            queue,
            bodies,
            clock,
            handlers,
            routes,
        })
    }

    /// Processes a batch, side by side, and names the messages that must come again.
    pub async fn handle(&self, batch: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let records = batch.records.iter().enumerate();
        let fates = join_all(records.map(|(index, record)| async move {
            let fate = self.process(record, index, invocation).await;
            (record, fate)
        }));
        let mut response = SqsBatchResponse::default();
        let mut tally = Tally::default();
        for (record, fate) in fates.await {
            tally.count(fate.source, fate.end);
            if fate.again {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = record.message_id.clone().unwrap_or_default();
                response.batch_item_failures.push(failure);
            }
        }
        tally.emit();
        response
    }

    async fn process(&self, record: &SqsMessage, index: usize, invocation: &Invocation) -> Fate {
        let text = record.body.as_deref().unwrap_or_default();
        let message = match Message::from_json(text) {
            Ok(message) => message,
            Err(error) => {
                return self
                    .set_aside(record, text, invocation, &error.to_string())
                    .await;
            }
        };
        let now = self.clock.now();
        if invocation.deadline < now + MIN_TIME_LEFT {
            return outcome::not_started(&message);
        }
        // Another owner for every receipt: a copy of the same message in one batch included.
        let message_id = record.message_id.as_deref().unwrap_or_default();
        let owner = format!("{}/{message_id}/{index}", invocation.request_id);
        let lease_until = invocation.deadline + LEASE_MARGIN;
        let request = ClaimRequest {
            message: &message,
            owner: &owner,
            lease_until,
            now,
        };
        let grant = match self.store.claim(request).await {
            Ok(Claimed::Granted(grant)) => grant,
            Ok(Claimed::Settled) => return outcome::settled(&message),
            Ok(Claimed::Busy(until)) => return self.wait_for(record, &message, until, now).await,
            Err(error) => return outcome::unavailable(&message, &error),
        };
        let held = Held {
            event: &message.event,
            epoch: message.epoch,
            owner: &owner,
            grant,
        };
        let route = self.route(&message);
        match self.run(held, route, invocation).await {
            Ok(effect) => self.complete(record, held, route, invocation, effect).await,
            Err(error) => self.fail(record, held, route, invocation, error).await,
        }
    }

    /// The handler of a message's event: that of the first route that matches, or the default one.
    fn route(&self, message: &Message) -> &str {
        let route = self
            .routes
            .iter()
            .find(|route| route.matches(&message.event));
        match route.map(|route| &route.target) {
            Some(Target::Handler(name)) => name,
            None => DEFAULT,
        }
    }

    /// Archives the payload, fetches its body where that is elsewhere, then runs the handler within the
    /// invocation's time. A panic is an error.
    ///
    /// In this order, so that an event whose body is gone is listed for operators.
    async fn run(
        &self,
        held: Held<'_>,
        handler: &str,
        invocation: &Invocation,
    ) -> Result<Effect, HandlerError> {
        self.store
            .archive(held.event)
            .await
            .map_err(|error| HandlerError::transient(chain(&error)))?;
        let event = with_body(held.event, &self.bodies).await?;
        let left = invocation
            .deadline
            .duration_since(self.clock.now() + CLOSING_TIME)
            .unwrap_or(Duration::ZERO);
        let run = AssertUnwindSafe(self.handlers.run(handler, &event)).catch_unwind();
        match tokio::time::timeout(left, run).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(HandlerError::panicked()),
            Err(_) => Err(HandlerError::transient(
                "the handler did not finish in time",
            )),
        }
    }

    async fn complete(
        &self,
        record: &SqsMessage,
        held: Held<'_>,
        handler: &str,
        invocation: &Invocation,
        effect: Effect,
    ) -> Fate {
        let now = self.clock.now();
        let completed = match effect {
            Effect::Happened => self.store.complete(held, now).await.map(|()| Joined::Done),
            Effect::Writes(writes) => self.store.complete_with(held, &writes, now).await,
        };
        let error = match completed {
            Ok(Joined::Done) => return outcome::done(held, handler, self.clock.now()),
            Ok(Joined::Conflict) => HandlerError::transient("another writer was faster"),
            Ok(Joined::Refused(why)) => HandlerError::permanent(why),
            Err(error) => return outcome::not_completed(held, handler, &error),
        };
        self.fail(record, held, handler, invocation, error).await
    }

    async fn fail(
        &self,
        record: &SqsMessage,
        held: Held<'_>,
        handler: &str,
        invocation: &Invocation,
        error: HandlerError,
    ) -> Fate {
        let delay = match (&error, next_after_failure(held.grant.attempt)) {
            (HandlerError::Permanent(_), _) => None,
            (_, Next::GiveUp) => None,
            (HandlerError::Throttled(_, after), _) => Some(*after),
            (HandlerError::Transient(_), Next::RetryWithin(ceiling)) => Some(full_jitter(ceiling)),
        };
        let Some(delay) = delay else {
            return self.bury(record, held, handler, invocation, &error).await;
        };
        if let Err(error) = self.store.release(held, error.message()).await {
            outcome::not_released(held, &error);
        }
        self.delay(record, delay).await;
        outcome::retry(held, handler, &error, delay)
    }

    /// Dead-letters the message, then marks the event, then lets the message go: in this order no
    /// crash leaves an event marked dead whose message is nowhere.
    async fn bury(
        &self,
        record: &SqsMessage,
        held: Held<'_>,
        handler: &str,
        invocation: &Invocation,
        error: &HandlerError,
    ) -> Fate {
        let reason = Reason {
            class: error.class(),
            text: error.message(),
            handler,
            attempt: held.grant.attempt,
            request_id: &invocation.request_id,
        };
        if let Err(error) = self.queue.dead_letter(dead_letter(record, &reason)).await {
            self.delay(
                record,
                full_jitter(hookgate_ledger::backoff_ceiling(held.grant.attempt)),
            )
            .await;
            return outcome::not_buried(held, &error);
        }
        match self
            .store
            .bury(held, error.message(), self.clock.now())
            .await
        {
            Ok(()) => outcome::dead(held, handler, error),
            Err(error) => outcome::not_buried(held, &error),
        }
    }

    /// A message that nobody can read: to the dead-letter queue as it is.
    async fn set_aside(
        &self,
        record: &SqsMessage,
        text: &str,
        invocation: &Invocation,
        why: &str,
    ) -> Fate {
        if text.is_empty() {
            // A queue takes no empty message, so none came from one: nothing to keep.
            return outcome::unreadable(record, why);
        }
        let reason = Reason {
            class: "unreadable",
            text: why,
            handler: "-",
            attempt: 1,
            request_id: &invocation.request_id,
        };
        match self.queue.dead_letter(dead_letter(record, &reason)).await {
            Ok(()) => outcome::unreadable(record, why),
            Err(error) => outcome::not_set_aside(record, &error),
        }
    }

    /// Somebody else holds the event: look again when their lease is over.
    async fn wait_for(
        &self,
        record: &SqsMessage,
        message: &Message,
        until: SystemTime,
        now: SystemTime,
    ) -> Fate {
        let rest = until.duration_since(now).unwrap_or(Duration::ZERO);
        self.delay(
            record,
            rest + Duration::from_secs(1) + full_jitter(Duration::from_secs(2)),
        )
        .await;
        outcome::busy(message)
    }

    /// Sets when a message comes again. Where that fails, the queue's own visibility timeout counts.
    async fn delay(&self, record: &SqsMessage, delay: Duration) {
        let handle = record.receipt_handle.as_deref().unwrap_or_default();
        if let Err(error) = self.queue.delay(handle, delay).await {
            outcome::not_delayed(&error);
        }
    }
}

/// A wait drawn evenly between nothing and `ceiling`.
fn full_jitter(ceiling: Duration) -> Duration {
    ceiling.mul_f64(fastrand::f64())
}
