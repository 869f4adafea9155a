use std::io::{self, Write, stdout};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::api::Access;
use crate::moment::moment;
use crate::output::{each, lines, text};
use crate::{BoxError, CommandResult};

/// See which events came in, and what became of them.
#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(subcommand)]
    command: EventsCommand,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// List events, newest first.
    #[command(after_help = "Examples:
  hookgate events list --source partssource --state dead
  hookgate events list --type order.created --json | jq '.[].key'")]
    List {
        /// Only of this source.
        #[arg(long)]
        source: Option<String>,
        /// Only in this state: received, enqueued, processing, done or dead.
        #[arg(long)]
        state: Option<String>,
        /// Only of a type that this pattern matches: `order.*`.
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Received from then on: 2026-01-31T12:00:00Z, or 30m, 2h, 7d ago.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<String>,
        /// Received until then.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one event: its state, attempts, times and raw payload.
    Show {
        /// The event's key, as `list` and the answer to a webhook give it.
        #[arg(allow_hyphen_values = true)] // a key may begin with a hyphen
        key: String,
        /// Print the body alone, byte for byte.
        #[arg(long, conflicts_with = "json")]
        raw: bool,
    },
}

/// Said where there is no payload.
pub(crate) const NO_PAYLOAD: &str =
    "the payload is gone, or the processor has not seen the event yet";

impl Events {
    pub(crate) async fn run(self) -> CommandResult {
        let api = self.access.open().await?;
        let answer = match &self.command {
            EventsCommand::List {
                source,
                state,
                event_type,
                since,
                until,
                limit,
            } => {
                let filters = [
                    ("source", source),
                    ("state", state),
                    ("type", event_type),
                    ("since", since),
                    ("until", until),
                ];
                let given = filters
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value.clone()?)));
                let query: Vec<_> = given.chain([("limit", limit.to_string())]).collect();
                api.get("/admin/events", &query).await?
            }
            EventsCommand::Show { key, .. } => {
                api.get(&format!("/admin/events/{key}"), &[]).await?
            }
        };
        if let EventsCommand::Show { raw: true, .. } = self.command {
            stdout().write_all(&raw(&answer["payload"])?)?;
            return Ok(ExitCode::SUCCESS);
        }
        match answer {
            answer if self.access.json => writeln!(stdout(), "{answer:#}")?,
            Value::Array(events) => print_list(&events)?,
            event => print_event(&event)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_list(events: &[Value]) -> io::Result<()> {
    let row = |r: [&str; 6]| {
        let [received, source, kind, state, attempts, key] = r;
        writeln!(
            stdout(),
            "{received:<24}  {source:<14}  {kind:<24}  {state:<10}  {attempts:>8}  {key}"
        )
    };
    row(["RECEIVED", "SOURCE", "TYPE", "STATE", "ATTEMPTS", "KEY"])?;
    for event in events {
        row([
            &text(&event["received_at"]),
            &text(&event["source"]),
            &text(&event["type"]),
            &text(&event["state"]),
            &text(&event["attempts"]),
            &text(&event["key"]),
        ])?;
    }
    Ok(())
}

/// The bytes of a payload's body.
fn raw(payload: &Value) -> Result<Vec<u8>, BoxError> {
    let body = payload["body_base64"].as_str().ok_or(NO_PAYLOAD)?;
    Ok(STANDARD.decode(body)?)
}

fn print_event(event: &Value) -> io::Result<()> {
    for field in [
        "key",
        "source",
        "tenant",
        "event_id",
        "type",
        "state",
        "received_at",
        "completed_at",
        "error",
        "attempts",
    ] {
        writeln!(stdout(), "{field:<13} {}", text(&event[field]))?;
    }
    let payload = &event["payload"];
    if payload.is_null() {
        writeln!(stdout(), "\n{NO_PAYLOAD}")?;
        return Ok(());
    }
    writeln!(stdout())?;
    for header in each(&payload["headers"]) {
        writeln!(stdout(), "{}: {}", text(&header[0]), text(&header[1]))?;
    }
    writeln!(stdout())?;
    match payload["body"].as_str() {
        Some(body) => writeln!(stdout(), "{}", lines(body))?,
        None => writeln!(stdout(), "(base64) {}", text(&payload["body_base64"]))?,
    }
    Ok(())
}
