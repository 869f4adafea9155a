//! Log events as lines that a person reads: one per outcome.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::output::coloured;

/// The log filter unless `HOOKGATE_LOG` says otherwise.
pub(crate) const FILTER: &str = "warn,dynoxide=error,hookgate_ingest=info,hookgate_processor=info";

/// Prints lines for people: in colour on a terminal.
pub(crate) fn log_lines(filter: EnvFilter) {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(coloured())
        .event_format(Lines)
        .init();
}

struct Lines;

/// The fields that stand in columns of their own; the rest follow as `name=value`.
#[derive(Default)]
struct Columns {
    message: String,
    outcome: String,
    source: String,
    event_type: String,
    key: String,
    rest: String,
}

impl Visit for Columns {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            "outcome" => self.outcome = value.to_owned(),
            "source" => self.source = value.to_owned(),
            "event_type" => self.event_type = value.to_owned(),
            "key" | "keys" => self.key = value.to_owned(),
            // Control characters in a provider's text must not reach a terminal.
            name => drop(write!(self.rest, " {name}={}", value.escape_debug())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut columns = Columns::default();
        event.record(&mut columns);
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let clock = time.get(11..23).unwrap_or(&time);
        let what = if columns.outcome.is_empty() {
            &columns.message
        } else {
            &columns.outcome
        };
        let colour = match (
            writer.has_ansi_escapes(),
            *event.metadata().level(),
            what.as_str(),
        ) {
            (false, ..) => ("", ""),
            (_, Level::ERROR, _) => ("\x1b[31m", "\x1b[0m"),
            (_, Level::WARN, _) => ("\x1b[33m", "\x1b[0m"),
            (_, _, "accepted" | "done") => ("\x1b[32m", "\x1b[0m"),
            _ => ("\x1b[2m", "\x1b[0m"),
        };
        write!(writer, "{clock}  {}{what:<13}{}", colour.0, colour.1)?;
        for column in [&columns.source, &columns.event_type, &columns.key] {
            if !column.is_empty() {
                write!(writer, " {}", column.escape_debug())?;
            }
        }
        writeln!(writer, "{}", columns.rest)
    }
}
