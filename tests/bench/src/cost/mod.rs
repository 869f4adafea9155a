//! The cost of a million events: the calls of real runs, counted, times AWS's prices.

mod bill;
mod managed;
mod meter;
mod prices;
mod report;
mod request;
mod run;
mod stack;
mod storage;
mod topology;

use std::process::ExitCode;

use bill::{Assumptions, Bill};
use clap::Args;
use hookgate::BoxError;
use managed::Managed;
pub(crate) use meter::{Meter, Metered};
use prices::Prices;
use report::Figures;
use run::{Run, Usage};
use stack::Stack;
use topology::Topology;

/// Count the calls that an event makes, and compute their cost.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It runs ingest and the processor with their own adapters on embedded engines, counts their calls and
log lines, and multiplies with the prices in tests/bench/prices.toml: us-east-1, without free tiers and
discounts. The time that a call takes on Lambda is not measured here: give it as --ingest-ms and --batch-ms."
)]
pub(crate) struct Cost {
    /// Number of events of each run.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    events: u32,
    /// Size of an event's body.
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(2048..=4_500_000))]
    bytes: u32,
    #[command(flatten)]
    assumed: Assumptions,
    /// Print the dollars of each topology and size of batches, with default settings, as a JSON array.
    #[arg(long)]
    json: bool,
}

/// The write units of an event with the template's default settings, in batches of ten.
pub(crate) async fn writes_per_event() -> Result<f64, BoxError> {
    const EVENTS: u32 = 100;
    let default = Topology::all(2048, &Stack::count()?).into_iter().next();
    let default = default.ok_or("there is no topology")?;
    let usage = default.run.measure(EVENTS).await?;
    Ok(usage.per_event(usage.used.writes))
}

impl Cost {
    pub(crate) async fn run(self) -> Result<ExitCode, BoxError> {
        let (prices, stack) = (Prices::read()?, Stack::count()?);
        let mut runs = Runs::new(self.events);
        let mut bills = Vec::new();
        for topology in Topology::all(self.bytes, &stack) {
            let usage = runs.usage(&topology.run).await?;
            bills.push(Bill::of(&topology, usage, &self.assumed, &stack, &prices));
        }
        if self.json {
            println!("{:#}", report::json(&bills));
            return Ok(ExitCode::SUCCESS);
        }
        let mut changed = Vec::new();
        for topology in Topology::changed(self.bytes, &stack) {
            let usage = runs.usage(&topology.run).await?;
            changed.push(Bill::of(&topology, usage, &self.assumed, &stack, &prices));
        }
        let sweep = run::idle_sweep().await?;
        let figures = Figures {
            bytes: self.bytes,
            base: runs.first()?,
            bills,
            changed,
            managed: Managed::read()?,
            idle: self.assumed.idle(&sweep, &stack, &prices),
            assumed: self.assumed,
            stack,
            prices: Prices::age()?,
        };
        figures.print();
        Ok(ExitCode::SUCCESS)
    }
}

/// The runs so far: topologies that differ only in what is computed share one.
struct Runs {
    events: u32,
    done: Vec<(Run, Usage)>,
}

impl Runs {
    fn new(events: u32) -> Runs {
        Runs {
            events,
            done: Vec::new(),
        }
    }

    /// The usage of a run, which is made unless it was already.
    async fn usage(&mut self, run: &Run) -> Result<&Usage, BoxError> {
        let known = self.done.iter().position(|(done, _)| done == run);
        let index = match known {
            Some(index) => index,
            None => {
                let usage = run.measure(self.events).await?;
                self.done.push((run.clone(), usage));
                self.done.len() - 1
            }
        };
        Ok(&self.done[index].1)
    }

    /// The usage of the first run.
    fn first(self) -> Result<Usage, BoxError> {
        let first = self.done.into_iter().next();
        let (_, usage) = first.ok_or("there is a first topology")?;
        Ok(usage)
    }
}
