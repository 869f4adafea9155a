//! What a million events cost: the calls of real runs, counted, times AWS's prices.

mod prices;
mod report;
mod run;

use std::process::ExitCode;

use clap::Args;
use prices::Prices;
use run::{Run, Usage};

use crate::Outcome;
use crate::bench::meter::Used;

/// Count the calls of an event's way, and what they cost.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It runs ingest and the processor with their own adapters on embedded engines, counts what they call
and log, and multiplies with the prices in cli/prices.toml: us-east-1, without free tiers and discounts. How
long a call takes on Lambda is not measured here: --ingest-ms and --batch-ms say what to reckon with."
)]
pub(crate) struct Cost {
    /// How many events each run has.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    events: u32,
    /// How large an event's body is.
    #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u32).range(200..=4_500_000))]
    bytes: u32,
    /// Memory of the functions, in MB.
    #[arg(long, default_value_t = 256)]
    memory_mb: u32,
    /// How long ingest takes for a request.
    #[arg(long, default_value_t = 15)]
    ingest_ms: u32,
    /// How long the processor takes for a batch.
    #[arg(long, default_value_t = 30)]
    batch_ms: u32,
    /// How many sources there are, each with metrics of its own.
    #[arg(long, default_value_t = 5)]
    sources: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A way to run the gateway.
struct Topology {
    name: &'static str,
    run: Run,
    http_api: bool,
    arm64: bool,
}

/// Dollars for a million events, by what they go to.
struct Bill {
    name: &'static str,
    items: [(&'static str, f64); 7],
}

/// Two lines of Lambda's own for each invocation, and the API's line for each request, in bytes, from
/// their forms in AWS's documentation.
const LAMBDA_LOG_BYTES: f64 = 450.0;
const API_LOG_BYTES: f64 = 350.0;

/// A month, as far as the schedule of sweeps is concerned.
const SWEEPS: f64 = 30.0 * 24.0 * 60.0;

/// Lambda looks for messages with at least five connections, each of which waits for 20 seconds.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
const POLLS: f64 = 5.0 * 3.0 * SWEEPS;

/// What the alarms in `infra/alarms.yaml` look at.
const ALARM_METRICS: f64 = 23.0;

/// The series of metrics that a gateway has in any case, and those of each source.
const SERIES: f64 = 17.0;
const SERIES_OF_SOURCE: f64 = 9.0;

/// The API charges for a request in pieces.
const API_PIECE_BYTES: u32 = 512 * 1024;

const MILLION: f64 = 1_000_000.0;
const GB: f64 = 1024.0 * 1024.0 * 1024.0;

impl Cost {
    pub(crate) async fn run(self) -> Outcome {
        let (prices, age) = (Prices::read()?, Prices::age()?);
        let mut bills = Vec::new();
        let mut base = None;
        for topology in self.topologies() {
            let usage = topology.run.measure(self.events).await?;
            bills.push(self.bill(&topology, &usage, &prices));
            base.get_or_insert(usage);
        }
        let base = base.ok_or("there is a first topology")?;
        let idle = self.idle(&run::idle_sweep().await?, &prices);
        if self.json {
            println!("{:#}", self.as_json(&base, &bills, &idle, &age));
        } else {
            self.print(&base, &bills, &idle, &age);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn topologies(&self) -> [Topology; 8] {
        let base = || Run {
            bytes: self.bytes,
            batch: 10,
            archive: true,
            filter: "info",
        };
        let topology = |name, run, http_api, arm64| Topology {
            name,
            run,
            http_api,
            arm64,
        };
        let run = |change: fn(&mut Run)| {
            let mut run = base();
            change(&mut run);
            run
        };
        [
            topology("HTTP API, arm64, batches of ten", base(), true, true),
            topology("Function URL", base(), false, true),
            topology("x86_64", base(), true, false),
            topology("one message a batch", run(|run| run.batch = 1), true, true),
            topology(
                "archive = \"none\"",
                run(|run| run.archive = false),
                true,
                true,
            ),
            topology(
                "LogFilter = warn",
                run(|run| run.filter = "warn"),
                true,
                true,
            ),
            topology(
                "bodies of 100 KB",
                run(|run| run.bytes = 100 * 1024),
                true,
                true,
            ),
            topology(
                "bodies of 1 MB, in S3",
                run(|run| run.bytes = 1024 * 1024),
                true,
                true,
            ),
        ]
    }

    fn bill(&self, topology: &Topology, usage: &Usage, prices: &Prices) -> Bill {
        let per_million = |count: f64| count / f64::from(self.events) * MILLION;
        let used = &usage.used;
        let calls = |action: &str| used.calls.get(action).map_or(0.0, |count| *count as f64);
        let requests = if topology.http_api {
            f64::from(topology.run.bytes.div_ceil(API_PIECE_BYTES)) * MILLION
        } else {
            0.0
        };
        let batches = per_million(usage.batches as f64);
        let seconds =
            (f64::from(self.ingest_ms) * MILLION + f64::from(self.batch_ms) * batches) / 1000.0;
        let gb_s = seconds * f64::from(self.memory_mb) / 1024.0;
        let compute = if topology.arm64 {
            &prices.lambda_gb_s_arm64
        } else {
            &prices.lambda_gb_s_x86_64
        };
        let api_logs = if topology.http_api {
            API_LOG_BYTES * MILLION
        } else {
            0.0
        };
        let logs =
            per_million(used.log_bytes as f64) + LAMBDA_LOG_BYTES * (MILLION + batches) + api_logs;
        let table_gb = per_million(usage.table_bytes as f64) / GB;
        let bucket_gb = per_million(usage.bucket_bytes as f64) / GB;
        Bill {
            name: topology.name,
            items: [
                ("API", prices.http_api_request.of(requests)),
                (
                    "Lambda",
                    prices.lambda_request.of(MILLION + batches) + compute.of(gb_s),
                ),
                (
                    "DynamoDB",
                    prices.dynamodb_write.of(per_million(used.writes))
                        + prices.dynamodb_read.of(per_million(used.reads)),
                ),
                (
                    "SQS",
                    prices.sqs_request.of(per_million(used.messages as f64)),
                ),
                (
                    "S3",
                    prices.s3_put.of(per_million(calls("PutObject")))
                        + prices.s3_get.of(per_million(calls("GetObject"))),
                ),
                ("logs", prices.logs_gb.of(logs / GB)),
                (
                    "a month's storage",
                    prices.dynamodb_gb_month.of(table_gb)
                        + prices.dynamodb_backup_gb_month.of(table_gb)
                        + prices.s3_gb_month.of(bucket_gb),
                ),
            ],
        }
    }

    /// Dollars a month for a stack that nothing comes to.
    fn idle(&self, sweep: &Used, prices: &Prices) -> [(&'static str, f64); 5] {
        let gb_s = SWEEPS * f64::from(self.ingest_ms * self.memory_mb) / 1000.0 / 1024.0;
        let log_gb = SWEEPS * (sweep.log_bytes as f64 + LAMBDA_LOG_BYTES) / GB;
        let sweeps = prices.lambda_request.of(SWEEPS)
            + prices.lambda_gb_s_arm64.of(gb_s)
            + prices.dynamodb_read.of(SWEEPS * sweep.reads)
            + prices.logs_gb.of(log_gb);
        let series = SERIES + SERIES_OF_SOURCE * f64::from(self.sources);
        [
            ("the queue's polls", prices.sqs_request.of(POLLS)),
            ("sweeps", sweeps),
            ("alarms", prices.alarm_month.of(ALARM_METRICS)),
            ("dashboard", prices.dashboard_month.of(1.0)),
            ("metrics, at most", prices.metric_month.of(series)),
        ]
    }
}

impl Bill {
    fn sum(&self) -> f64 {
        self.items.iter().map(|(_, dollars)| dollars).sum()
    }
}
