//! What happens on a schedule: the messages of the outbox are sent, the replays of ranges go on.
//!
//! A message that the queue did not take when ingest had it is sent, and then removed from the
//! outbox: in this order, so that a crash sends it twice rather than never.

mod replays;

use std::time::{Duration, SystemTime};

use hookgate::metrics::some;
use hookgate::operators::{EventReader, Replays};
use hookgate::ports::{Clock, EventQueue, Kept, OutboxReader, PortError, chain};
use hookgate::{emit, shown};
pub use replays::Slice;

/// What is kept of an invocation's time for the calls that are under way.
const CLOSING_TIME: Duration = Duration::from_secs(4);

/// What the sweeper needs: the table, the queue, the time.
#[derive(Debug)]
pub struct Sweeper<S, Q, C> {
    store: S,
    queue: Q,
    clock: C,
}

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Messages that are in the queue now, and no longer in the outbox.
    pub sent: usize,
    /// Messages that nobody can read, and that stay for an operator to look at.
    pub unreadable: usize,
}

impl<S, Q, C> Sweeper<S, Q, C> {
    /// A sweeper.
    pub fn new(store: S, queue: Q, clock: C) -> Self {
        Sweeper {
            store,
            queue,
            clock,
        }
    }
}

impl<S, Q, C> Sweeper<S, Q, C>
where
    S: OutboxReader,
    Q: EventQueue,
    C: Clock,
{
    /// Sends what waits in the outbox until it is empty or the time is over.
    ///
    /// # Errors
    /// When the outbox or the queue does not answer; what waits stays for the next sweep.
    pub async fn sweep(&self, deadline: SystemTime) -> Result<Swept, PortError> {
        let mut swept = Swept::default();
        loop {
            let waiting = self.store.waiting().await?;
            let sent_before = swept.sent;
            swept.unreadable = 0;
            for kept in waiting {
                if self.clock.now() + CLOSING_TIME > deadline {
                    return Ok(swept);
                }
                self.send(&kept, &mut swept).await?;
            }
            // Nothing left, or nothing but what cannot be read.
            if swept.sent == sent_before {
                return Ok(swept);
            }
        }
    }

    /// How many messages wait, for the metrics; `None` when the outbox does not answer.
    async fn depth(&self) -> Option<u64> {
        let depth = self.store.depth().await;
        let logged = |error: &PortError| tracing::warn!(error = chain(error), "outbox not counted");
        depth.inspect_err(logged).ok()
    }

    async fn send(&self, kept: &Kept, swept: &mut Swept) -> Result<(), PortError> {
        let Some(message) = &kept.message else {
            tracing::error!(outcome = "unreadable", key = %kept.key, epoch = kept.epoch, "outbox");
            swept.unreadable += 1;
            return Ok(());
        };
        self.queue.send(message).await?;
        self.store.remove(kept).await?;
        tracing::info!(outcome = "swept", source = shown(&message.event.source).as_ref(), key = %kept.key, "outbox");
        swept.sent += 1;
        Ok(())
    }
}

/// One sweep and one slice of the replays, their ends in the log, for whoever calls it on a schedule.
pub async fn run_once<S, Q, C>(sweeper: &Sweeper<S, Q, C>, deadline: SystemTime)
where
    S: OutboxReader + EventReader + Replays,
    Q: EventQueue,
    C: Clock,
{
    let swept = sweeper.sweep(deadline).await;
    let replayed = sweeper.replay(deadline).await;
    let depth = sweeper.depth().await;
    let well = swept.is_ok() && replayed.is_ok();
    emit!(
        SweeperRuns = some(well.into()),
        OutboxDepth = depth,
        EventsReplayed = replayed.as_ref().ok().and_then(|slice| some(slice.sent)),
    );
    match swept {
        Ok(swept) if swept == Swept::default() => {}
        Ok(Swept { sent, unreadable }) => tracing::info!(sent, unreadable, "outbox swept"),
        Err(error) => tracing::error!(error = chain(&error), "outbox not swept"),
    }
    match replayed {
        Ok(slice) if slice == Slice::default() => {}
        Ok(Slice { sent, done }) => tracing::info!(sent, done, "replayed"),
        Err(error) => tracing::error!(error = chain(&error), "replays wait"),
    }
}
