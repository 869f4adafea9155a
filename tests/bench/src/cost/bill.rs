//! The bill of a million events, and of a month without any.

use clap::Args;

use super::meter::Used;
use super::prices::Prices;
use super::run::{Run, Usage};
use super::stack::Stack;

/// The figures that are not measured.
#[derive(Clone, Debug, Args)]
pub(super) struct Assumptions {
    /// Memory of the functions, in MB.
    #[arg(long, default_value_t = 256)]
    pub(super) memory_mb: u32,
    /// Milliseconds that ingest takes for a request.
    #[arg(long, default_value_t = 15)]
    pub(super) ingest_ms: u32,
    /// Milliseconds that the processor takes for a batch.
    #[arg(long, default_value_t = 30)]
    pub(super) batch_ms: u32,
    /// Number of sources, each with metrics of its own.
    #[arg(long, default_value_t = 5)]
    pub(super) sources: u32,
}

/// A way to run the gateway.
pub(super) struct Topology {
    pub(super) name: &'static str,
    pub(super) run: Run,
    /// Behind the HTTP API, and not a Function URL.
    pub(super) http_api: bool,
    /// On arm64, and not x86_64.
    pub(super) arm64: bool,
}

/// The dollars for a million events, by service.
pub(super) struct Bill {
    pub(super) name: &'static str,
    pub(super) items: [(&'static str, f64); 7],
}

/// The dollars for a month without an event, by cause.
pub(super) type Idle = [(&'static str, f64); 5];

/// Two lines of Lambda's own for each invocation, and the API's line for each request, in bytes, from
/// their forms in AWS's documentation.
const LAMBDA_LOG_BYTES: f64 = 450.0;
const API_LOG_BYTES: f64 = 350.0;

/// The sweeps of a month, one a minute.
const SWEEPS: f64 = 30.0 * 24.0 * 60.0;

/// Lambda looks for messages with at least five connections, each of which waits for 20 seconds.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
const POLLS: f64 = 5.0 * 3.0 * SWEEPS;

/// The API charges for a request in pieces.
const API_PIECE_BYTES: u32 = 512 * 1024;

const MILLION: f64 = 1_000_000.0;
const GB: f64 = 1024.0 * 1024.0 * 1024.0;

impl Topology {
    /// The requests of the API that a million events are charged for.
    fn api_requests(&self) -> f64 {
        if self.http_api {
            f64::from(self.run.bytes.div_ceil(API_PIECE_BYTES)) * MILLION
        } else {
            0.0
        }
    }

    fn api_log_bytes(&self) -> f64 {
        if self.http_api {
            API_LOG_BYTES * MILLION
        } else {
            0.0
        }
    }
}

impl Bill {
    /// Computes the bill from a run of so many events.
    pub(super) fn of(
        topology: &Topology,
        events: u32,
        usage: &Usage,
        assumed: &Assumptions,
        prices: &Prices,
    ) -> Bill {
        let per_million = |count: f64| count / f64::from(events) * MILLION;
        let used = &usage.used;
        let calls = |action: &str| {
            let count = used.calls.get(action).copied().unwrap_or_default();
            per_million(count as f64)
        };
        let batches = per_million(usage.batches as f64);
        let invocations = MILLION + batches;
        let logs = per_million(used.log_bytes as f64) + LAMBDA_LOG_BYTES * invocations;
        let logs = logs + topology.api_log_bytes();
        let lambda =
            prices.lambda_request.of(invocations) + assumed.compute(topology, batches, prices);
        let dynamodb = prices.dynamodb_write.of(per_million(used.writes))
            + prices.dynamodb_read.of(per_million(used.reads));
        let s3 = prices.s3_put.of(calls("PutObject")) + prices.s3_get.of(calls("GetObject"));
        let table_gb = per_million(usage.table_bytes as f64) / GB;
        let bucket_gb = per_million(usage.bucket_bytes as f64) / GB;
        let storage = prices.dynamodb_gb_month.of(table_gb)
            + prices.dynamodb_backup_gb_month.of(table_gb)
            + prices.s3_gb_month.of(bucket_gb);
        let sqs = prices.sqs_request.of(per_million(used.messages as f64));
        Bill {
            name: topology.name,
            items: [
                ("API", prices.http_api_request.of(topology.api_requests())),
                ("Lambda", lambda),
                ("DynamoDB", dynamodb),
                ("SQS", sqs),
                ("S3", s3),
                ("logs", prices.logs_gb.of(logs / GB)),
                ("a month's storage", storage),
            ],
        }
    }

    pub(super) fn sum(&self) -> f64 {
        self.items.iter().map(|(_, dollars)| dollars).sum()
    }
}

impl Assumptions {
    /// The dollars for the functions' time, for a million events in so many batches.
    fn compute(&self, topology: &Topology, batches: f64, prices: &Prices) -> f64 {
        let ms = f64::from(self.ingest_ms) * MILLION + f64::from(self.batch_ms) * batches;
        let gb_s = ms / 1000.0 * f64::from(self.memory_mb) / 1024.0;
        if topology.arm64 {
            prices.lambda_gb_s_arm64.of(gb_s)
        } else {
            prices.lambda_gb_s_x86_64.of(gb_s)
        }
    }

    /// The dollars for a month without an event; `sweep` is what one sweep uses.
    pub(super) fn idle(&self, sweep: &Used, stack: &Stack, prices: &Prices) -> Idle {
        let gb_s = SWEEPS * f64::from(self.ingest_ms * self.memory_mb) / 1000.0 / 1024.0;
        let log_gb = SWEEPS * (sweep.log_bytes as f64 + LAMBDA_LOG_BYTES) / GB;
        let sweeps = prices.lambda_request.of(SWEEPS)
            + prices.lambda_gb_s_arm64.of(gb_s)
            + prices.dynamodb_read.of(SWEEPS * sweep.reads)
            + prices.logs_gb.of(log_gb);
        let sources = f64::from(self.sources);
        let series = stack.series as f64 + stack.series_per_source as f64 * sources;
        let alarms = prices.alarm_month.of(stack.alarm_metrics as f64);
        let dashboards = prices.dashboard_month.of(stack.dashboards as f64);
        [
            ("the queue's polls", prices.sqs_request.of(POLLS)),
            ("sweeps", sweeps),
            ("alarms", alarms),
            ("dashboard", dashboards),
            ("metrics, at most", prices.metric_month.of(series)),
        ]
    }
}
