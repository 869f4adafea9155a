//! Sends the messages that the queue did not take when ingest had them, and removes them from the
//! outbox afterwards: in this order, so that a crash sends one twice rather than never.

use std::time::{Duration, SystemTime};

use hookgate_gateway::ports::{Clock, EventQueue, Kept, OutboxReader, PortError, chain};

/// What is kept of an invocation's time for the call that is under way.
const CLOSING_TIME: Duration = Duration::from_secs(4);

/// What the sweeper needs: the outbox, the queue, the time.
#[derive(Debug)]
pub struct Sweeper<S, Q, C> {
    outbox: S,
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

impl<S, Q, C> Sweeper<S, Q, C>
where
    S: OutboxReader,
    Q: EventQueue,
    C: Clock,
{
    /// A sweeper.
    pub fn new(outbox: S, queue: Q, clock: C) -> Self {
        Sweeper {
            outbox,
            queue,
            clock,
        }
    }

    /// Sends what waits in the outbox until it is empty or the time is over.
    ///
    /// # Errors
    /// When the outbox or the queue does not answer; what waits stays for the next sweep.
    pub async fn sweep(&self, deadline: SystemTime) -> Result<Swept, PortError> {
        let mut swept = Swept::default();
        loop {
            let waiting = self.outbox.waiting().await?;
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

    async fn send(&self, kept: &Kept, swept: &mut Swept) -> Result<(), PortError> {
        let Some(message) = &kept.message else {
            tracing::error!(outcome = "unreadable", key = %kept.key, epoch = kept.epoch, "outbox");
            swept.unreadable += 1;
            return Ok(());
        };
        self.queue.send(message).await?;
        self.outbox.remove(kept).await?;
        tracing::info!(outcome = "swept", source = message.event.source, key = %kept.key, "outbox");
        swept.sent += 1;
        Ok(())
    }
}

/// One sweep with its end in the log, for whoever calls it on a schedule.
pub async fn sweep_once<S, Q, C>(sweeper: &Sweeper<S, Q, C>, deadline: SystemTime)
where
    S: OutboxReader,
    Q: EventQueue,
    C: Clock,
{
    match sweeper.sweep(deadline).await {
        Ok(swept) if swept == Swept::default() => {}
        Ok(Swept { sent, unreadable }) => tracing::info!(sent, unreadable, "outbox swept"),
        Err(error) => tracing::error!(error = chain(&error), "outbox not swept"),
    }
}
