//! The work of each minute: send what is due in the outbox, probe and release held routes, go on with the replays of
//! ranges.
//!
//! A message is sent, and then its row is removed from the outbox: in this order, so that a crash sends it twice rather
//! than never.

mod held;
mod replays;

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use hookgate::event::{OutboxRow, Rows};
use hookgate::metrics::Metric;
use hookgate::{AwsError, Clock, DynamoTable, Message, MetricLine, Route, SqsQueue, chain};
pub use replays::Slice;

/// The time that an invocation leaves for the calls that are under way.
const CLOSING_TIME: Duration = Duration::from_secs(4);

/// The time between two sweeps: what is due by the next one is sent with the rest of its wait as a delay.
const INTERVAL: Duration = Duration::from_secs(60);

/// The number of shards that are swept side by side.
const SIDE_BY_SIDE: usize = 8;

/// The number of rows that are read at a time. With bodies of 256 KiB, those of all shards under way fit into 256 MB.
const PAGE: i32 = 20;

/// The function: the table, the queue, the routes, the time.
#[derive(Debug)]
pub struct Sweeper {
    table: DynamoTable,
    queue: SqsQueue,
    routes: Vec<Route>,
    clock: Clock,
}

/// The result of one sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Messages that are in the queue now, and no longer in the outbox.
    pub sent: usize,
    /// Rows that cannot be read, and that stay for an operator to look at.
    pub unreadable: usize,
    /// Rows whose message the queue did not accept, or that could not be removed: they stay for the next sweep.
    pub left: usize,
}

impl Swept {
    /// True unless all that it looked at was left: then the queue takes nothing.
    fn is_well(self) -> bool {
        self.left == 0 || self.sent > 0
    }

    fn and(self, other: Swept) -> Swept {
        Swept {
            sent: self.sent + other.sent,
            unreadable: self.unreadable + other.unreadable,
            left: self.left + other.left,
        }
    }
}

impl Sweeper {
    /// A sweeper.
    pub fn new(table: DynamoTable, queue: SqsQueue, routes: Vec<Route>, clock: Clock) -> Self {
        Sweeper {
            table,
            queue,
            routes,
            clock,
        }
    }

    /// Sends what is due in the outbox, shard by shard and several of them side by side, until the time is over. A row
    /// that cannot be sent holds up no other.
    ///
    /// # Errors
    /// When the table does not answer; what waits stays for the next sweep.
    pub async fn sweep(&self, deadline: SystemTime) -> Result<Swept, AwsError> {
        let due = Rows::Due(self.clock.now() + INTERVAL);
        let shards = self.table.outbox_shards().await?;
        let shards = shards.map(|shard| self.sweep_shard(due, shard, deadline));
        let swept: Vec<_> = stream::iter(shards)
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
        let swept = swept.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(swept.into_iter().fold(Swept::default(), Swept::and))
    }

    async fn sweep_shard(
        &self,
        due: Rows<'_>,
        shard: u8,
        deadline: SystemTime,
    ) -> Result<Swept, AwsError> {
        let mut swept = Swept::default();
        let mut from = None;
        while self.clock.now() + CLOSING_TIME <= deadline {
            let page = self.table.outbox_page(due, shard, from, PAGE).await?;
            swept = swept.and(self.send_rows(&page.rows, |row| row.due).await);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(swept)
    }

    /// Sends the messages of rows, each to become visible at its time, and then removes the rows.
    async fn send_rows(
        &self,
        rows: &[OutboxRow],
        visible_at: impl Fn(&OutboxRow) -> SystemTime,
    ) -> Swept {
        let now = self.clock.now();
        let readable = |row| readable_message(row).map(|message| (row, message));
        let readable: Vec<(&OutboxRow, &Message)> = rows.iter().filter_map(readable).collect();
        let messages: Vec<(&Message, Duration)> = readable
            .iter()
            .map(|(row, message)| {
                let rest = visible_at(row).duration_since(now);
                (*message, rest.unwrap_or_default())
            })
            .collect();
        let sent = self.queue.send_all(&messages).await;
        let removed = readable.iter().zip(sent).map(|((row, _), sent)| async {
            sent?;
            self.table.remove_from_outbox(row).await
        });
        let mut swept = Swept {
            unreadable: rows.len() - readable.len(),
            ..Swept::default()
        };
        for (ended, (row, _)) in join_all(removed).await.into_iter().zip(&readable) {
            match ended {
                Ok(()) => swept.sent += 1,
                Err(error) => {
                    swept.left += 1;
                    tracing::error!(outcome = "not_swept", key = %row.key, error = chain(&error), "outbox row not sent or not removed");
                }
            }
        }
        swept
    }

    /// The number of rows that are due, for the metrics; `None` if the table does not answer.
    async fn depth(&self) -> Option<u64> {
        let depth = self.table.outbox_depth(self.clock.now()).await;
        let logged = |error: &AwsError| tracing::warn!(error = chain(error), "outbox not counted");
        depth.inspect_err(logged).ok()
    }
}

fn readable_message(row: &OutboxRow) -> Option<&Message> {
    if row.message.is_none() {
        let (key, epoch) = (&row.key, row.number.epoch);
        tracing::error!(outcome = "unreadable", key = %key, epoch, "outbox row cannot be read");
    }
    row.message.as_ref()
}

/// One sweep, one minute of the routes that hold messages, and one slice of the replays, their ends in the log: the
/// work of one scheduled call.
pub async fn run_once(sweeper: &Sweeper, deadline: SystemTime) {
    let swept = sweeper.sweep(deadline).await;
    let released = sweeper.release(deadline).await;
    let replayed = sweeper.replay(deadline).await;
    let depth = sweeper.depth().await;
    let is_well =
        |swept: &Result<Swept, AwsError>| swept.as_ref().is_ok_and(|swept| swept.is_well());
    let well = is_well(&swept) && is_well(&released) && replayed.is_ok();
    let replayed_now = replayed.as_ref().map_or(0, |slice| slice.sent);
    let depth: Vec<u64> = depth.into_iter().collect();
    let held: Vec<u64> = sweeper.held_depth().await.into_iter().collect();
    MetricLine::new()
        .count(Metric::SweeperRuns, well.into())
        .values(Metric::OutboxDepth, &depth)
        .values(Metric::HeldDepth, &held)
        .count(Metric::EventsReplayed, replayed_now)
        .emit();
    log(swept, "outbox swept", "outbox not swept");
    log(
        released,
        "held messages released",
        "held messages not released",
    );
    match replayed {
        Ok(slice) if slice == Slice::default() => {}
        Ok(Slice { sent, done }) => tracing::info!(sent, done, "replays advanced"),
        Err(error) => tracing::error!(error = chain(&error), "replays not advanced"),
    }
}

fn log(swept: Result<Swept, AwsError>, done: &str, failed: &str) {
    match swept {
        Ok(swept) if swept == Swept::default() => {}
        Ok(Swept {
            sent,
            unreadable,
            left,
        }) => tracing::info!(sent, unreadable, left, "{done}"),
        Err(error) => tracing::error!(error = chain(&error), "{failed}"),
    }
}
