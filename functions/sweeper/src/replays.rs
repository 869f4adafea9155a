//! Carries out the replays of ranges, slice by slice: the parts of the archive are read side by side, and their events
//! are sent in batches.
//!
//! The events to be sent next are written down with its epochs before any of it is sent. A slice that
//! dies is begun again where it was last saved, and sends the same events at the same epochs: an
//! event that was handled meanwhile is done at that epoch, and the ledger settles the second message.

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream;
use hookgate::replay::{
    Cursor, EventRange, Pending, Progress, Replay, ReplayState, Replayed, Saved, send_all_again,
};
use hookgate::{AwsError, unix_ms};
use tokio::time::{Instant, sleep_until};

use crate::{CLOSING_TIME, Sweeper};

/// The number of messages in a batch: what SQS takes in one request.
const BATCH: usize = 10;

/// The number of batches that are sent side by side. With bodies of 256 KiB, those under way fit into 256 MB.
const SIDE_BY_SIDE: usize = 16;

/// The maximum number of events of one part of the archive that are read at a time.
const MAX_PAGE: usize = 100;

/// The number of events that are planned at most: they are written down in one item.
const MAX_PLANNED: usize = 1_200;

/// The number of times that parts are read before what they gave is sent.
const MAX_ROUNDS: usize = 8;

/// The time that sending may catch up after it was held up.
const CATCH_UP: Duration = Duration::from_millis(250);

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
        let mut pace = Pace::of(replay.rate_per_s);
        while self.has_time() {
            let sent = self.send_pending(replay, &mut pace).await;
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
    async fn send_pending(&self, replay: &mut Replay, pace: &mut Pace) -> bool {
        let mut again = Vec::new();
        let mut working = true;
        while working && !replay.progress.pending.is_empty() && self.has_time() {
            let chunk = pace.chunk.min(replay.progress.pending.len());
            let now: Vec<Pending> = replay.progress.pending.drain(..chunk).collect();
            let Sweeper { table, queue, .. } = self.sweeper;
            let id = &replay.id;
            let batches = now.chunks(BATCH);
            let batches: Vec<_> = batches
                .map(|batch| send_all_again(table, queue, id, batch))
                .collect();
            let batches = stream::iter(batches).buffered(SIDE_BY_SIDE);
            let sent: Vec<_> = batches.map(stream::iter).flatten().collect().await;
            working = sent.iter().any(Result::is_ok);
            for (pending, sent) in now.into_iter().zip(sent) {
                again.extend(replay.progress.count(pending, sent));
            }
            pace.wait(chunk).await;
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
        let wanted = (replay.rate_per_s as usize).clamp(1, MAX_PLANNED);
        let mut rounds = 0;
        while progress.pending.len() < wanted && !progress.exhausted && self.has_time() {
            if rounds >= MAX_ROUNDS && !progress.pending.is_empty() {
                break;
            }
            rounds += 1;
            self.read_parts(range, progress, wanted).await?;
        }
        Ok(())
    }

    /// Reads on in the parts that are open, side by side; where none is, opens those of the next day.
    async fn read_parts(
        &self,
        range: &EventRange,
        progress: &mut Progress,
        wanted: usize,
    ) -> Result<(), AwsError> {
        let table = &self.sweeper.table;
        if progress.open.is_empty() {
            match table.open_parts(range, progress.next.as_ref()).await? {
                Some(opened) => {
                    progress.open = opened.parts;
                    progress.next = Some(opened.rest);
                }
                None => progress.exhausted = true,
            }
            return Ok(());
        }
        let missing = wanted.saturating_sub(progress.pending.len());
        let parts = missing.div_ceil(MAX_PAGE).clamp(1, progress.open.len());
        let limit = u32::try_from(missing.clamp(1, MAX_PAGE)).unwrap_or(1);
        let read = progress.open[..parts].iter();
        let read = read.map(|part| table.part_page(range, part, limit));
        let pages = try_join_all(read).await?;
        // Those that were read come last the next time.
        let mut open: Vec<Cursor> = progress.open.split_off(parts);
        for page in pages {
            progress.found += page.events.len() as u64;
            let found = page.events.into_iter();
            progress.pending.extend(found.filter_map(Pending::of_range));
            open.extend(page.next);
        }
        progress.open = open;
        Ok(())
    }
}

/// The speed at which a replay's messages are sent.
struct Pace {
    rate: u32,
    /// The number of messages that are sent before a pause.
    chunk: usize,
    /// The time at which the next of them may be sent.
    due: Instant,
}

impl Pace {
    fn of(rate_per_s: u32) -> Pace {
        let rate = rate_per_s.max(1);
        Pace {
            rate,
            chunk: (rate / 10).max(rate.min(10)) as usize,
            due: Instant::now(),
        }
    }

    /// Waits until as many messages as were sent are within the rate.
    async fn wait(&mut self, sent: usize) {
        let earliest = Instant::now().checked_sub(CATCH_UP).unwrap_or(self.due);
        let taken = Duration::from_secs(1) * u32::try_from(sent).unwrap_or(1) / self.rate;
        self.due = self.due.max(earliest) + taken;
        sleep_until(self.due).await;
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
