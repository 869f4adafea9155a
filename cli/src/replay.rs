use std::io::{self, Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use hookgate_api::{
    CancelReplay, CountRange, EventState, KeysReplayed, KeysRequest, ListReplays, Nothing,
    OutcomesRequest, RangeCount, RangeRequest, ReplayKeys, ReplayListRequest, ReplayOutcomes,
    ReplayRange, ReplayState, ReplaySummary, ShowOutcomes, ShowReplay,
};
use serde::Serialize;

use crate::CommandResult;
use crate::api::{Access, Api, ApiError};
use crate::events::state;
use crate::moment::moment;
use crate::output::{fields, json, line, tell};

/// Interval at which a watched replay is polled while its events are sent.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Longest interval at which the outcomes of its events are polled. Each poll reads all of them.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Replay events: by their keys, or all those of a source in a period.
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
    /// Events from this source.
    #[arg(long, requires = "since")]
    source: Option<String>,
    /// Only events whose type matches this pattern, such as `order.*`.
    #[arg(long = "type", value_name = "TYPE", requires = "source")]
    event_type: Option<String>,
    /// Only events in this state.
    #[arg(long, requires = "source", value_parser = state)]
    state: Option<EventState>,
    /// Only events received at this time or later: 2026-01-31T12:00:00Z, or 30m, 2h, 7d for that long ago.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "source")]
    since: Option<String>,
    /// Only events received at this time or earlier [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "source")]
    until: Option<String>,
    /// The reason; it is stored with the replay.
    #[arg(long, required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Only count the events.
    #[arg(long, requires = "source")]
    dry_run: bool,
    /// Maximum number of events per second.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50)]
    rate: u32,
    /// Follow the replay until its events have ended.
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
}

#[derive(Debug, Subcommand)]
enum ReplayCommand {
    /// List replays, newest first.
    List {
        /// Maximum number.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Continue where an earlier list ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show the progress of a replay, and what became of its events.
    Show {
        /// The replay's id.
        id: String,
        /// Follow it until its events have ended.
        #[arg(long)]
        watch: bool,
    },
    /// Cancel a replay. Events that were already sent are still handled.
    Cancel {
        /// The replay's id.
        id: String,
    },
}

impl Replay {
    pub(crate) async fn run(self) -> CommandResult {
        let api = self.access.open().await?;
        let as_json = self.access.json;
        match self.command {
            Some(ReplayCommand::List { limit, cursor }) => list(&api, limit, cursor, as_json).await,
            Some(ReplayCommand::Show { id, watch: true }) => watch(&api, &id, as_json).await,
            Some(ReplayCommand::Show { id, .. }) => {
                let replay = find(&api, &id).await?;
                let outcomes = Outcomes::of(&api, &replay).await?;
                shown(&replay, Some(&outcomes), as_json)
            }
            Some(ReplayCommand::Cancel { id }) => {
                let replay = api.ask::<CancelReplay>(&id, &Nothing {}).await?;
                shown(&replay, None, as_json)
            }
            None => match self.source.clone() {
                Some(source) => self.range(&api, source).await,
                None => self.some(&api).await,
            },
        }
    }

    async fn some(self, api: &Api) -> CommandResult {
        let request = KeysRequest {
            keys: self.keys,
            reason: self.reason.unwrap_or_default(),
        };
        let answer = api.ask::<ReplayKeys>("", &request).await?;
        if let (true, Some(id)) = (self.watch, &answer.id) {
            return watch(api, id, self.access.json).await;
        }
        if self.access.json {
            json(&answer)?;
        } else {
            print_replayed(&answer)?;
        }
        Ok(ExitCode::from(u8::from(!answer.failed.is_empty())))
    }

    async fn range(self, api: &Api, source: String) -> CommandResult {
        let request = RangeRequest {
            source,
            event_type: self.event_type,
            state: self.state,
            since: self.since.unwrap_or_default(),
            until: self.until,
            reason: self.reason,
            rate_per_s: Some(self.rate),
        };
        let as_json = self.access.json;
        if self.dry_run {
            let count = api.ask::<CountRange>("", &request).await?;
            return counted(&count, as_json);
        }
        let replay = api.ask::<ReplayRange>("", &request).await?;
        if self.watch {
            return watch(api, &replay.id, as_json).await;
        }
        shown(&replay, None, as_json)
    }
}

/// The outcomes of a replay's events, all answers added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Outcomes {
    handled: u64,
    unhandled: u64,
    dead: u64,
    waiting: u64,
    processing: u64,
    overtaken: u64,
    /// Sent, and not claimed yet.
    not_begun: u64,
}

impl Outcomes {
    async fn of(api: &Api, replay: &ReplaySummary) -> Result<Outcomes, ApiError> {
        let mut outcomes = Outcomes::default();
        let mut request = OutcomesRequest::default();
        loop {
            let page = api.ask::<ShowOutcomes>(&replay.id, &request).await?;
            outcomes.add(&page);
            request.cursor = page.next;
            if request.cursor.is_none() {
                break;
            }
        }
        let begun = outcomes.ended() + outcomes.waiting + outcomes.processing;
        outcomes.not_begun = replay.sent.saturating_sub(begun);
        Ok(outcomes)
    }

    fn add(&mut self, page: &ReplayOutcomes) {
        self.handled += page.handled;
        self.unhandled += page.unhandled;
        self.dead += page.dead;
        self.waiting += page.waiting;
        self.processing += page.processing;
        self.overtaken += page.overtaken;
    }

