use std::io::{self, Write, stdout};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use hookgate_api::{
    AttemptSummary, EventDetail, EventList, EventListRequest, EventState, EventSummary, ListEvents,
    Nothing, Payload, ShowEvent,
};

use crate::api::{Access, Api};
use crate::moment::moment;
use crate::output::{fields, json, line, lines, or_dash};
use crate::{BoxError, CommandResult};

/// The most events that one answer lists.
const PAGE: usize = 1000;

/// Show events, and what became of them.
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
  hookgate events list --source stripe --event-id evt_1
  hookgate events list --type order.created --json | jq '.events[].key'

It looks through the archive, event by event. Only --source with --event-id (and --tenant, where events have
one) finds an event at once, if its provider signs its ids. Without --tenant, it then looks for tenants' events.")]
    List(List),
    /// Show one event: its state, times, attempts and raw payload.
    Show {
        /// The event's key, as `list` and the answer to a webhook give it.
        #[arg(allow_hyphen_values = true)] // a key may begin with a hyphen
        key: String,
        /// Print the body alone, byte for byte.
        #[arg(long, conflicts_with = "json")]
        raw: bool,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only events from this source.
    #[arg(long)]
    source: Option<String>,
    /// Only events in this state.
    #[arg(long, value_parser = state)]
    state: Option<EventState>,
    /// Only events whose type matches this pattern, such as `order.*`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only events of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only events with this id from the provider.
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// Only events received at this time or later: 2026-01-31T12:00:00Z, or 30m, 2h, 7d for that long ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<String>,
    /// Only events received at this time or earlier.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<String>,
    /// Maximum number.
    #[arg(long, default_value_t = 50, conflicts_with = "all")]
    limit: usize,
    /// List all of them.
    #[arg(long)]
    all: bool,
    /// Continue where an earlier list ended.
    #[arg(long)]
    cursor: Option<String>,
}

/// The text for a missing payload.
pub(crate) const NO_PAYLOAD: &str =
    "the payload is gone, or the processor has not seen the event yet";

impl Events {
    pub(crate) async fn run(self) -> CommandResult {
        let api = self.access.open().await?;
        match self.command {
            EventsCommand::List(list) => list.run(&api, self.access.json).await,
            EventsCommand::Show { key, raw } => {
                let event = api.ask::<ShowEvent>(&key, &Nothing {}).await?;
                match (raw, self.access.json) {
                    (true, _) => stdout().write_all(&bytes(event.payload.as_ref())?)?,
                    (false, true) => json(&event)?,
                    (false, false) => print_event(&event)?,
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl List {
    /// Fetches pages until there are enough events, or no more. Rows are printed as they arrive.
    async fn run(self, api: &Api, as_json: bool) -> CommandResult {
        let mut left = if self.all { usize::MAX } else { self.limit };
        let mut request = self.request();
        let mut all = EventList::default();
        let mut has_heads = as_json;
        while left > 0 {
            request.limit = Some(left.min(PAGE));
            let mut page = api.ask::<ListEvents>("", &request).await?;
            left = left.saturating_sub(page.events.len());
            if !has_heads {
                print_heads()?;
                has_heads = true;
            }
            if page.events.is_empty() {
                print_progress(&page);
            }
            all.next.clone_from(&page.next);
            all.searched_to = page.searched_to.take();
            if as_json {
                all.events.append(&mut page.events);
            } else {
                page.events.iter().try_for_each(print_row)?;
            }
            request.cursor = page.next;
            if request.cursor.is_none() {
                break;
            }
        }
        match &all.next {
            _ if as_json => json(&all)?,
            Some(next) => {
                eprintln!("There may be more: the same with --cursor {next}, or with --all.")
            }
            None => {}
        }
        Ok(ExitCode::SUCCESS)
    }

    fn request(self) -> EventListRequest {
        EventListRequest {
            source: self.source,
            state: self.state,
            event_type: self.event_type,
            tenant: self.tenant,
            event_id: self.event_id,
            since: self.since,
            until: self.until,
            order: None,
            limit: None,
            cursor: self.cursor,
        }
    }
}

/// Says how far a search has come that finds nothing for a while. Such pages come about once a second.
fn print_progress(page: &EventList) {
    if let Some(to) = &page.searched_to {
        eprintln!("Searched to {to}, nothing there; searching on.");
    }
}

/// Reads the name of a state.
pub(crate) fn state(text: &str) -> Result<EventState, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

fn print_heads() -> io::Result<()> {
    row(["RECEIVED", "SOURCE", "TYPE", "STATE", "ATTEMPTS", "KEY"])
}

fn print_row(event: &EventSummary) -> io::Result<()> {
    row([
        &event.received_at,
        &line(&event.source),
        &or_dash(event.event_type.as_deref()),
        event.state.name(),
        &event.attempts.to_string(),
        &event.key,
    ])
}

fn row(cells: [&str; 6]) -> io::Result<()> {
    let [received, source, kind, state, attempts, key] = cells;
    writeln!(
        stdout(),
        "{received:<24}  {source:<14}  {kind:<24}  {state:<10}  {attempts:>8}  {key}"
    )
}

/// The bytes of a payload's body.
fn bytes(payload: Option<&Payload>) -> Result<Vec<u8>, BoxError> {
    Ok(STANDARD.decode(&payload.ok_or(NO_PAYLOAD)?.body_base64)?)
}

/// Prints an attempt a line.
fn print_history(history: &[AttemptSummary]) -> io::Result<()> {
    if history.is_empty() {
        return Ok(());
    }
    writeln!(
        stdout(),
        "\n{:>7}  {:<24}  {:<24}  {:<11}  {:<24}  REASON",
        "ATTEMPT",
        "BEGAN",
        "ENDED",
        "OUTCOME",
        "TARGET"
    )?;
    history.iter().try_for_each(|attempt| {
        writeln!(
            stdout(),
            "{:>7}  {:<24}  {:<24}  {:<11}  {:<24}  {}",
            attempt.number,
            or_dash(attempt.began_at.as_deref()),
            or_dash(attempt.ended_at.as_deref()),
            attempt.outcome.name(),
            or_dash(attempt.target.as_deref()),
            or_dash(attempt.reason.as_deref())
        )
    })
}

fn print_event(event: &EventDetail) -> io::Result<()> {
    let EventDetail {
        summary,
        history,
        payload,
    } = event;
    // Before it is handled, the target is that of its last attempt.
    let tried = history
        .iter()
        .rev()
        .find_map(|attempt| attempt.target.as_ref());
    fields(&[
        ("key", Some(&summary.key)),
        ("source", Some(&summary.source)),
        ("tenant", summary.tenant.as_ref()),
        ("event_id", summary.event_id.as_ref()),
        ("type", summary.event_type.as_ref()),
        ("state", Some(&summary.state.to_string())),
        ("received_at", Some(&summary.received_at)),
        ("completed_at", summary.completed_at.as_ref()),
        ("next_attempt_at", summary.next_attempt_at.as_ref()),
        ("target", summary.target.as_ref().or(tried)),
        ("error", summary.error.as_ref()),
        ("attempts", Some(&summary.attempts.to_string())),
    ])?;
    print_history(history)?;
    let Some(payload) = payload else {
        return writeln!(stdout(), "\n{NO_PAYLOAD}");
    };
    writeln!(stdout())?;
    for (name, value) in &payload.headers {
        writeln!(stdout(), "{}: {}", line(name), line(value))?;
    }
    writeln!(stdout())?;
    match &payload.body {
        Some(body) => writeln!(stdout(), "{}", lines(body)),
        None => writeln!(stdout(), "(base64) {}", payload.body_base64),
    }
}
