//! The work of each minute: send the messages of the outbox, go on with the replays of ranges.
//!
//! A message that the queue did not accept from ingest is sent, and then deleted from the
//! outbox: in this order, so that a crash sends it twice rather than never.

mod replays;

use std::time::{Duration, SystemTime};

use hookgate::event::OutboxEntry;
use hookgate::metrics::Metric;
use hookgate::{AwsError, Clock, DynamoTable, MetricLine, SqsQueue, chain, one_line};
pub use replays::Slice;

/// The time that an invocation leaves for the calls that are under way.
const CLOSING_TIME: Duration = Duration::from_secs(4);

/// The function: the table, the queue, the time.
#[derive(Debug)]
pub struct Sweeper {
    table: DynamoTable,
    queue: SqsQueue,
    clock: Clock,
}

/// The result of one sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Messages that are in the queue now, and no longer in the outbox.
    pub sent: usize,
    /// Entries that cannot be read, and that stay for an operator to look at.
    pub unreadable: usize,
}

impl Sweeper {
    /// A sweeper.
    pub fn new(table: DynamoTable, queue: SqsQueue, clock: Clock) -> Self {
        Sweeper {
            table,
            queue,
            clock,
        }
    }

    /// Sends what waits in the outbox until it is empty or the time is over.
    ///
    /// # Errors
    /// When the outbox or the queue does not answer; what waits stays for the next sweep.
    pub async fn sweep(&self, deadline: SystemTime) -> Result<Swept, AwsError> {
        let mut swept = Swept::default();
        loop {
            let waiting = self.table.outbox_entries().await?;
            let sent_before = swept.sent;
            swept.unreadable = 0;
            for entry in waiting {
                if self.clock.now() + CLOSING_TIME > deadline {
                    return Ok(swept);
                }
                self.send(&entry, &mut swept).await?;
            }
            // Nothing left, or nothing but what cannot be read.
            if swept.sent == sent_before {
                return Ok(swept);
            }
        }
    }

    /// The number of outbox entries, for the metrics; `None` if the table does not answer.
    async fn depth(&self) -> Option<u64> {
        let depth = self.table.outbox_depth().await;
        let logged = |error: &AwsError| tracing::warn!(error = chain(error), "outbox not counted");
        depth.inspect_err(logged).ok()
    }

    async fn send(&self, entry: &OutboxEntry, swept: &mut Swept) -> Result<(), AwsError> {
        let Some(message) = &entry.message else {
            tracing::error!(outcome = "unreadable", key = %entry.key, epoch = entry.epoch, "outbox entry cannot be read");
            swept.unreadable += 1;
            return Ok(());
        };
        self.queue.send(message).await?;
        self.table.remove_from_outbox(entry).await?;
        tracing::info!(outcome = "swept", source = one_line(&message.event.source).as_ref(), key = %entry.key, "outbox entry sent");
        swept.sent += 1;
        Ok(())
    }
}

/// One sweep and one slice of the replays, their ends in the log: the work of one scheduled call.
pub async fn run_once(sweeper: &Sweeper, deadline: SystemTime) {
    let swept = sweeper.sweep(deadline).await;
    let replayed = sweeper.replay(deadline).await;
    let depth = sweeper.depth().await;
    let well = swept.is_ok() && replayed.is_ok();
    let replayed_now = replayed.as_ref().map_or(0, |slice| slice.sent);
    let depth = depth.map(|depth| vec![depth]).unwrap_or_default();
    MetricLine::new()
        .count(Metric::SweeperRuns, well.into())
        .values(Metric::OutboxDepth, &depth)
        .count(Metric::EventsReplayed, replayed_now)
        .emit();
    match swept {
        Ok(swept) if swept == Swept::default() => {}
        Ok(Swept { sent, unreadable }) => tracing::info!(sent, unreadable, "outbox swept"),
        Err(error) => tracing::error!(error = chain(&error), "outbox not swept"),
    }
    match replayed {
        Ok(slice) if slice == Slice::default() => {}
        Ok(Slice { sent, done }) => tracing::info!(sent, done, "replays advanced"),
        Err(error) => tracing::error!(error = chain(&error), "replays not advanced"),
    }
}
