//! The outcomes of a batch: one line a source for the events that were handled, with the metrics of all.

use std::collections::BTreeMap;

use hookgate::metrics::{Dimension, Metric};
use hookgate::{MetricLine, one_line};

use crate::handled::Handled;
use crate::outcome::{Count, Outcome};

/// The outcomes of a batch by source, however many messages there were.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<Option<String>, SourceCounts>);

#[derive(Debug, Default)]
struct SourceCounts {
    processed: u64,
    failed: u64,
    dead: u64,
    held: u64,
    mismatches: u64,
    handled: Vec<Handled>,
    latencies_ms: Vec<u64>,
}

impl Counts {
    /// Adds a message's outcome.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        let counts = self.0.entry(outcome.source).or_default();
        match outcome.count {
            Count::Processed {
                handled,
                latency_ms,
            } => {
                counts.processed += 1;
                counts.handled.extend(handled);
                counts.latencies_ms.extend(latency_ms);
            }
            Count::Failed => counts.failed += 1,
            Count::DeadLettered => counts.dead += 1,
            Count::Held => counts.held += 1,
            Count::OtherBody => counts.mismatches += 1,
            Count::Nothing => {}
        }
    }

    /// Writes the lines.
    pub(crate) fn emit(&self) {
        for (source, counts) in &self.0 {
            counts.emit(source.as_deref());
        }
    }
}

impl SourceCounts {
    fn emit(&self, source: Option<&str>) {
        let unhandled = self.processed - self.handled.len() as u64;
        let line = MetricLine::new()
            .count(Metric::EventsProcessed, self.processed)
            .count(Metric::EventsUnhandled, unhandled)
            .count(Metric::EventsFailed, self.failed)
            .count(Metric::EventsDeadLettered, self.dead)
            .count(Metric::EventsHeld, self.held)
            .count(Metric::PayloadMismatch, self.mismatches)
            .values(Metric::EndToEndLatency, &self.latencies_ms);
        match source {
            Some(source) => line
                .by(Dimension::Source, source)
                .emit_with(|| self.log(source)),
            None => line.emit(),
        }
    }

    /// Logs the events that were handled. One by itself is told in full; of several, ingest's lines tell the rest.
    fn log(&self, source: &str) {
        let source = one_line(source);
        match self.handled.as_slice() {
            [] => {}
            [one] => one.log(&source),
            several => {
                let keys: Vec<&str> = several.iter().map(|one| one.key.as_str()).collect();
                tracing::info!(
                    outcome = "done",
                    source = source.as_ref(),
                    events = keys.len(),
                    keys = keys.join(" "),
                );
            }
        }
    }
}
