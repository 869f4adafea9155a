use std::io::{self, Write, stdout};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hookgate::{EventKey, rfc3339, system_now, unix_ms};
use hookgate_api::{
    DeadLetterDetails, DeadLetterList, DeadLetterListRequest, DeadLetterSummary, Discard,
    DiscardDeadLetters, Failed, ListDeadLetters, ListMoves, MoveDeadLetters, MoveList, MoveRequest,
    Nothing, Redrive, RedriveDeadLetters, Redriven, ShowDeadLetter,
};
use serde::Serialize;

use crate::CommandResult;
use crate::api::{Access, Api};
use crate::output::{fields, json, line, lines, or_dash};

/// Number of batches in a row without a dead letter to redrive, after which the command gives up.
const EMPTY_BATCHES: usize = 3;

/// Show dead letters, send them again, or discard them.
#[derive(Debug, Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    command: DlqCommand,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum DlqCommand {
    /// List dead letters, each with its reason. A large queue shows only some of its messages.
    List {
        /// Maximum number.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show the dead letters of one event, with their text.
    Show {
        /// The event key, or the message id.
        #[arg(allow_hyphen_values = true)] // a key may begin with a hyphen
        name: String,
    },
    /// Send dead letters back to the queue.
    #[command(after_help = "Examples:
  hookgate dlq redrive KEY MESSAGE_ID
  hookgate dlq redrive --source pakk --reason-contains timeout
  hookgate dlq redrive --all --rate 20

A key that begins with a hyphen goes after `--`.")]
    Redrive(RedriveArgs),
    /// Discard dead letters. Their events are dead, and can be replayed.
    Discard {
        /// Event keys, or message ids.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// The reason; it is logged, and shown with the event.
        #[arg(long)]
        reason: String,
    },
    /// Show the progress of moves of all dead letters.
    Moves,
}

#[derive(Debug, Args)]
struct RedriveArgs {
    /// Event keys, or message ids.
    #[arg(
        value_name = "NAME",
        required_unless_present_any = ["all", "source", "event_type", "reason_contains"],
        conflicts_with_all = ["all", "source", "event_type", "reason_contains"]
    )]
    names: Vec<String>,
    /// Those of events from this source.
    #[arg(long, conflicts_with = "all")]
    source: Option<String>,
    /// Those of events whose type matches this pattern, such as `order.*`.
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "all")]
    event_type: Option<String>,
    /// Those whose reason contains this text.
    #[arg(long, value_name = "TEXT", conflicts_with = "all")]
    reason_contains: Option<String>,
    /// All of them; SQS itself moves them.
    #[arg(long)]
    all: bool,
    /// Maximum number of messages per second.
    #[arg(long, value_name = "PER_SECOND", requires = "all")]
    rate: Option<u32>,
}

impl Dlq {
    pub(crate) async fn run(self) -> CommandResult {
        let api = &self.access.open().await?;
        let printer = Printer(self.access.json);
        match self.command {
            DlqCommand::List { limit } => {
                let request = DeadLetterListRequest { limit: Some(limit) };
                let list = api.ask::<ListDeadLetters>("", &request).await?;
                printer.print(&list, print_list)
            }
            DlqCommand::Show { name } => {
                let dead_letters = api.ask::<ShowDeadLetter>(&name, &Nothing {}).await?;
                printer.print(&dead_letters, print_dead_letters)
            }
            DlqCommand::Redrive(redrive) if redrive.all => {
                let request = MoveRequest {
                    rate_per_s: redrive.rate,
                };
                let started = api.ask::<MoveDeadLetters>("", &request).await?;
                printer.print(&started, |_| {
                    writeln!(
                        stdout(),
                        "SQS moves them; `hookgate dlq moves` shows how far it is"
                    )
                })
            }
            DlqCommand::Redrive(redrive) => redrive.run(api, printer).await,
            DlqCommand::Discard { names, reason } => {
                let (keys, message_ids) = keys_and_ids(names);
                let request = Discard {
                    keys,
                    message_ids,
                    reason,
                };
                let answer = api.ask::<DiscardDeadLetters>("", &request).await?;
                printer.print(&answer, |answer| {
                    print_done(&answer.discarded, "discarded")?;
                    print_not_done(&answer.failed, &answer.not_found)
                })?;
                Ok(code(&answer.failed, &answer.not_found))
            }
            DlqCommand::Moves => {
                let moves = api.ask::<ListMoves>("", &Nothing {}).await?;
                printer.print(&moves, print_moves)
            }
        }
    }
}

