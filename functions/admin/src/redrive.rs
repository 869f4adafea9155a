//! Dead letters sent back to the queue, or thrown away: by their names, or by what they have in common.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use hookgate::dead_letter::DeadLetter;
use hookgate::{AwsError, Message, chain};
use hookgate_api::{DeadLetterSummary, Discard, Discarded, Failed, Redrive, Redriven};
use http::StatusCode;

use crate::dead_letters::MAX_LOOKED_AT;
use crate::names::{Common, MAX_NAMES, Names, view};
use crate::replay::reason;
use crate::{Admin, Rejection};

/// The maximum number of dead letters that one request with filters redrives.
const MAX_BATCH: usize = 200;

/// The number of dead letters that are sent concurrently.
const CHUNK: usize = 10;

/// The dead letters that were meant, and the names of which there were none.
struct Meant {
    letters: Vec<DeadLetter>,
    not_found: Vec<String>,
    complete: bool,
}

/// The ends of what was done with each.
struct Ended {
    done: Vec<DeadLetterSummary>,
    failed: Vec<Failed>,
}

impl Admin {
    pub(crate) async fn redrive(&self, asked: Redrive) -> Result<Redriven, Rejection> {
        let named = asked.keys.len() + asked.message_ids.len();
        let meant = match (named, Common::of(&asked)) {
            (0, Some(common)) => self.alike(&common).await?,
            (1..=MAX_NAMES, None) => self.named(&asked.keys, &asked.message_ids).await?,
            (1.., Some(_)) => {
                return Err(Rejection::asked(
                    "either name dead letters, or say what they have in common: `source`, `type`, `reason_contains`",
                ));
            }
            (_, None) => {
                return Err(Rejection::asked(format!(
                    "name 1 to {MAX_NAMES} `keys` or `message_ids`, or say what they have in common: `source`, \
                     `type`, `reason_contains`; POST /admin/dead-letters/moves moves all"
                )));
            }
        };
        let ended = self
            .each(&meant.letters, |letter| self.redrive_letter(letter))
            .await;
        tracing::info!(
            redriven = ended.done.len(),
            failed = ended.failed.len(),
            "redriven"
        );
        if ended.done.is_empty() && named > 0 {
            return Err(nothing_done(
                "no dead letter was sent again",
                ended,
                meant.not_found,
            ));
        }
        Ok(Redriven {
            redriven: ended.done,
            failed: ended.failed,
            not_found: meant.not_found,
            complete: meant.complete,
        })
    }

    pub(crate) async fn discard(&self, asked: Discard) -> Result<Discarded, Rejection> {
        let reason = reason(&asked.reason)?;
        if !(1..=MAX_NAMES).contains(&(asked.keys.len() + asked.message_ids.len())) {
            return Err(Rejection::asked(format!(
                "name 1 to {MAX_NAMES} `keys` or `message_ids`"
            )));
        }
        let meant = self.named(&asked.keys, &asked.message_ids).await?;
        let discard = |letter| self.discard_letter(letter, &reason);
        let ended = self.each(&meant.letters, discard).await;
        if ended.done.is_empty() {
            return Err(nothing_done(
                "no dead letter was discarded",
                ended,
                meant.not_found,
            ));
        }
        Ok(Discarded {
            discarded: ended.done,
            failed: ended.failed,
            not_found: meant.not_found,
            complete: meant.complete,
        })
    }

    /// Receives the dead letters of these names, and releases all others.
    async fn named(&self, keys: &[String], message_ids: &[String]) -> Result<Meant, Rejection> {
        let names = Names::read(keys, message_ids)?;
        let received = self.receive_named().await?;
        let (letters, others): (Vec<DeadLetter>, Vec<DeadLetter>) = received
            .letters
            .into_iter()
            .partition(|letter| names.match_any(letter));
        self.release(&others).await;
        let found: BTreeSet<String> = letters
            .iter()
            .flat_map(|letter| names.matching(letter))
            .collect();
        let asked = keys.iter().chain(message_ids);
        Ok(Meant {
            letters,
            not_found: asked
                .filter(|name| !found.contains(*name))
                .cloned()
                .collect(),
            complete: received.complete,
        })
    }

    /// Receives a batch of the dead letters that have this in common, and releases all others.
    async fn alike(&self, common: &Common) -> Result<Meant, Rejection> {
        let is_enough = |letters: &[DeadLetter]| {
            let meant = letters.iter().filter(|letter| common.admits(letter));
            letters.len() >= MAX_LOOKED_AT || meant.count() >= MAX_BATCH
        };
        let received = self.receive(is_enough).await?;
        let (letters, others): (Vec<DeadLetter>, Vec<DeadLetter>) = received
            .letters
            .into_iter()
            .partition(|letter| common.admits(letter));
        self.release(&others).await;
        Ok(Meant {
            letters,
            not_found: Vec::new(),
            complete: received.complete,
        })
    }

    /// Does it with each, some at a time. Those that it fails with are released.
    async fn each<'a, D>(
        &self,
        letters: &'a [DeadLetter],
        act: impl Fn(&'a DeadLetter) -> D,
    ) -> Ended
    where
        D: Future<Output = Result<(), AwsError>>,
    {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for chunk in letters.chunks(CHUNK) {
            let ends = join_all(chunk.iter().map(&act)).await;
            for (letter, end) in chunk.iter().zip(ends) {
                match end {
                    Ok(()) => done.push(view(letter)),
                    Err(error) => {
                        self.release(std::slice::from_ref(letter)).await;
                        failed.push(Failed {
                            name: letter.message_id.clone(),
                            error: chain(&error),
                        });
                    }
                }
            }
        }
        Ended { done, failed }
    }

    /// Sends a dead letter back to the queue, and then removes it: a crash between the two repeats a
    /// message, which the ledger settles, and loses none.
    async fn redrive_letter(&self, letter: &DeadLetter) -> Result<(), AwsError> {
        self.dead_letters.send_again(letter).await?;
        if let Err(error) = self.dead_letters.remove(letter).await {
            // It is in both queues now: another redrive of it is settled by the ledger.
            tracing::warn!(
                message_id = letter.message_id,
                error = chain(&error),
                "dead letter not deleted"
            );
        }
        Ok(())
    }

    /// Notes with the event that its dead letter was thrown away, and then removes it.
    async fn discard_letter(&self, letter: &DeadLetter, reason: &str) -> Result<(), AwsError> {
        let key = match Message::from_json(&letter.body) {
            Ok(Message { event, epoch, .. }) => {
                let error = letter.attributes.get("Reason").map_or("-", String::as_str);
                let text = format!("discarded: {reason}; before: {error}");
                self.table.note_discarded(&event.key, epoch, &text).await?;
                Some(event.key)
            }
            Err(_) => None,
        };
        self.dead_letters.remove(letter).await?;
        let key = key.as_ref().map(hookgate::EventKey::as_str);
        tracing::info!(
            key,
            message_id = letter.message_id,
            reason,
            "dead letter discarded"
        );
        Ok(())
    }
}

fn nothing_done(what: &'static str, ended: Ended, not_found: Vec<String>) -> Rejection {
    let status = match ended.failed.is_empty() {
        true => StatusCode::NOT_FOUND,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let not_found = not_found.into_iter().map(|name| Failed {
        name,
        error: "not found among the dead letters that the queue handed out".into(),
    });
    Rejection::NothingDone {
        what,
        failed: ended.failed.into_iter().chain(not_found).collect(),
        status,
    }
}