    /// The number of events that this replay does nothing with any more.
    fn ended(&self) -> u64 {
        self.handled + self.unhandled + self.dead + self.overtaken
    }

    fn are_final(&self) -> bool {
        self.waiting + self.processing + self.not_begun == 0
    }

    fn line(&self) -> String {
        format!(
            "handled {}, unhandled {}, dead {}, waiting {}, processing {}, not begun {}",
            self.handled, self.unhandled, self.dead, self.waiting, self.processing, self.not_begun
        )
    }
}

/// A replay as it is printed as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    replay: &'a ReplaySummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<&'a Outcomes>,
}

async fn list(api: &Api, limit: usize, cursor: Option<String>, as_json: bool) -> CommandResult {
    let request = ReplayListRequest {
        limit: Some(limit),
        cursor,
    };
    let list = api.ask::<ListReplays>("", &request).await?;
    if as_json {
        json(&list)?;
        return Ok(ExitCode::SUCCESS);
    }
    row(["ID", "ASKED", "STATE", "SENT", "FAILED", "REASON"])?;
    for replay in &list.replays {
        row([
            &replay.id,
            &replay.asked_at,
            replay.state.name(),
            &replay.sent.to_string(),
            &replay.failed.to_string(),
            &line(&replay.reason),
        ])?;
    }
    if let Some(next) = list.next {
        eprintln!("There are more: the same with --cursor {next}.");
    }
    Ok(ExitCode::SUCCESS)
}

fn row(cells: [&str; 6]) -> io::Result<()> {
    let [id, asked, state, sent, failed, reason] = cells;
    writeln!(
        stdout(),
        "{id:<20}  {asked:<24}  {state:<9}  {sent:>7}  {failed:>7}  {reason}"
    )
}

fn print_replayed(answer: &KeysReplayed) -> io::Result<()> {
    for event in &answer.replayed {
        writeln!(
            stdout(),
            "{}  sent again, its replay number {}",
            event.key,
            event.epoch
        )?;
    }
    for failed in &answer.failed {
        writeln!(
            stdout(),
            "{}  not sent: {}",
            failed.name,
            line(&failed.error)
        )?;
    }
    if let Some(id) = &answer.id {
        tell(&format!(
            "See what becomes of them: hookgate replay show {id} --watch"
        ));
    }
    Ok(())
}

fn counted(count: &RangeCount, as_json: bool) -> CommandResult {
    if as_json {
        json(count)?;
        return Ok(ExitCode::SUCCESS);
    }
    let at_least = if count.complete { "" } else { "at least " };
    writeln!(
        stdout(),
        "{at_least}{} events, received from {} to {}; none was replayed",
        count.found,
        count.since,
        count.until
    )?;
    for key in &count.sample {
        writeln!(stdout(), "  {key}")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(api: &Api, id: &str) -> Result<ReplaySummary, ApiError> {
    api.ask::<ShowReplay>(id, &Nothing {}).await
}

/// Shows a replay until its events have ended; 1 where it was cancelled, or some were not sent, or given up.
async fn watch(api: &Api, id: &str, as_json: bool) -> CommandResult {
    let replay = sent(api, id).await?;
    let mut wait = WATCH_EVERY;
    loop {
        let outcomes = Outcomes::of(api, &replay).await?;
        if outcomes.are_final() {
            shown(&replay, Some(&outcomes), as_json)?;
            let is_done = replay.state == ReplayState::Done;
            let good = is_done && replay.failed == 0 && outcomes.dead == 0;
            return Ok(ExitCode::from(u8::from(!good)));
        }
        tell(&outcomes.line());
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// The replay, once all of its events are sent or it is cancelled.
async fn sent(api: &Api, id: &str) -> Result<ReplaySummary, ApiError> {
    let mut last = String::new();
    loop {
        let replay = find(api, id).await?;
        if replay.state != ReplayState::Running {
            return Ok(replay);
        }
        let line = format!("found {}, sent {}", replay.found, replay.sent);
        if line != last {
            tell(&line);
            last = line;
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

fn shown(replay: &ReplaySummary, outcomes: Option<&Outcomes>, as_json: bool) -> CommandResult {
    if as_json {
        json(&Shown { replay, outcomes })?;
        return Ok(ExitCode::SUCCESS);
    }
    fields(&[
        ("id", Some(&replay.id)),
        ("state", Some(&replay.state.to_string())),
        ("reason", Some(&replay.reason)),
        ("asked_at", Some(&replay.asked_at)),
        ("ended_at", replay.ended_at.as_ref()),
        ("error", replay.error.as_ref()),
        ("found", Some(&replay.found.to_string())),
        ("sent", Some(&replay.sent.to_string())),
        ("skipped", Some(&replay.skipped.to_string())),
        ("failed", Some(&replay.failed.to_string())),
    ])?;
    if let Some(outcomes) = outcomes {
        print_outcomes(outcomes)?;
    }
    for key in &replay.failed_keys {
        writeln!(stdout(), "  not sent: {key}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_outcomes(outcomes: &Outcomes) -> io::Result<()> {
    let counts = [
        ("handled", outcomes.handled),
        ("unhandled", outcomes.unhandled),
        ("dead", outcomes.dead),
        ("waiting", outcomes.waiting),
        ("processing", outcomes.processing),
        ("overtaken", outcomes.overtaken),
        ("not_begun", outcomes.not_begun),
    ];
    let counts = counts.map(|(name, count)| (name, count.to_string()));
    fields(&counts.each_ref().map(|(name, count)| (*name, Some(count))))
}
