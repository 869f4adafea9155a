use std::io::{self, Read, Write, stdin, stdout};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clap::Args;
use futures_util::FutureExt;
use hookgate::event::TableWrite;
use hookgate::{Body, Event, EventKey, system_now};
use hookgate_processor::handlers::{Effect, HandlerError, Handlers};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::lines::{FILTER, log_lines};
use crate::output::line;
use crate::recorded::Recorded;
use crate::{BoxError, CommandResult};

/// The time that a deployed handler has at most, as in the template.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(30);

/// Run one handler of the processor on one event, and show what it would do.
///
/// Nothing is recorded, and writes to tables are shown and not made. What the handler does itself, such as
/// calling a service, happens.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hookgate events show KEY --json | hookgate handle order_created --event -
  hookgate handle order_created --event body.json --source partssource --type order.created

It exits with 0 where the handler succeeds, with 1 where it fails.")]
pub(crate) struct Handle {
    /// The handler's name.
    name: String,
    /// File with the output of `events show --json`, or with a body; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// The source of a body.
    #[arg(long, default_value = "example")]
    source: String,
    /// The event type of a body.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// The tenant of a body.
    #[arg(long)]
    tenant: Option<String>,
    /// Print JSON instead of a log.
    #[arg(long)]
    json: bool,
}

impl Handle {
    pub(crate) async fn run(self) -> CommandResult {
        if !self.json {
            log_lines(EnvFilter::try_new(FILTER)?);
        }
        let handlers = Handlers::built_in();
        let (event, body) = self.event()?;
        let Some(run) = handlers.call(&self.name, &event, &body) else {
            let known = handlers.names().collect::<Vec<_>>().join(", ");
            return Err(format!("unknown handler `{}`; there are {known}", self.name).into());
        };
        let run = AssertUnwindSafe(run).catch_unwind();
        let result = match tokio::time::timeout(FUNCTION_TIMEOUT, run).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(HandlerError::panicked()),
            Err(_) => Err(HandlerError::transient(
                "the handler did not finish within 30 s",
            )),
        };
        self.print(&result)?;
        Ok(ExitCode::from(u8::from(result.is_err())))
    }

    fn event(&self) -> Result<(Event, Bytes), BoxError> {
        let file = self.event.display();
        let bytes = match self.event.as_os_str() == "-" {
            true => read_all(stdin()),
            false => std::fs::read(&self.event),
        };
        let bytes = bytes.map_err(|error| format!("cannot read {file}: {error}"))?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(shown))
                if shown.contains_key("payload") && shown.contains_key("key") =>
            {
                let text = std::str::from_utf8(&bytes)?;
                shown_event(&Value::Object(shown), text)
                    .map_err(|why| format!("{file}: {why}").into())
            }
            _ => Ok(self.event_of(bytes.into())),
        }
    }

    /// An event with this body.
    fn event_of(&self, body: Bytes) -> (Event, Bytes) {
        let event = Event {
            key: EventKey::new(self.tenant.as_deref(), &self.source, "id:example"),
            source: self.source.clone(),
            tenant: self.tenant.clone(),
            id: None,
            event_type: self.event_type.clone(),
            received: system_now(),
            headers: Vec::new(),
            trace: None,
            body: Body::Inline(body.clone()),
        };
        (event, body)
    }

    fn print(&self, result: &Result<Effect, HandlerError>) -> io::Result<()> {
        if self.json {
            return writeln!(stdout(), "{}", told(result));
        }
        match result {
            Ok(Effect::Happened) => writeln!(stdout(), "done"),
            Ok(Effect::Writes(writes)) => {
                writeln!(
                    stdout(),
                    "done, with what is written to tables together with it:"
                )?;
                writes
                    .iter()
                    .try_for_each(|write| writeln!(stdout(), "  {}", written(write)))
            }
            Err(error) => writeln!(stdout(), "{}: {}", error.class(), line(error.message())),
        }
    }
}

fn read_all(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The event that `events show --json` prints.
fn shown_event(shown: &Value, text: &str) -> Result<(Event, Bytes), String> {
    let field = |name: &str| shown[name].as_str().map(str::to_owned);
    let source = field("source").ok_or("the event has no source")?;
    let recorded = Recorded::parse(text, &source)?;
    let key = field("key").and_then(|key| EventKey::parse(&key));
    let body = Bytes::from(recorded.body);
    let event = Event {
        key: key.ok_or("the event has no key")?,
        source,
        tenant: field("tenant"),
        id: field("event_id"),
        event_type: field("type"),
        received: recorded.received.unwrap_or(SystemTime::UNIX_EPOCH),
        headers: recorded.headers,
        trace: None,
        body: Body::Inline(body.clone()),
    };
    Ok((event, body))
}

fn told(result: &Result<Effect, HandlerError>) -> Value {
    match result {
        Ok(Effect::Happened) => json!({ "result": "done", "writes": [] }),
        Ok(Effect::Writes(writes)) => {
            json!({ "result": "done", "writes": writes.iter().map(written).collect::<Vec<_>>() })
        }
        Err(error) => json!({ "result": error.class(), "error": error.message() }),
    }
}

fn written(write: &TableWrite) -> Value {
    match write {
        TableWrite::Put { table, item } => json!({ "put": item, "table": table }),
        TableWrite::Add {
            table,
            key,
            attribute,
            amount,
        } => json!({ "add": amount, "to": attribute, "of": key, "table": table }),
    }
}
