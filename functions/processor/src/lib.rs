//! Consumes the queue: parses each message alone, claims its event, runs its target, writes down how
//! that ended, and only then lets the message go.
//!
//! [`Processor::handle`] is a batch's way from top to bottom; what follows a granted claim is an
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
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, Grant, NotArchived, Until};
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

    /// Processes the messages of a batch, and returns those that SQS must redeliver. All are claimed, then all that
    /// were are archived, then their targets run: each step for all of them at the same time.
    pub async fn handle(&self, batch: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let received = self.read(&batch.records);
        let claims = received.iter().enumerate();
        let claims = claims.map(|(index, one)| self.claim(one, index, invocation));
        let claims = join_all(claims).await;
        let to_archive = claims.iter().flatten().filter_map(Claimed::to_archive);
        let not_archived = self.aws.table.archive_all(to_archive).await;
        let ends = claims.into_iter().map(async |claim| match claim {
            Ok(claimed) => self.attempt(&claimed, &not_archived, invocation).await,
            Err(outcome) => outcome,
        });
        respond(&batch.records, join_all(ends).await)
    }

    /// Reads each message alone, and plans where its event is to be archived.
    fn read<'a>(&self, records: &'a [SqsMessage]) -> Vec<ReceivedMessage<'a>> {
        let messages: Vec<_> = records
            .iter()
            .map(|record| Message::from_json(record.body.as_deref().unwrap_or_default()))
            .collect();
        let events: Vec<&Event> = messages
            .iter()
            .flatten()
            .map(|message| &message.event)
            .collect();
        let mut places = self.aws.table.archive_places(&events).into_iter().flatten();
        let read = records
            .iter()
            .zip(messages)
            .map(|(record, message)| ReceivedMessage {
                place: message.is_ok().then(|| places.next()).flatten(),
                record,
                message,
            });
        read.collect()
    }

    /// Claims the event of a message; the outcome, where it ends here.
    async fn claim<'a>(
        &'a self,
        received: &'a ReceivedMessage<'a>,
        index: usize,
        invocation: &Invocation,
    ) -> Result<Claimed<'a>, Outcome> {
        let record = received.record;
        let message = match &received.message {
            Ok(message) => message,
            Err(MessageError::Version(version)) => return Err(self.leave(record, *version).await),
            Err(error) => {
                let error = error.to_string();
                return Err(self.dead_letter_unread(record, invocation, &error).await);
            }
        };
        let now = self.aws.clock.now();
        if invocation.deadline < now + MIN_TIME_LEFT {
            return Err(outcome::not_started(message));
        }
        let route = self.route(&message.event);
        if let Some(Routed { route, .. }) = route {
            match self.gate.flow(&self.aws.table, route, message, now).await {
                Ok(Flow::Open) => {}
                Ok(Flow::Paused | Flow::Broken) => {
                    return Err(self.hold(record, message.clone(), route).await);
                }
                Err(error) => return Err(self.not_claimed(record, message, &error).await),
            }
        }
        // Another owner for every receipt: a copy of the same message in one batch included.
        let message_id = record.message_id.as_deref().unwrap_or_default();
        let owner = format!("{}/{message_id}/{index}", invocation.request_id);
        let request = ClaimRequest {
            message,
            owner: &owner,
            lease_until: invocation.deadline + LEASE_MARGIN,
            place: received.place.as_deref(),
            now,
        };
        match self.aws.table.claim(request).await {
            Ok(ClaimOutcome::Granted(grant)) => Ok(Claimed {
                record,
                message,
                route,
                // What is archived already is not archived again.
                place: received.place.as_deref().filter(|_| !grant.is_archived),
                owner,
                grant,
                began: now,
            }),
            Ok(ClaimOutcome::Settled) => Err(outcome::settled(message)),
            Ok(ClaimOutcome::OtherBody) => Err(outcome::other_body(message)),
            Ok(ClaimOutcome::Busy(until)) => Err(self.wait_for(record, message, until, now).await),
            Err(error) => Err(self.not_claimed(record, message, &error).await),
        }
    }

    /// Runs the target of a claimed event, if that is archived, and writes down how it ended.
    async fn attempt(
        &self,
        claimed: &Claimed<'_>,
        not_archived: &NotArchived<'_>,
        invocation: &Invocation,
    ) -> Outcome {
        let failed = claimed.place.and_then(|place| not_archived.get(place));
        let attempt = Attempt {
            aws: &self.aws,
            gate: &self.gate,
            record: claimed.record,
            message: claimed.message,
            invocation,
            route: claimed.route,
            not_archived: failed,
            claim: Claim {
                event: &claimed.message.event,
                number: claimed.message.number,
                owner: &claimed.owner,
                grant: claimed.grant,
                began: claimed.began,
                target: claimed.route.map(|routed| routed.target.name()),
                archived: claimed.place.filter(|_| failed.is_none()),
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
        let again = self.aws.wait_for_aws(record, message).await;
        outcome::not_claimed(message, error, again)
    }

    /// Keeps a message of a route that takes no events now: in the outbox, with the next number, because a processor
    /// that does not know of the pause may receive it again before its row is removed.
    async fn hold(&self, record: &SqsMessage, message: Message, route: &Route) -> Outcome {
        let held = Message {
            number: message.number.next(),
            probe: false,
            ..message.clone()
        };
        let until = Until::Released {
            route: &route.name,
            since: self.aws.clock.now(),
        };
        match self.aws.table.add_to_outbox(&held, until).await {
            Ok(()) => outcome::held(&message, &route.name),
            Err(error) => {
                let again = self.aws.wait_for_aws(record, &message).await;
                outcome::not_held(&message, &error, again)
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

/// A message as it was received.
struct ReceivedMessage<'a> {
    record: &'a SqsMessage,
    message: Result<Message, MessageError>,
    /// The place in the archive where its event is to be written; `None` if nothing is archived.
    place: Option<String>,
}

/// An event that this invocation holds.
struct Claimed<'a> {
    record: &'a SqsMessage,
    message: &'a Message,
    /// `None` if no route takes the event.
    route: Option<&'a Routed>,
    /// `None` if its event is archived already, or nothing is.
    place: Option<&'a str>,
    owner: String,
    grant: Grant,
    began: SystemTime,
}

impl<'a> Claimed<'a> {
    fn to_archive(&self) -> Option<(&'a str, &'a Event)> {
        Some((self.place?, &self.message.event))
    }
}

/// The response to a batch, and its metrics.
fn respond(records: &[SqsMessage], outcomes: Vec<Outcome>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let mut counts = Counts::default();
    for (record, outcome) in records.iter().zip(outcomes) {
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

fn with_targets(routes: Vec<Route>, handlers: &Handlers) -> Result<Vec<Routed>, ConfigError> {
    let targets = routes.into_iter().enumerate().map(|(index, route)| {
        let target = Target::parse(&route.to, handlers);
        let wrong = |problem| ConfigError::at(format!("routes[{index}].to"), problem);
        let target = target.map_err(wrong)?;
        Ok(Routed { route, target })
    });
    targets.collect()
}
