//! `GET /admin/dead-letters` and `POST /admin/dead-letters/redrive`.
//!
//! A queue cannot be listed. What is shown is what the queue hands out when it is asked a few times:
//! every letter of a small queue, some of a large one.

use std::collections::BTreeSet;
use std::time::Duration;

use hookgate::dead_letter::DeadLetter;
use hookgate::{AwsError, chain};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::names::{Names, move_view, view};
use crate::{Admin, Answer, BUDGET, Rejection, body};

/// How many letters are listed unless asked otherwise, and at most.
const LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;

/// How many letters are looked at to find some, at most.
const MAX_LOOKED_AT: usize = 2000;

/// How many letters are sent again by name at a time, at most.
const MAX_NAMES: usize = 100;

/// For how long letters are hidden from others while they are looked at: longer than that takes.
const HIDDEN: Duration = Duration::from_secs(30);

/// SQS moves no more messages a second.
const MAX_RATE: u32 = 500;

/// A limit of every list of a queue.
const NOTE: &str =
    "a queue cannot be listed reliably: letters that are being looked at elsewhere are missing";

/// How many letters to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLetterListQuery {
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedriveRequest {
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    message_ids: Vec<String>,
    #[serde(default)]
    all: bool,
    rate_per_s: Option<u32>,
}

/// Dead letters that were received, and are to be released.
struct Received {
    letters: Vec<DeadLetter>,
    /// True where the queue had no more.
    complete: bool,
}

impl Admin {
    pub(crate) async fn list_dead_letters(
        &self,
        query: DeadLetterListQuery,
    ) -> Result<Answer, Rejection> {
        let limit = query.limit.unwrap_or(LIMIT).min(MAX_LIMIT);
        let received = self.receive(limit).await?;
        self.release(&received.letters).await;
        let letters: Vec<Value> = received.letters.iter().take(limit).map(view).collect();
        let answer = json!({
            "dead_letters": letters,
            "complete": received.complete,
            "count": self.dead_letters.count().await?,
            "note": NOTE,
        });
        Ok((StatusCode::OK, answer))
    }

    /// Shows the letters of one name, each with its text.
    pub(crate) async fn show_dead_letter(&self, name: &str) -> Result<Answer, Rejection> {
        let names = Names::of(name);
        let received = self.receive(MAX_LOOKED_AT).await?;
        self.release(&received.letters).await;
        let found = received
            .letters
            .iter()
            .filter(|letter| names.match_any(letter));
        let found: Vec<Value> = found
            .map(|letter| {
                let mut shown = view(letter);
                shown["body"] = json!(letter.body);
                shown["attributes"] = json!(letter.attributes);
                shown
            })
            .collect();
        if found.is_empty() {
            return Err(Rejection::NotFound("dead letter of this key or message id"));
        }
        Ok((
            StatusCode::OK,
            json!({ "dead_letters": found, "complete": received.complete }),
        ))
    }

    pub(crate) async fn redrive(&self, text: &[u8]) -> Result<Answer, Rejection> {
        let request: RedriveRequest = body(text)?;
        let named = request.keys.len() + request.message_ids.len();
        match (request.all, named, request.rate_per_s) {
            (true, 0, rate) => self.redrive_all(rate).await,
            (false, 1..=MAX_NAMES, None) => self.redrive_some(&request).await,
            (false, _, None) => Err(Rejection::asked(format!(
                "name 1 to {MAX_NAMES} `keys` or `message_ids`, or say `\"all\": true`"
            ))),
            (true, _, _) => Err(Rejection::asked(
                "`all` takes no `keys` and no `message_ids`",
            )),
            (false, _, Some(_)) => Err(Rejection::asked("only `all` takes `rate_per_s`")),
        }
    }

