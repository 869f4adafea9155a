//! Carries out the replays of ranges, slice by slice.
//!
//! The events to be sent next are written down with its epochs before any of it is sent. A slice that
//! dies is begun again where it was last saved, and sends the same events at the same epochs: an
//! event that was handled meanwhile is done at that epoch, and the ledger settles the second message.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use hookgate::replay::{Pending, Progress, Replay, ReplayState, Replayed, Saved, send_again};
use hookgate::{AwsError, unix_ms};
use tokio::time::{Instant, sleep_until};

use crate::{CLOSING_TIME, Sweeper};

/// The maximum number of messages that are sent concurrently.
const CHUNK: usize = 10;

/// The maximum number of events in one slice.
const MAX_PAGE: u32 = 100;

/// The result of one slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// Messages that the queue took.
    pub sent: u64,
    /// Replays that are done now.
    pub done: usize,
}

impl Sweeper {
    /// Goes on with every running replay until all are done, or the time is over.
    ///
    /// # Errors
    /// When the table does not answer; what is not done is for the next slice.
    pub async fn replay(&self, deadline: SystemTime) -> Result<Slice, AwsError> {
        let running = self.table.running_replays().await?;
        let mut slice = Slice::default();
        let mut left = u32::try_from(running.len()).unwrap_or(u32::MAX);
        for mut replay in running {
            let now = self.clock.now();
            let rest = deadline.duration_since(now + CLOSING_TIME);
            // Each gets its share of the time that is left.
            let run = Run {
                sweeper: self,
                until: now + rest.unwrap_or(Duration::ZERO) / left.max(1),
            };
            left = left.saturating_sub(1);
            let before = replay.progress.sent;
            run.go_on(&mut replay).await?;
            slice.sent += replay.progress.sent.saturating_sub(before);
            slice.done += usize::from(replay.state == ReplayState::Done);
        }
        Ok(slice)
    }
}

struct Run<'a> {
    sweeper: &'a Sweeper,
    until: SystemTime,
}

impl Run<'_> {
    async fn go_on(&self, replay: &mut Replay) -> Result<(), AwsError> {
        while self.has_time() {
            let sent = self.send_pending(replay).await;
            if replay.progress.pending.is_empty() {
                self.plan(replay).await?;
            }
            if replay.progress.pending.is_empty() && replay.progress.exhausted {
                replay.state = ReplayState::Done;
                replay.ended_ms = Some(unix_ms(self.sweeper.clock.now()));
            }
            let saved = self
                .sweeper
                .table
                .save_replay(replay, self.sweeper.clock.now())
                .await?;
            if saved == Saved::Overtaken || replay.state != ReplayState::Running || !sent {
                log(replay, saved);
                return Ok(());
            }
        }
        Ok(())
    }

    fn has_time(&self) -> bool {
        self.sweeper.clock.now() < self.until
    }

    /// Sends what is planned, at the replay's rate, until the time is over. False when the queue or
    /// the store did not accept anything.
    async fn send_pending(&self, replay: &mut Replay) -> bool {
        let rate = replay.rate_per_s.max(1);
        let chunk = CHUNK.min(rate as usize);
        let mut again = Vec::new();
        let mut working = true;
        while working && !replay.progress.pending.is_empty() && self.has_time() {
            let began = Instant::now();
            let chunk = chunk.min(replay.progress.pending.len());
            let now: Vec<Pending> = replay.progress.pending.drain(..chunk).collect();
            let Sweeper { table, queue, .. } = self.sweeper;
            let sent = now
                .iter()
                .map(|pending| send_again(table, queue, &replay.id, pending));
            let sent = join_all(sent).await;
            working = sent.iter().any(Result::is_ok);
            for (pending, sent) in now.into_iter().zip(sent) {
                again.extend(replay.progress.count(pending, sent));
            }
            let pace = Duration::from_secs(1) * u32::try_from(chunk).unwrap_or(1) / rate;
            sleep_until(began + pace).await;
        }
        again.append(&mut replay.progress.pending);
        replay.progress.pending = again;
        working
    }

    /// Looks for the next events, until there are some, or no more, or the time is over.
    async fn plan(&self, replay: &mut Replay) -> Result<(), AwsError> {
        let Replayed::Range(range) = &replay.of else {
            replay.progress.exhausted = true;
            return Ok(());
        };
        let progress = &mut replay.progress;
        let limit = replay.rate_per_s.saturating_mul(2).clamp(1, MAX_PAGE);
        while progress.pending.is_empty() && !progress.exhausted && self.has_time() {
            let page = self
                .sweeper
                .table
                .page(range, progress.next.as_ref(), limit)
                .await?;
            progress.found += page.events.len() as u64;
            progress.exhausted = page.next.is_none();
            progress.next = page.next;
            let found = page.events.into_iter();
            progress.pending.extend(found.filter_map(Pending::of_range));
        }
        Ok(())
    }
}

fn log(replay: &Replay, saved: Saved) {
    let Progress {
        sent,
        skipped,
        failed,
        error,
        ..
    } = &replay.progress;
    match (saved, replay.state, error) {
        (Saved::Yes, ReplayState::Done, _) => {
            tracing::info!(replay = %replay.id, sent, skipped, failed, "replay done");
        }
        (Saved::Yes, _, Some(error)) => {
            tracing::warn!(replay = %replay.id, error, "replay not advanced");
        }
        _ => tracing::info!(replay = %replay.id, "replay changed by someone else"),
    }
}
