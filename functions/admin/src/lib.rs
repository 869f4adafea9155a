//! The operators' API: which events came in, a second run of some, the dead letters. JSON in, JSON out.
//!
//! Callers were admitted before: by IAM at the API, by a token in the local twin.
//! [`hookgate_api::OPERATIONS`] lists what there is. Replays of ranges are noted here; the sweeper runs them.

mod dead_letters;
mod events;
mod names;
mod redrive;
mod rejection;
mod replay;
mod replays;
mod routes;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::{
    AwsError, Clock, DynamoTable, HttpEvent, HttpResponse, Route, SqsDeadLetters, SqsQueue,
};
use hookgate_api::{
    CancelReplay, CountRange, DiscardDeadLetters, ListDeadLetters, ListEvents, ListMoves,
    ListReplays, ListRoutes, MoveDeadLetters, Operation, OperationId, PauseRoute,
    RedriveDeadLetters, ReplayKeys, ReplayRange, ResumeRoute, ShowDeadLetter, ShowEvent,
    ShowOutcomes, ShowReplay,
};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
pub use rejection::Rejection;
use serde::Serialize;

/// The largest accepted body, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Time limit for a search through events or dead letters: shorter than API Gateway's timeout (30 s).
const BUDGET: Duration = Duration::from_secs(15);

/// The default period of a search for events.
const LOOK_BACK: Duration = Duration::from_secs(30 * 24 * 3600);

/// The function: the table, the queue and its dead letters, the time.
#[derive(Debug)]
pub struct Admin {
    sources: Vec<String>,
    routes: Vec<Route>,
    oldest: Duration,
    table: DynamoTable,
    queue: SqsQueue,
    dead_letters: SqsDeadLetters,
    clock: Clock,
}

/// An answer: a status and JSON.
type Answer = (StatusCode, Bytes);

impl Admin {
    /// The API over events of these sources, whose payloads are kept for `retention`.
    pub fn new(
        sources: Vec<String>,
        retention: Option<Duration>,
        table: DynamoTable,
        queue: SqsQueue,
        dead_letters: SqsDeadLetters,
        clock: Clock,
    ) -> Self {
        Admin {
            sources,
            routes: Vec::new(),
            // Expired items may stay for two days more.
            oldest: retention.unwrap_or(LOOK_BACK) + Duration::from_secs(2 * 24 * 3600),
            table,
            queue,
            dead_letters,
            clock,
        }
    }

    /// The API, also over these routes.
    #[must_use]
    pub fn with_routes(self, routes: Vec<Route>) -> Self {
        Admin { routes, ..self }
    }

    /// Answers one event from Lambda, even if it is not a proper request.
    pub async fn answer(&self, event: &HttpEvent) -> HttpResponse {
        let (caller, request) = event.read(None);
        let response = match request {
            // On the heap, as the future of all operations is large.
            Ok(request) => Box::pin(self.handle(request)).await,
            Err(why) => respond(Err(Rejection::asked(why.to_string()))),
        };
        caller.respond(&response)
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        respond(self.operate(&request).await)
    }

    #[rustfmt::skip]
    async fn operate(&self, request: &Request<Bytes>) -> Result<Answer, Rejection> {
        use OperationId as Id;
        if request.body().len() > MAX_BODY_BYTES {
            return Err(Rejection::TooLarge);
        }
        let path = request.uri().path().trim_end_matches('/');
        let (operation, name) = hookgate_api::route(request.method().as_str(), path)?;
        match operation {
            Id::ListEvents => done::<ListEvents>(self.list_events(asked::<ListEvents>(request)?).await?),
            Id::ShowEvent => done::<ShowEvent>(self.show_event(name).await?),
            Id::ReplayKeys => done::<ReplayKeys>(self.replay_keys(asked::<ReplayKeys>(request)?).await?),
            Id::ListReplays => done::<ListReplays>(self.list_replays(asked::<ListReplays>(request)?).await?),
            Id::ReplayRange => done::<ReplayRange>(self.replay_range(asked::<ReplayRange>(request)?).await?),
            Id::CountRange => done::<CountRange>(self.count_range(asked::<CountRange>(request)?).await?),
            Id::ShowReplay => done::<ShowReplay>(self.show_replay(name).await?),
            Id::ShowOutcomes => done::<ShowOutcomes>(self.show_outcomes(name, asked::<ShowOutcomes>(request)?).await?),
            Id::CancelReplay => done::<CancelReplay>(self.cancel_replay(name).await?),
            Id::ListDeadLetters => done::<ListDeadLetters>(self.list_dead_letters(asked::<ListDeadLetters>(request)?).await?),
            Id::RedriveDeadLetters => done::<RedriveDeadLetters>(self.redrive(asked::<RedriveDeadLetters>(request)?).await?),
            Id::DiscardDeadLetters => done::<DiscardDeadLetters>(self.discard(asked::<DiscardDeadLetters>(request)?).await?),
            Id::ListMoves => done::<ListMoves>(self.list_moves().await?),
            Id::MoveDeadLetters => done::<MoveDeadLetters>(self.move_dead_letters(asked::<MoveDeadLetters>(request)?).await?),
            Id::ListRoutes => done::<ListRoutes>(self.list_routes().await?),
            Id::PauseRoute => done::<PauseRoute>(self.pause_route(name, asked::<PauseRoute>(request)?).await?),
            Id::ResumeRoute => done::<ResumeRoute>(self.resume_route(name, asked::<ResumeRoute>(request)?).await?),
            Id::ShowDeadLetter => done::<ShowDeadLetter>(self.show_dead_letter(name).await?),
        }
    }

