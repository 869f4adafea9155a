//! Consumes the queue: parses each message alone, claims its event, runs its target, writes down how
//! that ended, and only then lets the message go.
//!
//! [`Processor::process`] is one message's way from top to bottom; what follows a granted claim is an
//! [`Attempt`](attempt::Attempt).

mod attempt;
mod gate;
mod handled;
pub mod handlers;
mod outcome;
mod summary;
mod targets;

use std::time::{Duration, SystemTime};

use attempt::{Attempt, Aws, Reason, dead_letter, full_jitter, receives};
pub use attempt::{Invocation, MAX_RECEIVES};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;
use gate::Gate;
use handlers::Handlers;
use hookgate::config::ConfigError;
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, Until};
use hookgate::route::Flow;
use hookgate::{
    AwsError, Clock, DynamoTable, Event, Message, MessageError, Route, S3Bodies, SqsQueue,
};
use outcome::Outcome;
use summary::Counts;
use targets::{Routed, Target};

/// The time by which a lease outlasts the invocation, so that no one else starts while a handler may still run.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// A record with less time left than this is not started: a call with its retries, and what a handler's end needs.
const MIN_TIME_LEFT: Duration = Duration::from_secs(5);

/// The longest that a message of another version waits.
const MAX_VERSION_WAIT: Duration = Duration::from_secs(3600);

/// The function: the table, the queues, the bucket of large bodies, the time, and the routes to its targets.
#[derive(Debug)]
pub struct Processor {
    aws: Aws,
    routes: Vec<Routed>,
    gate: Gate,
}

impl Processor {
    /// A processor with these routes.
    ///
    /// # Errors
    /// Names the route whose target does not exist.
    pub fn new(
        table: DynamoTable,
        queue: SqsQueue,
        bodies: Option<S3Bodies>,
        clock: Clock,
        handlers: &Handlers,
        routes: Vec<Route>,
    ) -> Result<Self, ConfigError> {
        Ok(Processor {
            aws: Aws {
                table,
                queue,
                bodies,
                clock,
            },
            routes: with_targets(routes, handlers)?,
            gate: Gate::default(),
        })
    }

    /// Checks that the target of each route exists.
    ///
    /// # Errors
    /// Names the route whose target does not exist.
    pub fn check_routes(routes: Vec<Route>, handlers: &Handlers) -> Result<(), ConfigError> {
        with_targets(routes, handlers).map(drop)
    }

    /// Processes the messages of a batch concurrently, and returns those that SQS must redeliver.
    pub async fn handle(&self, batch: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let records = batch.records.iter().enumerate();
        let outcomes = join_all(records.map(|(index, record)| async move {
            let outcome = self.process(record, index, invocation).await;
            (record, outcome)
        }));
        let mut response = SqsBatchResponse::default();
        let mut counts = Counts::default();
        for (record, outcome) in outcomes.await {
            if outcome.comes_again {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = record.message_id.clone().unwrap_or_default();
                response.batch_item_failures.push(failure);
            }
            counts.add(outcome);
        }
        counts.emit();
        response
    }

    async fn process(&self, record: &SqsMessage, index: usize, invocation: &Invocation) -> Outcome {
        let text = record.body.as_deref().unwrap_or_default();
        let message = match Message::from_json(text) {
            Ok(message) => message,
            Err(MessageError::Version(version)) => return self.leave(record, version).await,
            Err(error) => {
                return self
                    .dead_letter_unread(record, invocation, &error.to_string())
                    .await;
            }
        };
        let now = self.aws.clock.now();
        if invocation.deadline < now + MIN_TIME_LEFT {
            return outcome::not_started(&message);
        }
        let route = self.route(&message.event);
        if let Some(Routed { route, .. }) = route {
            match self.gate.flow(&self.aws.table, route, &message, now).await {
                Ok(Flow::Open) => {}
                Ok(Flow::Paused | Flow::Broken) => return self.hold(record, message, route).await,
                Err(error) => return self.not_claimed(record, &message, &error).await,
            }
        }
        // Another owner for every receipt: a copy of the same message in one batch included.
        let message_id = record.message_id.as_deref().unwrap_or_default();
        let owner = format!("{}/{message_id}/{index}", invocation.request_id);
        let request = ClaimRequest {
            message: &message,
            owner: &owner,
            lease_until: invocation.deadline + LEASE_MARGIN,
            place: None,
            now,
        };
        let grant = match self.aws.table.claim(request).await {
            Ok(ClaimOutcome::Granted(grant)) => grant,
            Ok(ClaimOutcome::Settled) => return outcome::settled(&message),
            Ok(ClaimOutcome::OtherBody) => return outcome::other_body(&message),
            Ok(ClaimOutcome::Busy(until)) => {
                return self.wait_for(record, &message, until, now).await;
            }
            Err(error) => return self.not_claimed(record, &message, &error).await,
        };
        let attempt = Attempt {
            aws: &self.aws,
            gate: &self.gate,
            record,
            message: &message,
            invocation,
            route,
            claim: Claim {
                event: &message.event,
                number: message.number,
                owner: &owner,
                grant,
                began: now,
                target: route.map(|routed| routed.target.name()),
                archived: None,
            },
        };
        attempt.finish().await
    }

