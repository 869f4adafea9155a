use std::io::{self, Write, stdout};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hookgate::EventKey;
use serde_json::{Value, json};

use crate::CommandResult;
use crate::api::{Access, Api};
use crate::output::{each, lines, text};

/// See the dead letters, and send them again.
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
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show the letters of one event, with their text.
    Show {
        /// The event's key, or the message's id.
        #[arg(allow_hyphen_values = true)] // a key may begin with a hyphen
        name: String,
    },
    /// Send dead letters back to the queue.
    #[command(after_help = "Examples:
  hookgate dlq redrive KEY MESSAGE_ID
  hookgate dlq redrive --all --rate 20
  hookgate dlq moves

A key that begins with a hyphen goes after `--`.")]
    Redrive {
        /// Events' keys, or messages' ids.
        #[arg(
            value_name = "NAME",
            required_unless_present = "all",
            conflicts_with = "all"
        )]
        names: Vec<String>,
        /// All of them; SQS moves them itself.
        #[arg(long)]
        all: bool,
        /// How many messages are moved a second, at most.
        #[arg(long, value_name = "PER_SECOND", requires = "all")]
        rate: Option<u32>,
    },
    /// Show how far the moves of all letters are.
    Moves,
}

impl Dlq {
    pub(crate) async fn run(self) -> CommandResult {
        let api = self.access.open().await?;
        let answer = self.ask(&api).await?;
        let failed = answer["failed"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
            || answer["not_found"]
                .as_array()
                .is_some_and(|all| !all.is_empty());
        if self.access.json {
            writeln!(stdout(), "{answer:#}")?;
        } else {
            self.print(&answer)?;
        }
        Ok(ExitCode::from(u8::from(failed)))
    }

    async fn ask(&self, api: &Api) -> Result<Value, crate::api::ApiError> {
        const REDRIVE: &str = "/admin/dead-letters/redrive";
        match &self.command {
            DlqCommand::List { limit } => {
                let query = [("limit", limit.to_string())];
                api.get("/admin/dead-letters", &query).await
            }
            DlqCommand::Show { name } => api.get(&format!("/admin/dead-letters/{name}"), &[]).await,
            DlqCommand::Redrive {
                all: true, rate, ..
            } => {
                api.post(REDRIVE, &json!({ "all": true, "rate_per_s": rate }))
                    .await
            }
            DlqCommand::Redrive { names, .. } => {
                let names = names.iter();
                let (keys, message_ids): (Vec<_>, Vec<_>) =
                    names.partition(|name| EventKey::parse(name).is_some());
                api.post(
                    REDRIVE,
                    &json!({ "keys": keys, "message_ids": message_ids }),
                )
                .await
            }
            DlqCommand::Moves => api.get(REDRIVE, &[]).await,
        }
    }

    fn print(&self, answer: &Value) -> io::Result<()> {
        match &self.command {
            DlqCommand::List { .. } => print_list(answer),
            DlqCommand::Show { .. } => print_letters(answer),
            DlqCommand::Redrive { all: true, .. } => {
                writeln!(
                    stdout(),
                    "SQS moves them; `hookgate dlq moves` shows how far it is"
                )
            }
            DlqCommand::Redrive { .. } => print_redriven(answer),
            DlqCommand::Moves => print_moves(answer),
        }
    }
}

fn print_list(answer: &Value) -> io::Result<()> {
    for letter in each(&answer["dead_letters"]) {
        writeln!(
            stdout(),
            "{}  {}  {}  {}  {}",
            text(&letter["sent_at"]),
            text(&letter["message_id"]),
            text(&letter["key"]),
            text(&letter["source"]),
            text(&letter["reason"])
        )?;
    }
    writeln!(stdout(), "{} dead letters, about", answer["count"])?;
    if answer["complete"] != true {
        writeln!(stdout(), "Not all of them are shown.")?;
    }
    Ok(())
}

fn print_letters(answer: &Value) -> io::Result<()> {
    for letter in each(&answer["dead_letters"]) {
        for field in [
            "message_id",
            "sent_at",
            "key",
            "source",
            "type",
            "event_id",
            "tenant",
        ] {
            writeln!(stdout(), "{field:<11} {}", text(&letter[field]))?;
        }
        for (name, value) in letter["attributes"].as_object().into_iter().flatten() {
            writeln!(stdout(), "{name:<11} {}", text(value))?;
        }
        writeln!(
            stdout(),
            "\n{}\n",
            lines(letter["body"].as_str().unwrap_or("-"))
        )?;
    }
    Ok(())
}

fn print_redriven(answer: &Value) -> io::Result<()> {
    for letter in each(&answer["redriven"]) {
        writeln!(
            stdout(),
            "{}  {}  sent again",
            text(&letter["message_id"]),
            text(&letter["key"])
        )?;
    }
    for failed in each(&answer["failed"]) {
        writeln!(
            stdout(),
            "{}  not sent: {}",
            text(&failed["message_id"]),
            text(&failed["error"])
        )?;
    }
    for name in each(&answer["not_found"]) {
        writeln!(
            stdout(),
            "{}  not found among the letters that the queue handed out",
            text(name)
        )?;
    }
    Ok(())
}

fn print_moves(answer: &Value) -> io::Result<()> {
    for task in each(&answer["tasks"]) {
        writeln!(
            stdout(),
            "{}  {}  {} of {} moved  {}",
            text(&task["started_at"]),
            text(&task["status"]),
            task["moved"],
            task["to_move"],
            text(&task["failure"])
        )?;
    }
    Ok(())
}
