//! `GET /admin/dead-letters` and `POST /admin/dead-letters/redrive`.
//!
//! A queue cannot be listed. What is shown is what the queue hands out when it is asked a few times:
//! every letter of a small queue, some of a large one.

use std::collections::BTreeSet;
use std::time::Duration;

use hookgate::operators::{DeadLetters, EventReader, Letter, Replays};
use hookgate::ports::{Clock, EventQueue, PortError, chain};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::letters::{Names, move_view, view};
use crate::{Admin, Answer, BUDGET, Refusal, body};

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

/// What a list cannot promise.
const NOTE: &str =
    "a queue cannot be listed reliably: letters that are being looked at elsewhere are missing";

/// How many letters to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
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

/// Letters that were taken, and are to be given back.
struct Taken {
    letters: Vec<Letter>,
    /// Whether the queue had no more.
    complete: bool,
}

impl<S, Q, L, C> Admin<S, Q, L, C>
where
    S: EventReader + Replays,
    Q: EventQueue,
    L: DeadLetters,
    C: Clock,
{
    pub(crate) async fn list_letters(&self, query: ListQuery) -> Result<Answer, Refusal> {
        let limit = query.limit.unwrap_or(LIMIT).min(MAX_LIMIT);
        let taken = self.take(limit).await?;
        self.give_back(&taken.letters).await;
        let letters: Vec<Value> = taken.letters.iter().take(limit).map(view).collect();
        let answer = json!({
            "dead_letters": letters,
            "complete": taken.complete,
            "count": self.letters.count().await?,
            "note": NOTE,
        });
        Ok((StatusCode::OK, answer))
    }

    /// Shows the letters of one name, each with its text.
    pub(crate) async fn show_letter(&self, name: &str) -> Result<Answer, Refusal> {
        let names = Names::of(name);
        let taken = self.take(MAX_LOOKED_AT).await?;
        self.give_back(&taken.letters).await;
        let found = taken.letters.iter().filter(|letter| names.mean(letter));
        let found: Vec<Value> = found
            .map(|letter| {
                let mut shown = view(letter);
                shown["body"] = json!(letter.body);
                shown["attributes"] = json!(letter.attributes);
                shown
            })
            .collect();
        if found.is_empty() {
            return Err(Refusal::NotFound("dead letter of this key or message id"));
        }
        Ok((
            StatusCode::OK,
            json!({ "dead_letters": found, "complete": taken.complete }),
        ))
    }

    pub(crate) async fn redrive(&self, text: &[u8]) -> Result<Answer, Refusal> {
        let request: RedriveRequest = body(text)?;
        let named = request.keys.len() + request.message_ids.len();
        match (request.all, named, request.rate_per_s) {
            (true, 0, rate) => self.redrive_all(rate).await,
            (false, 1..=MAX_NAMES, None) => self.redrive_some(&request).await,
            (false, _, None) => Err(Refusal::asked(format!(
                "name 1 to {MAX_NAMES} `keys` or `message_ids`, or say `\"all\": true`"
            ))),
            (true, _, _) => Err(Refusal::asked("`all` takes no `keys` and no `message_ids`")),
            (false, _, Some(_)) => Err(Refusal::asked("only `all` takes `rate_per_s`")),
        }
    }

    /// Sends letters back to the queue, and then removes them: a crash between the two repeats a
    /// message, which the ledger settles, and loses none.
    async fn redrive_some(&self, request: &RedriveRequest) -> Result<Answer, Refusal> {
        let names = Names::read(&request.keys, &request.message_ids)?;
        let taken = self.take(MAX_LOOKED_AT).await?;
        let (meant, others): (Vec<Letter>, Vec<Letter>) = taken
            .letters
            .into_iter()
            .partition(|letter| names.mean(letter));
        self.give_back(&others).await;
        let (mut redriven, mut failed, mut found) = (Vec::new(), Vec::new(), BTreeSet::new());
        for letter in meant {
            found.extend(names.meaning(&letter));
            match self.redrive_letter(&letter).await {
                Ok(()) => redriven.push(view(&letter)),
                Err(error) => {
                    self.give_back(std::slice::from_ref(&letter)).await;
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
            "complete": taken.complete,
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

    async fn redrive_letter(&self, letter: &Letter) -> Result<(), PortError> {
        self.letters.send_again(letter).await?;
        if let Err(error) = self.letters.remove(letter).await {
            // It is in both queues now: another redrive of it is settled by the ledger.
            tracing::warn!(
                message_id = letter.message_id,
                error = chain(&error),
                "letter not removed"
            );
        }
        Ok(())
    }

    async fn redrive_all(&self, rate: Option<u32>) -> Result<Answer, Refusal> {
        if rate.is_some_and(|rate| !(1..=MAX_RATE).contains(&rate)) {
            let why = format!("`rate_per_s` must be between 1 and {MAX_RATE}");
            return Err(Refusal::asked(why));
        }
        let moves = self.letters.moves().await?;
        if moves.iter().any(|task| task.status == "RUNNING") {
            return Err(Refusal::Conflict(
                "a redrive of all is under way already".into(),
            ));
        }
        let handle = self.letters.move_all(rate).await?;
        tracing::info!(rate, "redrive of all begins");
        Ok((StatusCode::ACCEPTED, json!({ "task": handle })))
    }

    pub(crate) async fn list_moves(&self) -> Result<Answer, Refusal> {
        let moves = self.letters.moves().await?;
        let moves: Vec<Value> = moves.iter().map(move_view).collect();
        Ok((StatusCode::OK, json!({ "tasks": moves })))
    }

    /// Takes letters until there are `enough`, or no more, or the time is over.
    async fn take(&self, enough: usize) -> Result<Taken, Refusal> {
        let deadline = self.clock.now() + BUDGET;
        let mut letters: Vec<Letter> = Vec::new();
        while letters.len() < enough && self.clock.now() < deadline {
            match self.letters.take(HIDDEN).await {
                Ok(more) if more.is_empty() => {
                    return Ok(Taken {
                        letters,
                        complete: true,
                    });
                }
                Ok(more) => letters.extend(more),
                Err(error) => {
                    self.give_back(&letters).await;
                    return Err(error.into());
                }
            }
        }
        Ok(Taken {
            letters,
            complete: false,
        })
    }

    /// Where it fails, they are seen again when the time for which they are hidden is over.
    async fn give_back(&self, letters: &[Letter]) {
        if let Err(error) = self.letters.give_back(letters).await {
            tracing::warn!(
                error = chain(&error),
                "dead letters stay hidden for a while"
            );
        }
    }
}
