//! The operators' API: which events came in, a second run of some, the dead letters. JSON in, JSON out.
//!
//! Whoever may call it is decided before: by IAM at the API, by a token in the local twin.
//! [`Admin::handle`] says what there is. Replays of ranges are noted here; the sweeper carries them out.

mod dead_letters;
mod events;
mod names;
mod rejection;
mod replay;
mod replays;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::{Clock, DynamoTable, SqsDeadLetters, SqsQueue};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
pub use rejection::Rejection;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The largest body that is taken, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How long a request may look through events or dead letters: shorter than API Gateway waits (30 s).
const BUDGET: Duration = Duration::from_secs(15);

/// How far back events are looked for unless asked otherwise.
const LOOK_BACK: Duration = Duration::from_secs(30 * 24 * 3600);

/// The function: the table, the queue and its dead letters, the time.
#[derive(Debug)]
pub struct Admin {
    sources: Vec<String>,
    oldest: Duration,
    table: DynamoTable,
    queue: SqsQueue,
    dead_letters: SqsDeadLetters,
    clock: Clock,
}

/// An answer: a status and JSON.
type Answer = (StatusCode, Value);

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
            // Expired items may stay for two days more.
            oldest: retention.unwrap_or(LOOK_BACK) + Duration::from_secs(2 * 24 * 3600),
            table,
            queue,
            dead_letters,
            clock,
        }
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (status, body) = match self.answer(&request).await {
            Ok(answer) => answer,
            Err(rejection) => {
                rejection.log();
                rejection.answer()
            }
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    async fn answer(&self, request: &Request<Bytes>) -> Result<Answer, Rejection> {
        if request.body().len() > MAX_BODY_BYTES {
            return Err(Rejection::TooLarge);
        }
        let path = request.uri().path().trim_matches('/');
        let path: Vec<&str> = path.split('/').collect();
        let path = path
            .strip_prefix(&["admin"])
            .ok_or(Rejection::UnknownPath)?;
        match (request.method(), path) {
            (&Method::GET, ["events"]) => self.list_events(query(request)?).await,
            (&Method::GET, ["events", key]) => self.show_event(key).await,
            (&Method::POST, ["replay"]) => self.replay(request.body()).await,
            (&Method::GET, ["replays"]) => self.list_replays(query(request)?).await,
            (&Method::GET, ["replays", id]) => self.show_replay(id).await,
            (&Method::DELETE, ["replays", id]) => self.cancel_replay(id).await,
            (&Method::GET, ["dead-letters"]) => self.list_dead_letters(query(request)?).await,
            (&Method::GET, ["dead-letters", "redrive"]) => self.list_moves().await,
            (&Method::POST, ["dead-letters", "redrive"]) => self.redrive(request.body()).await,
            (&Method::GET, ["dead-letters", name]) => self.show_dead_letter(name).await,
            (
                _,
                ["events" | "replay" | "replays" | "dead-letters"]
                | ["events" | "replays" | "dead-letters", _],
            ) => Err(Rejection::Method),
            _ => Err(Rejection::UnknownPath),
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

/// The query, as the type that a request takes.
fn query<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, Rejection> {
    let query = request.uri().query().unwrap_or_default();
    serde_urlencoded::from_str(query)
        .map_err(|error| Rejection::asked(format!("the query is wrong: {error}")))
}

/// The body, as the type that a request takes.
fn body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    serde_json::from_slice(body)
        .map_err(|error| Rejection::asked(format!("the body is wrong: {error}")))
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
