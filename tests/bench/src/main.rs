//! Measurements of the gateway that anyone can repeat: losses under kills, cold starts, costs, lists, scale.

mod cold;
mod cost;
mod lists;
mod loss;
mod scale;
mod source;
mod sweep;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hookgate::chain;

/// Measure the gateway's promises.
#[derive(Debug, Parser)]
#[command(name = "hookgate-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kill a gateway under load, again and again, and count what is lost and what is repeated.
    Loss(loss::Loss),
    /// Measure cold starts under Lambda's emulator, beside other functions.
    Cold(cold::Cold),
    /// Count the calls that an event makes, and compute their cost.
    Cost(cost::Cost),
    /// Simulate much traffic against AWS's quotas and ramps.
    Scale(scale::Scale),
    /// Fill the outbox, and measure how fast the sweeper empties it.
    Sweep(sweep::Sweep),
    /// Fill a table with events, and measure each kind of list and search.
    Lists(lists::Lists),
    /// Run the gateway that `loss` kills.
    #[command(hide = true)]
    Gateway(loss::Gateway),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Loss(loss) => loss.run().await,
        Command::Cold(cold) => cold.run().await,
        Command::Cost(cost) => cost.run().await,
        Command::Scale(scale) => scale.run().await,
        Command::Sweep(sweep) => sweep.run().await,
        Command::Lists(lists) => lists.run().await,
        Command::Gateway(gateway) => gateway.run().await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("hookgate-bench: {}", chain(error.as_ref()));
        ExitCode::from(2)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The commands of a page that run this program, each as its words.
    fn commands(page: &str) -> impl Iterator<Item = Vec<String>> {
        let spans = page.split('`').flat_map(str::lines);
        let ours = spans.filter_map(|line| {
            let words = line.strip_prefix("cargo run --release -p hookgate-bench -- ");
            words.or_else(|| line.strip_prefix("cargo run -p hookgate-bench -- "))
        });
        ours.map(|words| shlex::split(words).expect("quotes that match"))
    }

    #[test]
    fn every_command_in_the_documents_is_one() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let mut count = 0;
        for page in [
            "costs.md",
            "cold-starts.md",
            "guarantees.md",
            "replay.md",
            "scale.md",
        ] {
            let page = std::fs::read_to_string(docs.join(page)).expect("a page");
            for words in commands(&page) {
                let words = ["hookgate-bench".to_owned()].into_iter().chain(words);
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
                count += 1;
            }
        }
        assert!(count >= 3, "only {count} commands were found");
    }
}
