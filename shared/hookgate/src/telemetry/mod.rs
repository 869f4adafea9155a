//! Log lines as JSON, and metrics among them.

mod metric_lines;
pub mod metrics;
pub mod trace;

use std::io;
use std::panic::PanicHookInfo;

use crate::emit;
pub use metric_lines::MetricLines;
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

/// Writes log lines and metrics to standard output, where Lambda takes them to CloudWatch, and counts
/// the start of `function`. `sources` are the names that metrics may be told apart by.
///
/// # Panics
/// As [`log_json`].
pub fn log_lambda<S: Into<String>>(
    environment: &Environment,
    function: &'static str,
    sources: impl IntoIterator<Item = S>,
) {
    let metric_lines = MetricLines::new(environment.metrics_namespace(), sources);
    telemetry(environment.log_filter(), metric_lines, io::stdout).init();
    std::panic::set_hook(Box::new(log_panic));
    emit!(ColdStarts = 1; function = function);
}

/// One line that says where a panic was. Its message is left out: it may hold what was parsed.
pub fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(outcome = "panic", place, "panic");
}

/// What [`log_lambda`] installs, writing to `writer`.
///
/// # Panics
/// On a filter that cannot be read.
pub fn telemetry<W>(filter: &str, metric_lines: MetricLines, writer: W) -> impl Subscriber
where
    W: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let metric_lines = metric_lines.writing_to(writer.clone());
    let only_metrics = filter_fn(|metadata| metadata.target() == metrics::TARGET);
    Registry::default()
        .with(lines(filter, writer))
        .with(metric_lines.with_filter(only_metrics))
}

fn lines<S, W>(filter: &str, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter: Targets = filter
        .parse()
        .unwrap_or_else(|error| panic!("HOOKGATE_LOG is no log filter: {error}"));
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
        .with_filter(filter.and(filter_fn(is_discreet)))
}

/// Whether a line can be shown. Below `INFO`, the SDK and Lambda's runtime print whole requests and
/// events, with the secrets and bodies in them: no filter of an operator's may let them.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let ours = target.starts_with(OURS);
    target != metrics::TARGET && (ours || *metadata.level() <= Level::INFO)
}
