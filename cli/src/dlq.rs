use std::process::ExitCode;

use clap::{Args, Subcommand};
use hookgate::EventKey;
use serde_json::{Value, json};

use crate::Outcome;
use crate::api::{Access, Api};
use crate::events::text;

/// See the dead letters, and send them again.
#[derive(Debug, Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    pub(crate) async fn run(self) -> Outcome {
        let api = self.access.open().await?;
        let answer = self.ask(&api).await?;
        let failed = answer["failed"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
            || answer["not_found"]
                .as_array()
                .is_some_and(|all| !all.is_empty());
        if self.access.json {
            println!("{answer:#}");
        } else {
            self.print(&answer);
        }
        Ok(ExitCode::from(u8::from(failed)))
    }

    async fn ask(&self, api: &Api) -> Result<Value, crate::api::ApiError> {
        const REDRIVE: &str = "/admin/dead-letters/redrive";
        match &self.command {
            Command::List { limit } => {
                let query = [("limit", limit.to_string())];
                api.get("/admin/dead-letters", &query).await
            }
            Command::Show { name } => api.get(&format!("/admin/dead-letters/{name}"), &[]).await,
            Command::Redrive {
                all: true, rate, ..
            } => {
                api.post(REDRIVE, &json!({ "all": true, "rate_per_s": rate }))
                    .await
            }
            Command::Redrive { names, .. } => {
                let names = names.iter();
                let (keys, message_ids): (Vec<_>, Vec<_>) =
                    names.partition(|name| EventKey::parse(name).is_some());
                api.post(
                    REDRIVE,
                    &json!({ "keys": keys, "message_ids": message_ids }),
                )
                .await
            }
            Command::Moves => api.get(REDRIVE, &[]).await,
        }
    }

    fn print(&self, answer: &Value) {
        match &self.command {
            Command::List { .. } => print_list(answer),
            Command::Show { .. } => print_letters(answer),
            Command::Redrive { all: true, .. } => {
                println!("SQS moves them; `hookgate dlq moves` shows how far it is");
            }
            Command::Redrive { .. } => print_redriven(answer),
            Command::Moves => print_moves(answer),
        }
    }
}

fn each<'a>(answer: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    answer[field].as_array().into_iter().flatten()
}

fn print_list(answer: &Value) {
    for letter in each(answer, "dead_letters") {
        println!(
            "{}  {}  {}  {}  {}",
            text(letter, "sent_at"),
            text(letter, "message_id"),
            text(letter, "key"),
            text(letter, "source"),
            text(letter, "reason")
        );
    }
    println!("{} dead letters, about", answer["count"]);
    if answer["complete"] != true {
        println!("Not all of them are shown.");
    }
}

fn print_letters(answer: &Value) {
    for letter in each(answer, "dead_letters") {
        for field in [
            "message_id",
            "sent_at",
            "key",
            "source",
            "type",
            "event_id",
            "tenant",
        ] {
            println!("{field:<11} {}", text(letter, field));
        }
        for (name, value) in letter["attributes"].as_object().into_iter().flatten() {
            println!("{name:<11} {}", value.as_str().unwrap_or("-"));
        }
        println!("\n{}\n", text(letter, "body"));
    }
}

fn print_redriven(answer: &Value) {
    for letter in each(answer, "redriven") {
        println!(
            "{}  {}  sent again",
            text(letter, "message_id"),
            text(letter, "key")
        );
    }
    for failed in each(answer, "failed") {
        println!(
            "{}  not sent: {}",
            text(failed, "message_id"),
            text(failed, "error")
        );
    }
    for name in each(answer, "not_found") {
        println!(
            "{}  not found among the letters that the queue handed out",
            name.as_str().unwrap_or("-")
        );
    }
}

fn print_moves(answer: &Value) {
    for task in each(answer, "tasks") {
        println!(
            "{}  {}  {} of {} moved  {}",
            text(task, "started_at"),
            text(task, "status"),
            task["moved"],
            task["to_move"],
            text(task, "failure")
        );
    }
}
