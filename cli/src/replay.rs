use std::io::{self, Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::CommandResult;
use crate::api::{Access, Api, ApiError};
use crate::moment::moment;
use crate::output::{each, text};

/// How often a watched replay is looked at.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Have events handled again: some by their keys, or those of a source and a time.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    override_usage = "hookgate replay --reason <REASON> [--] <KEY>...
       hookgate replay --source <SOURCE> --since <TIME> --reason <REASON> [OPTIONS]
       hookgate replay --source <SOURCE> --since <TIME> --dry-run [OPTIONS]
       hookgate replay <COMMAND>",
    after_help = "Examples:
  hookgate replay --reason 'handler fixed' KEY KEY
  hookgate replay --source pakk --type 'order.*' --since 2h --dry-run
  hookgate replay --source pakk --type 'order.*' --since 2h --reason 'handler fixed' --watch
  hookgate replay list
  hookgate replay cancel ID

A key that begins with a hyphen goes after `--`."
)]
pub(crate) struct Replay {
    #[command(subcommand)]
    command: Option<ReplayCommand>,
    #[command(flatten)]
    access: Access,
    /// The events' keys, as `hookgate events list` shows them.
    #[arg(
        value_name = "KEY",
        required_unless_present = "source",
        conflicts_with = "source"
    )]
    keys: Vec<String>,
    /// Of this source.
    #[arg(long, requires = "since")]
    source: Option<String>,
    /// Only of a type that this pattern matches: `order.*`.
    #[arg(long = "type", value_name = "TYPE", requires = "source")]
    event_type: Option<String>,
    /// Only in this state: received, enqueued, processing, done or dead.
    #[arg(long, requires = "source")]
    state: Option<String>,
    /// Received from then on: 2026-01-31T12:00:00Z, or 30m, 2h, 7d ago.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "source")]
    since: Option<String>,
    /// Received until then; until now otherwise.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "source")]
    until: Option<String>,
    /// Why: it is kept with the replay.
    #[arg(long, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Count the events, and replay none.
    #[arg(long, requires = "source")]
    dry_run: bool,
    /// How many events are sent a second, at most.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50)]
    rate: u32,
    /// Follow the replay to its end.
    #[arg(long, requires = "source", conflicts_with = "dry_run")]
    watch: bool,
}

#[derive(Debug, Subcommand)]
enum ReplayCommand {
    /// List replays, newest first.
    List,
    /// Show one replay: how far it is.
    Show {
        /// The replay's id.
        id: String,
        /// Follow it to its end.
        #[arg(long)]
        watch: bool,
    },
    /// Cancel a replay. What is sent already is handled.
    Cancel {
        /// The replay's id.
        id: String,
    },
}

impl Replay {
    pub(crate) async fn run(self) -> CommandResult {
        let api = self.access.open().await?;
        let json = self.access.json;
        match &self.command {
            Some(ReplayCommand::List) => self.list(&api).await,
            Some(ReplayCommand::Show { id, watch: true }) => watch(&api, id, json).await,
            Some(ReplayCommand::Show { id, .. }) => shown(&find(&api, id).await?, json),
            Some(ReplayCommand::Cancel { id }) => {
                shown(&api.delete(&format!("/admin/replays/{id}")).await?, json)
            }
            None if self.source.is_some() => self.range(&api).await,
            None => self.some(&api).await,
        }
    }

    async fn list(&self, api: &Api) -> CommandResult {
        let replays = api.get("/admin/replays", &[]).await?;
        if self.access.json {
            writeln!(stdout(), "{replays:#}")?;
            return Ok(ExitCode::SUCCESS);
        }
        let heads = ["ID", "ASKED", "STATE", "SENT", "FAILED"];
        let [id, asked, state, sent, failed] = heads;
        writeln!(
            stdout(),
            "{id:<20}  {asked:<24}  {state:<9}  {sent:>7}  {failed:>7}  REASON"
        )?;
        for replay in replays.as_array().into_iter().flatten() {
            writeln!(
                stdout(),
                "{:<20}  {:<24}  {:<9}  {:>7}  {:>7}  {}",
                text(&replay["id"]),
                text(&replay["asked_at"]),
                text(&replay["state"]),
                text(&replay["sent"]),
                text(&replay["failed"]),
                text(&replay["reason"])
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn some(&self, api: &Api) -> CommandResult {
        let asked = json!({ "keys": self.keys, "reason": self.reason });
        let answer = api.post("/admin/replay", &asked).await?;
        if self.access.json {
            writeln!(stdout(), "{answer:#}")?;
        } else {
            for replayed in each(&answer["replayed"]) {
                writeln!(
                    stdout(),
                    "{}  sent again, replay {}",
                    text(&replayed["key"]),
                    replayed["epoch"]
                )?;
            }
            for failed in each(&answer["failed"]) {
                writeln!(
                    stdout(),
                    "{}  not sent: {}",
                    text(&failed["key"]),
                    text(&failed["error"])
                )?;
            }
        }
        let all = answer["failed"].as_array().is_some_and(Vec::is_empty);
        Ok(ExitCode::from(u8::from(!all)))
    }

    async fn range(&self, api: &Api) -> CommandResult {
        let asked = json!({
            "source": self.source, "type": self.event_type, "state": self.state,
            "since": self.since, "until": self.until, "reason": self.reason,
            "dry_run": self.dry_run, "rate_per_s": self.rate,
        });
        let answer = api.post("/admin/replay", &asked).await?;
        match (self.dry_run, self.watch) {
            (false, true) => watch(api, &text(&answer["id"]), self.access.json).await,
            (false, false) => shown(&answer, self.access.json),
            (true, _) => {
                self.print_count(&answer)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    fn print_count(&self, answer: &Value) -> io::Result<()> {
        if self.access.json {
            return writeln!(stdout(), "{answer:#}");
        }
        let at_least = if answer["complete"] == true {
            ""
        } else {
            "at least "
        };
        writeln!(
            stdout(),
            "{at_least}{} events, received from {} to {}; none was replayed",
            answer["found"],
            text(&answer["since"]),
            text(&answer["until"])
        )?;
        for key in each(&answer["sample"]) {
            writeln!(stdout(), "  {}", text(key))?;
        }
        Ok(())
    }
}

async fn find(api: &Api, id: &str) -> Result<Value, ApiError> {
    api.get(&format!("/admin/replays/{id}"), &[]).await
}

/// Shows a replay until it has ended; 1 where events could not be sent, or it was cancelled.
async fn watch(api: &Api, id: &str, json: bool) -> CommandResult {
    let mut last = String::new();
    loop {
        let replay = find(api, id).await?;
        if replay["state"] != "running" {
            shown(&replay, json)?;
            let good = replay["state"] == "done" && replay["failed"] == 0;
            return Ok(ExitCode::from(u8::from(!good)));
        }
        let line = format!("found {}, sent {}", replay["found"], replay["sent"]);
        if line != last {
            eprintln!("{line}");
            last = line;
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

fn shown(replay: &Value, json: bool) -> CommandResult {
    if json {
        writeln!(stdout(), "{replay:#}")?;
        return Ok(ExitCode::SUCCESS);
    }
    for field in ["id", "state", "reason", "asked_at", "ended_at", "error"] {
        writeln!(stdout(), "{field:<9} {}", text(&replay[field]))?;
    }
    for field in ["found", "sent", "skipped", "failed"] {
        writeln!(stdout(), "{field:<9} {}", replay[field])?;
    }
    for key in each(&replay["failed_keys"]) {
        writeln!(stdout(), "  not sent: {}", text(key))?;
    }
    Ok(ExitCode::SUCCESS)
}