impl RedriveArgs {
    /// Redrives batch after batch if dead letters are chosen by filters.
    async fn run(self, api: &Api, printer: Printer) -> CommandResult {
        let by_names = !self.names.is_empty();
        let (keys, message_ids) = keys_and_ids(self.names);
        let request = Redrive {
            keys,
            message_ids,
            source: self.source,
            event_type: self.event_type,
            reason_contains: self.reason_contains,
            // What fails again meanwhile comes back with a later time, and is left where it is.
            sent_before: (!by_names).then(|| rfc3339(unix_ms(system_now()))),
        };
        let mut sum = Redriven::default();
        let mut empty = 0;
        loop {
            let mut batch = api.ask::<RedriveDeadLetters>("", &request).await?;
            if !printer.0 {
                print_done(&batch.redriven, "sent again")?;
            }
            empty = if batch.redriven.is_empty() {
                empty + 1
            } else {
                0
            };
            sum.complete = batch.complete;
            sum.redriven.append(&mut batch.redriven);
            sum.failed.append(&mut batch.failed);
            sum.not_found.append(&mut batch.not_found);
            if by_names || sum.complete || !sum.failed.is_empty() || empty == EMPTY_BATCHES {
                break;
            }
            eprintln!("{} sent again so far", sum.redriven.len());
        }
        printer.print(&sum, |sum| {
            print_not_done(&sum.failed, &sum.not_found)?;
            match by_names {
                true => Ok(()),
                false => print_sum(sum),
            }
        })?;
        let unfinished = !by_names && !sum.complete;
        Ok(match unfinished {
            true => ExitCode::FAILURE,
            false => code(&sum.failed, &sum.not_found),
        })
    }
}

/// Prints answers: true for JSON.
#[derive(Clone, Copy)]
struct Printer(bool);

impl Printer {
    fn print<T: Serialize>(
        self,
        answer: &T,
        print: impl Fn(&T) -> io::Result<()>,
    ) -> CommandResult {
        match self.0 {
            true => json(answer)?,
            false => print(answer)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Distinguishes event keys from message ids.
fn keys_and_ids(names: Vec<String>) -> (Vec<String>, Vec<String>) {
    let names = names.into_iter();
    names.partition(|name| EventKey::parse(name).is_some())
}

/// 1 if something that was named was not done.
fn code(failed: &[Failed], not_found: &[String]) -> ExitCode {
    ExitCode::from(u8::from(!failed.is_empty() || !not_found.is_empty()))
}

fn print_list(list: &DeadLetterList) -> io::Result<()> {
    row([
        "SENT",
        "SOURCE",
        "TYPE",
        "CLASS",
        "ATTEMPT",
        "TARGET",
        "KEY OR MESSAGE ID",
        "REASON",
    ])?;
    for dead_letter in &list.dead_letters {
        row([
            &or_dash(dead_letter.sent_at.as_deref()),
            &or_dash(dead_letter.source.as_deref()),
            &or_dash(dead_letter.event_type.as_deref()),
            &or_dash(dead_letter.class.as_deref()),
            &or_dash(dead_letter.attempt.as_deref()),
            &or_dash(dead_letter.target.as_deref()),
            dead_letter.key.as_ref().unwrap_or(&dead_letter.message_id),
            &or_dash(dead_letter.reason.as_deref()),
        ])?;
    }
    eprintln!("{} dead letters, about", list.count);
    if !list.complete {
        eprintln!("Not all of them are shown.");
    }
    Ok(())
}

fn row(cells: [&str; 8]) -> io::Result<()> {
    let [sent, source, kind, class, attempt, target, name, reason] = cells;
    writeln!(
        stdout(),
        "{sent:<24}  {source:<12}  {kind:<20}  {class:<10}  {attempt:>7}  {target:<22}  {name:<43}  {reason}"
    )
}

fn print_dead_letters(dead_letters: &DeadLetterDetails) -> io::Result<()> {
    for detail in &dead_letters.dead_letters {
        let dead_letter = &detail.dead_letter;
        fields(&[
            ("message_id", Some(&dead_letter.message_id)),
            ("sent_at", dead_letter.sent_at.as_ref()),
            ("key", dead_letter.key.as_ref()),
            ("source", dead_letter.source.as_ref()),
            ("type", dead_letter.event_type.as_ref()),
            ("event_id", dead_letter.event_id.as_ref()),
            ("tenant", dead_letter.tenant.as_ref()),
        ])?;
        for (name, value) in &detail.attributes {
            fields(&[(name, Some(value))])?;
        }
        writeln!(stdout(), "\n{}\n", lines(&detail.body))?;
    }
    Ok(())
}

fn print_done(dead_letters: &[DeadLetterSummary], done: &str) -> io::Result<()> {
    for dead_letter in dead_letters {
        let key = or_dash(dead_letter.key.as_deref());
        writeln!(stdout(), "{}  {key}  {done}", dead_letter.message_id)?;
    }
    Ok(())
}

fn print_not_done(failed: &[Failed], not_found: &[String]) -> io::Result<()> {
    for failed in failed {
        writeln!(
            stdout(),
            "{}  not done: {}",
            failed.name,
            line(&failed.error)
        )?;
    }
    for name in not_found {
        writeln!(
            stdout(),
            "{}  not found among the dead letters that the queue handed out",
            line(name)
        )?;
    }
    Ok(())
}

fn print_sum(sum: &Redriven) -> io::Result<()> {
    writeln!(stdout(), "{} sent again", sum.redriven.len())?;
    if !sum.complete {
        eprintln!("The queue may have more of them: ask again.");
    }
    Ok(())
}

fn print_moves(list: &MoveList) -> io::Result<()> {
    for task in &list.moves {
        let to_move = task.to_move.map(|count| count.to_string());
        writeln!(
            stdout(),
            "{}  {}  {} of {} moved  {}",
            task.started_at,
            line(&task.status),
            task.moved,
            or_dash(to_move.as_deref()),
            or_dash(task.failure.as_deref())
        )?;
    }
    Ok(())
}
