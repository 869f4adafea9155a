//! Dead letters: a list of some, one with its text, and the moves of all.
//!
//! A queue cannot be listed. What is shown is what the queue hands out when it is asked a few times:
//! every dead letter of a small queue, some of a large one.

use std::time::Duration;

use hookgate::chain;
use hookgate::dead_letter::DeadLetter;
use hookgate_api::{
    DeadLetterDetail, DeadLetterDetails, DeadLetterList, DeadLetterListRequest, MoveList,
    MoveRequest, MoveStarted,
};

use crate::names::{Names, move_view, view};
use crate::{Admin, BUDGET, Rejection, limit};

/// The default and the maximum number of dead letters in a list.
const LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;

/// The maximum number of dead letters that a search looks at.
const MAX_LOOKED_AT: usize = 2000;

/// For how long dead letters are hidden from others while they are looked at: longer than that takes.
const HIDDEN: Duration = Duration::from_secs(30);

/// SQS moves no more messages a second.
const MAX_RATE: u32 = 500;

/// Dead letters that were received, and are to be released or removed.
pub(crate) struct Received {
    pub(crate) dead_letters: Vec<DeadLetter>,
    /// True where the queue had no more.
    pub(crate) complete: bool,
}

impl Admin {
    pub(crate) async fn list_dead_letters(
        &self,
        asked: DeadLetterListRequest,
    ) -> Result<DeadLetterList, Rejection> {
        let limit = limit(asked.limit, LIMIT, MAX_LIMIT)?;
        let received = self.receive(limit, |_| true).await?;
        self.release(&received.dead_letters).await;
        Ok(DeadLetterList {
            dead_letters: received.dead_letters.iter().take(limit).map(view).collect(),
            complete: received.complete && received.dead_letters.len() <= limit,
            count: self.dead_letters.count().await?,
        })
    }

    /// Shows the dead letters of one name, each with its text.
    pub(crate) async fn show_dead_letter(
        &self,
        name: &str,
    ) -> Result<DeadLetterDetails, Rejection> {
        let names = Names::of(name);
        let received = self
            .receive(usize::MAX, |dead_letter| names.match_any(dead_letter))
            .await?;
        self.release(&received.dead_letters).await;
        let found: Vec<DeadLetterDetail> = received
            .dead_letters
            .into_iter()
            .map(|dead_letter| DeadLetterDetail {
                dead_letter: view(&dead_letter),
                body: dead_letter.body,
                attributes: dead_letter.attributes,
            })
            .collect();
        if found.is_empty() {
            return Err(Rejection::NotFound("dead letter of this key or message id"));
        }
        Ok(DeadLetterDetails {
            dead_letters: found,
            complete: received.complete,
        })
    }

    pub(crate) async fn move_dead_letters(
        &self,
        asked: MoveRequest,
    ) -> Result<MoveStarted, Rejection> {
        let rate = asked.rate_per_s;
        if rate.is_some_and(|rate| !(1..=MAX_RATE).contains(&rate)) {
            let why = format!("`rate_per_s` must be between 1 and {MAX_RATE}");
            return Err(Rejection::asked(why));
        }
        let moves = self.dead_letters.moves().await?;
        if moves.iter().any(|task| task.status == "RUNNING") {
            return Err(Rejection::Conflict(
                "a move of all dead letters is under way already".into(),
            ));
        }
        let task = self.dead_letters.move_all(rate).await?;
        tracing::info!(rate, "moving all dead letters");
        Ok(MoveStarted { task })
    }

    pub(crate) async fn list_moves(&self) -> Result<MoveList, Rejection> {
        let moves = self.dead_letters.moves().await?;
        Ok(MoveList {
            moves: moves.into_iter().map(move_view).collect(),
        })
    }

    /// Receives dead letters until there are enough that are meant, or no more, or the time is over. Each is looked at
    /// once. Those that are not meant are released.
    pub(crate) async fn receive(
        &self,
        enough: usize,
        is_meant: impl Fn(&DeadLetter) -> bool,
    ) -> Result<Received, Rejection> {
        let deadline = self.clock.now() + BUDGET;
        let (mut meant, mut others) = (Vec::new(), Vec::new());
        let mut complete = false;
        while !complete
            && meant.len() < enough
            && meant.len() + others.len() < MAX_LOOKED_AT
            && self.clock.now() < deadline
        {
            let more = match self.dead_letters.receive(HIDDEN).await {
                Ok(more) => more,
                Err(error) => {
                    self.release(&meant).await;
                    self.release(&others).await;
                    return Err(error.into());
                }
            };
            complete = more.is_empty();
            let (more, not_meant): (Vec<_>, Vec<_>) = more.into_iter().partition(&is_meant);
            meant.extend(more);
            others.extend(not_meant);
        }
        self.release(&others).await;
        Ok(Received {
            dead_letters: meant,
            complete,
        })
    }

    /// Releases dead letters. If that fails, they become visible again when their visibility timeout ends.
    pub(crate) async fn release(&self, dead_letters: &[DeadLetter]) {
        if let Err(error) = self.dead_letters.release(dead_letters).await {
            tracing::warn!(
                error = chain(&error),
                "dead letters not released; they stay hidden for a while"
            );
        }
    }
}
