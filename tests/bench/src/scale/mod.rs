//! A simulation of much traffic against AWS's quotas and ramps: what breaks first, when, and what to raise.

mod limits;
mod stage;

use std::process::ExitCode;

use clap::Args;
use hookgate::BoxError;
use limits::{Limits, parameter};
use stage::{Load, Stage, stages};

use crate::cost::writes_per_event;

/// Simulate much traffic against AWS's quotas and ramps.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It runs a few events to count their write units, and then computes, second by second for a new stack with
default settings in a new account, what each quota and ramp in tests/bench/limits.toml lets through. Traffic begins at
once, as after an outage of a provider. The time of calls on Lambda is assumed: --ingest-ms and --batch-ms."
)]
pub(crate) struct Scale {
    /// Time of ingest for a request, in milliseconds.
    #[arg(long, default_value_t = 20.0)]
    ingest_ms: f64,
    /// Time of the processor for a batch of ten, in milliseconds, with handlers of 50 ms.
    #[arg(long, default_value_t = 80.0)]
    batch_ms: f64,
    /// Number of sources with a secret in Parameter Store.
    #[arg(long, default_value_t = 10.0)]
    sources: f64,
}

impl Scale {
    pub(crate) async fn run(self) -> Result<ExitCode, BoxError> {
        let limits = Limits::read()?;
        let writes = (writes_per_event().await? * 10.0).round() / 10.0;
        println!(
            "New stack, default settings, new account; limits looked up on {}.",
            limits.date
        );
        println!("An event takes {writes:.1} write units in batches of ten.");
        for rate in [1_000.0, 10_000.0] {
            let load = Load {
                rate,
                writes,
                ingest_s: self.ingest_ms / 1000.0,
                batch_s: self.batch_ms / 1000.0,
                sources: self.sources,
            };
            println!("\n{rate:.0} events a second:\n");
            print_stages(stages(&load, &limits)?);
        }
        println!("\nLimits:\n\n| limit | value | source |\n|---|---|---|");
        for (value, limit) in limits.rows() {
            println!("| {} | {value} | <{}> |", limit.what, limit.source);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints those that break first, the earliest first, and then the others.
fn print_stages(mut stages: Vec<Stage>) {
    stages.sort_by_key(|stage| stage.broken_s.unwrap_or(u32::MAX));
    println!("| what | needs | has at first | breaks | until | meanwhile | raise |");
    println!("|---|---|---|---|---|---|---|");
    for stage in stages {
        let (breaks, until) = match (stage.broken_s, stage.mended_s) {
            (None, _) => ("no".to_owned(), "-".to_owned()),
            (Some(from), None) => (after(from), "it is raised".to_owned()),
            (Some(from), Some(to)) => (after(from), after(to)),
        };
        let (meanwhile, raise) = match stage.broken_s {
            Some(_) => (stage.meanwhile, stage.raise),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let (what, needs, has) = (stage.what, stage.needs, stage.has);
        println!("| {what} | {needs:.0} | {has:.0} | {breaks} | {until} | {meanwhile} | {raise} |");
    }
}

fn after(seconds: u32) -> String {
    match seconds {
        0 => "at once".to_owned(),
        1..120 => format!("after {seconds} s"),
        _ => format!("after {} min", seconds.div_ceil(60)),
    }
}