    /// The sources that a request means: the one that it names, or all.
    fn sources(&self, named: Option<&str>) -> Result<Vec<String>, Rejection> {
        match named {
            None => Ok(self.sources.clone()),
            Some(name) if self.sources.iter().any(|source| source == name) => {
                Ok(vec![name.to_owned()])
            }
            Some(_) => Err(Rejection::asked(format!(
                "there is no such source; there are {}",
                self.sources.join(", ")
            ))),
        }
    }

    /// A time within which events can be: no older than any that is kept, no newer than now.
    fn times(
        &self,
        since: Option<&str>,
        until: Option<&str>,
    ) -> Result<(SystemTime, SystemTime), Rejection> {
        let now = self.clock.now();
        let until = match until {
            Some(text) => time("until", text)?.min(now),
            None => now,
        };
        let oldest = now
            .checked_sub(self.oldest)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let since = match since {
            Some(text) => time("since", text)?,
            None => now.checked_sub(LOOK_BACK).unwrap_or(oldest),
        };
        if since >= until {
            return Err(Rejection::asked(
                "`since` must be before `until` and before now",
            ));
        }
        Ok((since.max(oldest), until.max(oldest)))
    }
}

fn respond(answer: Result<Answer, Rejection>) -> Response<Bytes> {
    let (status, body) = answer.unwrap_or_else(|rejection| {
        rejection.log();
        let status = rejection.status();
        (status, json(&rejection.failure()).unwrap_or_default())
    });
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The request of an operation: its body, or its query.
fn asked<O: Operation>(request: &Request<Bytes>) -> Result<O::Request, Rejection> {
    if O::INFO.method == "POST" {
        return serde_json::from_slice(request.body())
            .map_err(|error| Rejection::asked(format!("the body is wrong: {error}")));
    }
    let query = request.uri().query().unwrap_or_default();
    serde_urlencoded::from_str(query)
        .map_err(|error| Rejection::asked(format!("the query is wrong: {error}")))
}

/// The answer of an operation that was done.
fn done<O: Operation>(answer: O::Answer) -> Result<Answer, Rejection> {
    let status = StatusCode::from_u16(O::INFO.status).unwrap_or_default();
    Ok((status, json(&answer)?))
}

fn json(answer: &impl Serialize) -> Result<Bytes, Rejection> {
    let text = serde_json::to_vec(answer);
    let text = text.map_err(|error| AwsError::new("write the answer", error))?;
    Ok(Bytes::from(text))
}

/// The length of a list: the one that a request names, up to a maximum. A page of none would look like the end.
fn limit(asked: Option<usize>, default: usize, max: usize) -> Result<usize, Rejection> {
    match asked {
        Some(0) => Err(Rejection::asked("`limit` must be at least 1")),
        asked => Ok(asked.unwrap_or(default).min(max)),
    }
}

fn time(field: &str, text: &str) -> Result<SystemTime, Rejection> {
    let wrong = |_| {
        Rejection::asked(format!(
            "`{field}` is not a time; write it as 2026-01-31T12:00:00Z"
        ))
    };
    let time: jiff::Timestamp = text.parse().map_err(wrong)?;
    Ok(SystemTime::from(time).max(SystemTime::UNIX_EPOCH))
}
