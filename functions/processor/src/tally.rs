//! What a batch adds to the metrics: one line a source, however many messages there were.

use std::collections::BTreeMap;

use hookgate::emit;
use hookgate::metrics::{MAX_VALUES, some};

/// How one message ended, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its event was handled.
    Processed {
        /// A route took it.
        routed: bool,
        /// How long after its request arrived; `None` for a replay, which says nothing of latency.
        latency_ms: Option<u64>,
    },
    /// The attempt failed, and the message comes again.
    Failed,
    /// It is in the dead-letter queue.
    DeadLettered,
    /// Nothing happened that is counted.
    Uncounted,
}

/// The ends of a batch's messages, by source; what nobody could read has none.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<Option<String>, Ends>);

#[derive(Debug, Default)]
struct Ends {
    processed: u64,
    unhandled: u64,
    failed: u64,
    dead: u64,
    latencies_ms: Vec<u64>,
}

impl Tally {
    /// Counts the end of a message of this source.
    pub(crate) fn count(&mut self, source: Option<String>, end: End) {
        let ends = self.0.entry(source).or_default();
        match end {
            End::Processed { routed, latency_ms } => {
                ends.processed += 1;
                ends.unhandled += u64::from(!routed);
                ends.latencies_ms.extend(latency_ms);
            }
            End::Failed => ends.failed += 1,
            End::DeadLettered => ends.dead += 1,
            End::Uncounted => {}
        }
    }

    /// Gives the metrics out.
    pub(crate) fn emit(&self) {
        for (source, ends) in &self.0 {
            ends.emit(source.as_deref());
        }
    }
}

impl Ends {
    fn emit(&self, source: Option<&str>) {
        let mut latencies = self.latencies_ms.chunks(MAX_VALUES);
        emit!(
            EventsProcessed = some(self.processed),
            EventsUnhandled = some(self.unhandled),
            EventsFailed = some(self.failed),
            EventsDeadLettered = some(self.dead),
            EndToEndLatency = latencies.next().map(tracing::field::debug);
            source = source
        );
        for more in latencies {
            emit!(EndToEndLatency = tracing::field::debug(more); source = source);
        }
    }
}
