//! Log lines as JSON, and metrics among them.

mod merged;
mod metric_lines;
pub mod metrics;
pub mod trace;

use std::io;
use std::panic::PanicHookInfo;

use merged::Merging;
pub use metric_lines::{MetricLine, MetricLines};
use metrics::{Dimension, Metric};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::Environment;

/// The prefix that the names of all our crates have.
const OURS: &str = "hookgate";

/// Writes log lines as JSON to standard output. `filter` is `HOOKGATE_LOG`'s text.
///
/// # Panics
/// On a filter that cannot be read, naming the variable, and when called twice: a program's start.
pub fn log_json(filter: &str) {
    Registry::default().with(lines(filter, io::stdout)).init();
}

/// Writes log lines and metrics to standard output, from where Lambda sends them to CloudWatch, and counts
/// the start of `function`. `sources` are the allowed values of the dimension `source`.
///
/// # Panics
/// As [`log_json`].
pub fn log_lambda<S: Into<String>>(
    environment: &Environment,
    function: &'static str,
    sources: impl IntoIterator<Item = S>,
) {
    let metrics = MetricLines::new(environment.metrics_namespace(), sources, io::stdout);
    telemetry(environment.log_filter(), metrics, io::stdout).init();
    std::panic::set_hook(Box::new(log_panic));
    MetricLine::new()
        .count(Metric::ColdStarts, 1)
        .by(Dimension::Function, function)
        .emit();
}

/// One line that says where a panic was. Its message is left out: it may hold what was parsed.
pub fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(outcome = "panic", place, "panic");
}

/// The subscriber that [`log_lambda`] installs, with log lines written to `writer`.
///
/// # Panics
/// On a filter that cannot be read.
pub fn telemetry<W>(filter: &str, metrics: MetricLines, writer: W) -> impl Subscriber
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Registry::default()
        .with(lines(filter, writer))
        .with(metrics)
}

fn lines<S, W>(filter: &str, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter: Targets = filter
        .parse()
        .unwrap_or_else(|error| panic!("HOOKGATE_LOG is not a log filter: {error}"));
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(Merging(writer))
        .with_filter(filter.and(filter_fn(is_discreet)))
}

/// True for a line that can be shown. Below `INFO`, the SDK and Lambda's runtime print whole requests and
/// events, with the secrets and bodies in them: no filter of an operator's may let them.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.starts_with(OURS) || *metadata.level() <= Level::INFO
}
