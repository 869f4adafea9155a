use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::Outcome;
use crate::api::Access;
use crate::moment::moment;

/// See which events came in, and what became of them.
#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum Command {
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
        /// Received then or later: 2026-01-31T12:00:00Z, or 30m, 2h, 7d for so long ago.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<String>,
        /// Received then or earlier.
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
    },
}

impl Events {
    pub(crate) async fn run(self) -> Outcome {
        let api = self.access.open().await?;
        let answer = match &self.command {
            Command::List {
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
            Command::Show { key } => api.get(&format!("/admin/events/{key}"), &[]).await?,
        };
        match answer {
            answer if self.access.json => println!("{answer:#}"),
            Value::Array(events) => print_list(&events),
            event => print_event(&event),
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(crate) fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event.get(field).and_then(Value::as_str).unwrap_or("-")
}

fn print_list(events: &[Value]) {
    let row = |r: [&str; 6]| {
        println!(
            "{:<24}  {:<14}  {:<24}  {:<10}  {:>8}  {}",
            r[0], r[1], r[2], r[3], r[4], r[5]
        )
    };
    row(["RECEIVED", "SOURCE", "TYPE", "STATE", "ATTEMPTS", "KEY"]);
    for event in events {
        let attempts = event["attempts"].to_string();
        row([
            text(event, "received_at"),
            text(event, "source"),
            text(event, "type"),
            text(event, "state"),
            &attempts,
            text(event, "key"),
        ]);
    }
}

fn print_event(event: &Value) {
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
    ] {
        println!("{field:<13} {}", text(event, field));
    }
    println!("{:<13} {}", "attempts", event["attempts"]);
    let payload = &event["payload"];
    if payload.is_null() {
        println!(
            "\nThe payload is not kept (any more), or the processor has not seen the event yet."
        );
        return;
    }
    println!();
    for header in payload["headers"].as_array().into_iter().flatten() {
        println!(
            "{}: {}",
            header[0].as_str().unwrap_or("-"),
            header[1].as_str().unwrap_or("-")
        );
    }
    println!();
    match payload["body"].as_str() {
        Some(body) => println!("{body}"),
        None => println!("(base64) {}", text(payload, "body_base64")),
    }
}
