//! The cost of a million events: the calls of real runs, counted, times AWS's prices.

mod bill;
mod meter;
mod prices;
mod report;
mod run;
mod stack;

use std::process::ExitCode;

use bill::{Assumptions, Bill, Topology};
use clap::Args;
use hookgate::BoxError;
use prices::Prices;
use report::Figures;
use run::Run;
use stack::Stack;

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
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(200..=4_500_000))]
    bytes: u32,
    #[command(flatten)]
    assumed: Assumptions,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Cost {
    pub(crate) async fn run(self) -> Result<ExitCode, BoxError> {
        let (prices, stack) = (Prices::read()?, Stack::count()?);
        let mut bills = Vec::new();
        let mut base = None;
        for topology in self.topologies() {
            let usage = topology.run.measure(self.events).await?;
            let bill = Bill::of(&topology, self.events, &usage, &self.assumed, &prices);
            bills.push(bill);
            base.get_or_insert(usage);
        }
        let sweep = run::idle_sweep().await?;
        let figures = Figures {
            events: self.events,
            bytes: self.bytes,
            base: base.ok_or("there is a first topology")?,
            bills,
            idle: self.assumed.idle(&sweep, &stack, &prices),
            assumed: self.assumed,
            stack,
            prices: Prices::age()?,
        };
        if self.json {
            println!("{:#}", figures.json());
        } else {
            figures.print();
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The ways to run the gateway; the first is the template's default.
    fn topologies(&self) -> [Topology; 8] {
        let topology = |name, change: fn(&mut Topology)| {
            let mut topology = Topology {
                name,
                run: Run {
                    bytes: self.bytes,
                    batch: 10,
                    archive: true,
                    filter: "info",
                },
                http_api: true,
                arm64: true,
            };
            change(&mut topology);
            topology
        };
        [
            topology("HTTP API, arm64, batches of ten", |_| {}),
            topology("Function URL", |way| way.http_api = false),
            topology("x86_64", |way| way.arm64 = false),
            topology("one message a batch", |way| way.run.batch = 1),
            topology("archive = \"none\"", |way| way.run.archive = false),
            topology("LogFilter = warn", |way| way.run.filter = "warn"),
            topology("bodies of 100 KB", |way| way.run.bytes = 100 * 1024),
            topology("bodies of 1 MB, in S3", |way| way.run.bytes = 1024 * 1024),
        ]
    }
}
