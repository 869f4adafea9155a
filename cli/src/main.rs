//! The `hookgate` command: a local twin, signed samples, verification, and the operators' tools.

// `println!` panics when its reader has gone, as after `| head`: commands write, and return the error.
#![warn(clippy::print_stdout)]

mod address;
mod api;
mod changes;
mod check;
mod curl;
mod demo;
mod dev;
mod dlq;
mod events;
mod handle;
mod lines;
mod listen;
mod moment;
mod output;
mod project;
mod providers;
mod recorded;
mod replay;
mod routes;
mod samples;
mod secrets;
mod send;
mod template;
mod token;
mod twin;
mod variables;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hookgate::{BoxError, chain};

/// A webhook gateway for your own AWS account.
#[derive(Debug, Parser)]
#[command(name = "hookgate", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  hookgate demo                                  see it work, start to end
  hookgate dev                                   run the gateway here, until Ctrl-C
  hookgate send partssource --type order.created send it a signed sample
  hookgate events list --source partssource      see what became of it";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway on this machine: the functions' own code, with an embedded DynamoDB, SQS and S3.
    Dev(dev::Dev),
    /// Send a sample event to a source, signed as its provider signs it.
    Send(send::Send),
    /// Check the configuration, its handlers and its secrets, before a deployment.
    Check(check::Check),
    /// Check a request against a source, and explain why it is rejected.
    Verify(verify::Verify),
    /// List the built-in providers, or explain one and show what to configure.
    Providers(providers::Providers),
    /// Show events, and what became of them.
    Events(events::Events),
    /// Follow events as they come in, and forward them to a program on this machine.
    Listen(listen::Listen),
    /// Replay events: by their keys, or all those of a source in a period.
    Replay(replay::Replay),
    /// Show dead letters, send them again, or discard them.
    Dlq(dlq::Dlq),
    /// Show the routes, and hold or release their events.
    Routes(routes::Routes),
    /// Run one handler of the processor on one event, and show what it would do.
    Handle(handle::Handle),
    /// Send good and bad events from five systems, and show what happens.
    Demo(demo::Demo),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Dev(dev) => dev.run().await,
        Command::Send(send) => send.run().await,
        Command::Check(check) => check.run().await,
        Command::Verify(verify) => verify.run().await,
        Command::Providers(providers) => providers.run(),
        Command::Events(events) => events.run().await,
        Command::Listen(listen) => listen.run().await,
        Command::Replay(replay) => replay.run().await,
        Command::Dlq(dlq) => dlq.run().await,
        Command::Routes(routes) => routes.run().await,
        Command::Handle(handle) => handle.run().await,
        Command::Demo(demo) => demo.run().await,
    };
    match result {
        Ok(code) => code,
        Err(error) if output::is_closed(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hookgate: {}", output::lines(&chain(error.as_ref())));
            ExitCode::from(2)
        }
    }
}

type CommandResult = Result<ExitCode, BoxError>;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Every page of the documentation.
    fn pages() -> impl Iterator<Item = String> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let docs = std::fs::read_dir(root.join("docs")).expect("the folder docs");
        let docs = docs.map(|page| page.expect("a page").path());
        let pages = docs.chain([root.join("README.md")]);
        let pages = pages.filter(|page| page.extension().is_some_and(|kind| kind == "md"));
        pages.map(|page| std::fs::read_to_string(page).expect("a page"))
    }

    /// The commands of a page, each as its words.
    fn commands(page: &str) -> Vec<Vec<String>> {
        let fenced = page.split("```").skip(1).step_by(2).flat_map(str::lines);
        let quoted = page.split('`').skip(1).step_by(2);
        fenced
            .chain(quoted)
            .map(|line| line.trim_start_matches("$ "))
            .filter_map(|line| {
                let ours = line.strip_prefix("cargo run -- ");
                let ours = ours.or_else(|| line.strip_prefix("cargo run --release -- "));
                ours.or_else(|| line.strip_prefix("hookgate "))
            })
            .map(|line| shlex::split(line).expect("quotes that match"))
            .map(|words| {
                let own = words.into_iter();
                own.take_while(|word| !word.starts_with(['>', '|']))
                    .collect()
            })
            .collect()
    }

    /// The help of a command and of all those below it.
    fn helps(mut command: clap::Command) -> Vec<String> {
        let below: Vec<_> = command.get_subcommands().cloned().collect();
        let own = command.render_long_help().to_string();
        std::iter::once(own)
            .chain(below.into_iter().flat_map(helps))
            .collect()
    }

    #[test]
    fn help_fits_a_terminal() {
        let mut root = Cli::command();
        root.build();
        let all = helps(root);
        assert!(all.len() > 20, "only {} commands", all.len());
        for line in all.iter().flat_map(|help| help.lines()) {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }

    #[test]
    fn every_command_in_the_documents_is_one() {
        let mut count = 0;
        for words in pages().flat_map(|page| commands(&page)) {
            let words = std::iter::once("hookgate".to_owned()).chain(words);
            let words: Vec<String> = words.collect();
            match Cli::try_parse_from(&words) {
                Ok(_) => {}
                Err(error) if error.exit_code() == 0 => {}
                Err(error) => panic!("{words:?}: {error}"),
            }
            count += 1;
        }
        assert!(count > 20, "only {count} commands were found");
    }
}