    /// The first route that matches an event; `None` if none does.
    fn route(&self, event: &Event) -> Option<&Routed> {
        let mut routes = self.routes.iter();
        routes.find(|routed| routed.route.matches(event))
    }

    /// Has a message wait for the table to answer again.
    async fn not_claimed(
        &self,
        record: &SqsMessage,
        message: &Message,
        error: &AwsError,
    ) -> Outcome {
        let waits = self.aws.wait_for_aws(record, message).await;
        outcome::not_claimed(message, error, waits)
    }

    /// Keeps a message of a route that takes no events now: in the outbox, with the next number, because a processor
    /// that does not know of the pause may receive it again before its row is removed.
    async fn hold(&self, record: &SqsMessage, message: Message, route: &Route) -> Outcome {
        let held = Message {
            number: message.number.next(),
            probe: None,
            ..message.clone()
        };
        let until = Until::Released(&route.name);
        match self.aws.table.add_to_outbox(&held, until).await {
            Ok(()) => outcome::held(&message, &route.name),
            Err(error) => {
                let waits = self.aws.wait_for_aws(record, &message).await;
                outcome::not_held(&message, &error, waits)
            }
        }
    }

    /// Leaves a message for the version of this function that reads it. It waits longer each time: from half a minute
    /// to an hour, so that the queue's own limit of receives is days away.
    async fn leave(&self, record: &SqsMessage, version: u32) -> Outcome {
        let doublings = receives(record).saturating_sub(1).min(7);
        let wait = (Duration::from_secs(30) * 2u32.pow(doublings)).min(MAX_VERSION_WAIT);
        self.aws.delay(record, wait).await;
        outcome::of_another_version(record, &MessageError::Version(version).to_string())
    }

    /// Sends a message that cannot be read to the dead-letter queue as it is.
    async fn dead_letter_unread(
        &self,
        record: &SqsMessage,
        invocation: &Invocation,
        error: &str,
    ) -> Outcome {
        if record.body.as_deref().unwrap_or_default().is_empty() {
            // A queue accepts no empty message, so this did not come from one, and there is nothing to save.
            return outcome::unreadable(record, error);
        }
        let reason = Reason {
            class: "unreadable",
            text: error,
            target: "-",
            attempt: 1,
            request_id: &invocation.request_id,
            received_ms: None,
        };
        match self
            .aws
            .queue
            .dead_letter(dead_letter(record, &reason))
            .await
        {
            Ok(()) => outcome::unreadable(record, error),
            Err(error) => outcome::unreadable_not_dead_lettered(record, &error),
        }
    }

    /// Another invocation holds the event: look again when its lease is over.
    async fn wait_for(
        &self,
        record: &SqsMessage,
        message: &Message,
        until: SystemTime,
        now: SystemTime,
    ) -> Outcome {
        let rest = until.duration_since(now).unwrap_or(Duration::ZERO);
        let jitter = full_jitter(Duration::from_secs(2));
        self.aws
            .delay(record, rest + Duration::from_secs(1) + jitter)
            .await;
        outcome::busy(message)
    }
}

fn with_targets(routes: Vec<Route>, handlers: &Handlers) -> Result<Vec<Routed>, ConfigError> {
    let targets = routes.into_iter().enumerate().map(|(index, route)| {
        let target = Target::parse(&route.to, handlers);
        let wrong = |problem| ConfigError::at(format!("routes[{index}].to"), problem);
        let target = target.map_err(wrong)?;
        Ok(Routed { route, target })
    });
    targets.collect()
}