    /// Sends letters back to the queue, and then removes them: a crash between the two repeats a
    /// message, which the ledger settles, and loses none.
    async fn redrive_some(&self, request: &RedriveRequest) -> Result<Answer, Rejection> {
        let names = Names::read(&request.keys, &request.message_ids)?;
        let received = self.receive(MAX_LOOKED_AT).await?;
        let (meant, others): (Vec<DeadLetter>, Vec<DeadLetter>) = received
            .letters
            .into_iter()
            .partition(|letter| names.match_any(letter));
        self.release(&others).await;
        let (mut redriven, mut failed, mut found) = (Vec::new(), Vec::new(), BTreeSet::new());
        for letter in meant {
            found.extend(names.matching(&letter));
            match self.redrive_letter(&letter).await {
                Ok(()) => redriven.push(view(&letter)),
                Err(error) => {
                    self.release(std::slice::from_ref(&letter)).await;
                    failed.push(json!({ "message_id": letter.message_id, "error": chain(&error) }));
                }
            }
        }
        let missing: Vec<&String> = request
            .keys
            .iter()
            .chain(&request.message_ids)
            .filter(|name| !found.contains(name.as_str()))
            .collect();
        tracing::info!(redriven = redriven.len(), failed = failed.len(), "redriven");
        let mut answer = json!({
            "redriven": redriven, "not_found": missing, "failed": failed,
            "complete": received.complete,
        });
        if redriven.is_empty() {
            answer["error"] = json!("no dead letter was sent again");
            let status = if failed.is_empty() {
                StatusCode::NOT_FOUND
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            return Ok((status, answer));
        }
        Ok((StatusCode::OK, answer))
    }

    async fn redrive_letter(&self, letter: &DeadLetter) -> Result<(), AwsError> {
        self.dead_letters.send_again(letter).await?;
        if let Err(error) = self.dead_letters.remove(letter).await {
            // It is in both queues now: another redrive of it is settled by the ledger.
            tracing::warn!(
                message_id = letter.message_id,
                error = chain(&error),
                "dead letter not removed"
            );
        }
        Ok(())
    }

    async fn redrive_all(&self, rate: Option<u32>) -> Result<Answer, Rejection> {
        if rate.is_some_and(|rate| !(1..=MAX_RATE).contains(&rate)) {
            let why = format!("`rate_per_s` must be between 1 and {MAX_RATE}");
            return Err(Rejection::asked(why));
        }
        let moves = self.dead_letters.moves().await?;
        if moves.iter().any(|task| task.status == "RUNNING") {
            return Err(Rejection::Conflict(
                "a redrive of all is under way already".into(),
            ));
        }
        let handle = self.dead_letters.move_all(rate).await?;
        tracing::info!(rate, "redrive of all begins");
        Ok((StatusCode::ACCEPTED, json!({ "task": handle })))
    }

    pub(crate) async fn list_moves(&self) -> Result<Answer, Rejection> {
        let moves = self.dead_letters.moves().await?;
        let moves: Vec<Value> = moves.iter().map(move_view).collect();
        Ok((StatusCode::OK, json!({ "tasks": moves })))
    }

    /// Receives dead letters until there are `enough`, or no more, or the time is over.
    async fn receive(&self, enough: usize) -> Result<Received, Rejection> {
        let deadline = self.clock.now() + BUDGET;
        let mut letters: Vec<DeadLetter> = Vec::new();
        while letters.len() < enough && self.clock.now() < deadline {
            match self.dead_letters.receive(HIDDEN).await {
                Ok(more) if more.is_empty() => {
                    return Ok(Received {
                        letters,
                        complete: true,
                    });
                }
                Ok(more) => letters.extend(more),
                Err(error) => {
                    self.release(&letters).await;
                    return Err(error.into());
                }
            }
        }
        Ok(Received {
            letters,
            complete: false,
        })
    }

    /// Where it fails, they are seen again when the time for which they are hidden is over.
    async fn release(&self, letters: &[DeadLetter]) {
        if let Err(error) = self.dead_letters.release(letters).await {
            tracing::warn!(
                error = chain(&error),
                "dead letters stay hidden for a while"
            );
        }
    }
}
