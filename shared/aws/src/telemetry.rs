use tracing_subscriber::EnvFilter;

/// Writes log lines as JSON to standard output, where Lambda takes them to CloudWatch. `filter` is
/// `HOOKGATE_LOG`'s text.
///
/// # Panics
/// On a filter that cannot be read, naming the variable, and when called twice: a program's start.
pub fn log_json(filter: &str) {
    let filter = EnvFilter::try_new(filter)
        .unwrap_or_else(|error| panic!("HOOKGATE_LOG is no log filter: {error}"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .init();
}
