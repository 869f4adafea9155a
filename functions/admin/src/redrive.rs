//! Dead letters sent back to the queue, or discarded: by their names, or by what they have in common.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use hookgate::dead_letter::{DeadLetter, DiscardDecision};
use hookgate::{Message, chain, rfc3339};
use hookgate_api::{DeadLetterSummary, Discard, Discarded, Failed, Redrive, Redriven};
use http::StatusCode;

use crate::names::{Common, MAX_NAMES, Names, view};
use crate::replay::reason;
use crate::{Admin, Rejection};

/// The maximum number of dead letters that one request with filters redrives.
const MAX_BATCH: usize = 200;

/// The number of dead letters that are sent concurrently.
const CHUNK: usize = 10;

/// The dead letters that were meant, and the names of which there were none.
struct Meant {
    dead_letters: Vec<DeadLetter>,
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
        let meant = match (named, Common::of(&asked)?) {
            (0, Some(common)) => self.alike(&common).await?,
            (1..=MAX_NAMES, None) => self.named(&asked.keys, &asked.message_ids).await?,
            (1.., Some(_)) => {
                return Err(Rejection::asked(
                    "either name dead letters, or say what they have in common: `source`, `type`, `reason_contains`, \
                     `sent_before`",
                ));
            }
            (_, None) => {
                return Err(Rejection::asked(format!(
                    "name 1 to {MAX_NAMES} `keys` or `message_ids`, or say what they have in common: `source`, \
                     `type`, `reason_contains`, `sent_before`; POST /admin/dead-letters/moves moves all"
                )));
            }
        };
        let ended = self
            .each(&meant.dead_letters, |dead_letter| {
                self.redrive_dead_letter(dead_letter)
            })
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
        let discard = |dead_letter| self.discard_dead_letter(dead_letter, &reason);
        let ended = self.each(&meant.dead_letters, discard).await;
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

    /// Receives the dead letters of these names.
    async fn named(&self, keys: &[String], message_ids: &[String]) -> Result<Meant, Rejection> {
        let names = Names::read(keys, message_ids)?;
        let received = self
            .receive(usize::MAX, |dead_letter| names.match_any(dead_letter))
            .await?;
        let found: BTreeSet<String> = received
            .dead_letters
            .iter()
            .flat_map(|dead_letter| names.matching(dead_letter))
            .collect();
        let asked = keys.iter().chain(message_ids);
        Ok(Meant {
            dead_letters: received.dead_letters,
            not_found: asked
                .filter(|name| !found.contains(*name))
                .cloned()
                .collect(),
            complete: received.complete,
        })
    }

    /// Receives a batch of the dead letters that have this in common.
    async fn alike(&self, common: &Common) -> Result<Meant, Rejection> {
        let received = self
            .receive(MAX_BATCH, |dead_letter| common.admits(dead_letter))
            .await?;
        Ok(Meant {
            dead_letters: received.dead_letters,
            not_found: Vec::new(),
            complete: received.complete,
        })
    }

    /// Does it with each, some at a time. Those that it fails with are released.
    async fn each<'a, D>(
        &self,
        dead_letters: &'a [DeadLetter],
        act: impl Fn(&'a DeadLetter) -> D,
    ) -> Ended
    where
        D: Future<Output = Result<(), Rejection>>,
    {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for chunk in dead_letters.chunks(CHUNK) {
            let ends = join_all(chunk.iter().map(&act)).await;
            for (dead_letter, end) in chunk.iter().zip(ends) {
                match end {
                    Ok(()) => done.push(view(dead_letter)),
                    Err(error) => {
                        self.release(std::slice::from_ref(dead_letter)).await;
                        failed.push(Failed {
                            name: dead_letter.message_id.clone(),
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
    async fn redrive_dead_letter(&self, dead_letter: &DeadLetter) -> Result<(), Rejection> {
        self.dead_letters.send_again(dead_letter).await?;
        if let Err(error) = self.dead_letters.remove(dead_letter).await {
            // It is in both queues now: another redrive of it is settled by the ledger.
            tracing::warn!(
                message_id = dead_letter.message_id,
                error = chain(&error),
                "dead letter not deleted"
            );
        }
        Ok(())
    }

    /// Notes with the event that its dead letter was discarded, and then removes it. A crash between the two leaves a
    /// dead letter whose event says that it was discarded: it can be discarded again, or redriven, as a dead event may
    /// be claimed. The other order could leave an event that waits for ever for a message that is gone.
    async fn discard_dead_letter(
        &self,
        dead_letter: &DeadLetter,
        reason: &str,
    ) -> Result<(), Rejection> {
        let key = match Message::from_json(&dead_letter.body) {
            Ok(message) => {
                let text = discarded_text(dead_letter, reason);
                self.mark_discarded(&message, &text).await?;
                Some(message.event.key)
            }
            Err(_) => None,
        };
        self.dead_letters.remove(dead_letter).await?;
        let key = key.as_ref().map(hookgate::EventKey::as_str);
        tracing::info!(
            key,
            message_id = dead_letter.message_id,
            reason,
            "dead letter discarded"
        );
        Ok(())
    }

    async fn mark_discarded(&self, message: &Message, text: &str) -> Result<(), Rejection> {
        let Message { event, number, .. } = message;
        let now = self.clock.now();
        let noted = self.table.note_discarded(event, *number, text, now);
        match noted.await? {
            DiscardDecision::Dead | DiscardDecision::Settled => Ok(()),
            DiscardDecision::Busy { until_ms } => Err(Rejection::Conflict(format!(
                "its event may be running until {}; discard it after that",
                rfc3339(until_ms)
            ))),
        }
    }
}

/// The error of an event whose dead letter was discarded. One that SQS moved itself has no reason.
fn discarded_text(dead_letter: &DeadLetter, reason: &str) -> String {
    match dead_letter.attributes.get("Reason") {
        Some(error) => format!("discarded: {reason}; before: {error}"),
        None => format!("discarded: {reason}"),
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
