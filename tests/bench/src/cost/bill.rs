//! The bill of a million events, and of a month without any.

use clap::Args;
use serde_json::{Map, Value};

use super::meter::Used;
use super::prices::Prices;
use super::run::Usage;
use super::stack::Stack;
use super::storage::{DELETION_DAYS, MONTH_DAYS};
use super::topology::{Endpoint, Topology};

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
    /// Events per second, over which a load balancer's fixed price is spread.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) events_per_second: u32,
}

/// The dollars for a million events, by what they are paid for.
#[derive(Clone, Debug)]
pub(super) struct Bill {
    pub(super) topology: &'static str,
    pub(super) batch: usize,
    pub(super) parts: [(&'static str, f64); 8],
}

/// The dollars for a month without an event, by cause.
pub(super) type Idle = [(&'static str, f64); 5];

/// Lambda's own two lines for each invocation, `platform.start` and `platform.report`, in bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>
const SYSTEM_LINES_BYTES: f64 = 468.0;

/// The sweeps of a month, one a minute.
const SWEEPS: f64 = 30.0 * 24.0 * 60.0;

/// Lambda looks for messages of each queue with at least five connections, each of which waits for 20 seconds.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
const POLLS: f64 = QUEUES * 5.0 * 3.0 * SWEEPS;

/// The queue, and that of replays.
const QUEUES: f64 = 2.0;

/// The API charges for a request in pieces.
const API_PIECE_BYTES: f64 = 512.0 * 1024.0;

/// A unit of a load balancer: new connections a second, and bytes an hour to and from functions.
///
/// Source: <https://aws.amazon.com/elasticloadbalancing/pricing/>
const LCU_CONNECTIONS: f64 = 25.0;
const LCU_BYTES: f64 = 0.4 * GB;

/// The zones of a load balancer, each with an address.
const ALB_ADDRESSES: f64 = 2.0;

/// An answer with its headers, in bytes.
const ANSWER_BYTES: f64 = 400.0;

pub(super) const MILLION: f64 = 1_000_000.0;
const GB: f64 = 1024.0 * 1024.0 * 1024.0;

impl Bill {
    /// Computes the bill of a topology from what a run of its events used.
    pub(super) fn of(
        topology: &Topology,
        usage: &Usage,
        assumed: &Assumptions,
        stack: &Stack,
        prices: &Prices,
    ) -> Bill {
        let used = &usage.used;
        let calls = |action: &str| {
            let count = used.calls.get(action).copied().unwrap_or_default();
            usage.per_million(count as f64)
        };
        let batches = usage.per_million(usage.batches as f64);
        let lambda = prices.lambda_request.of(MILLION + batches)
            + assumed.compute(topology, batches, prices);
        let dynamodb = prices.dynamodb_write.of(usage.per_million(used.writes))
            + prices.dynamodb_read.of(usage.per_million(used.reads));
        let messages = usage.per_million(used.messages as f64);
        let table = usage.per_million(usage.stored.table) / GB;
        let indexes = usage.per_million(usage.stored.indexes) / GB;
        let bucket = usage.per_million(usage.bucket_bytes as f64) / GB * stack.bucket_months();
        let backups = f64::from(u8::from(topology.backups)) * table;
        Bill {
            topology: topology.name,
            batch: topology.run.batch,
            parts: [
                (
                    "endpoint",
                    topology.endpoint.dollars(usage, assumed, prices),
                ),
                ("lambda", lambda),
                ("dynamodb", dynamodb),
                ("sqs", prices.sqs_request.of(messages)),
                (
                    "s3",
                    prices.s3_put.of(calls("PutObject")) + prices.s3_get.of(calls("GetObject")),
                ),
                ("logs", logs(topology, usage, batches, stack, prices)),
                (
                    "storage",
                    prices.dynamodb_gb_month.of(table + indexes) + prices.s3_gb_month.of(bucket),
                ),
                ("backups", prices.dynamodb_backup_gb_month.of(backups)),
            ],
        }
    }

    pub(super) fn sum(&self) -> f64 {
        self.parts.iter().map(|(_, dollars)| dollars).sum()
    }

    /// The parts by name.
    pub(super) fn parts(&self) -> Value {
        let parts = self.parts.iter();
        let parts = parts.map(|(name, dollars)| ((*name).to_owned(), (*dollars).into()));
        Value::Object(parts.collect::<Map<_, _>>())
    }
}

/// The dollars for all lines of log of a million events.
fn logs(topology: &Topology, usage: &Usage, batches: f64, stack: &Stack, prices: &Prices) -> f64 {
    let own = usage.per_million(usage.used.log_bytes as f64);
    let system = stack.system_lines_bytes() * (MILLION + batches);
    let access = match topology.endpoint {
        Endpoint::HttpApi => stack.access_line_bytes as f64 * MILLION,
        Endpoint::FunctionUrl | Endpoint::Alb => 0.0,
    };
    prices.logs_gb.of((own + system + access) / GB)
}

impl Endpoint {
    /// The dollars for the endpoint of a million events.
    fn dollars(self, usage: &Usage, assumed: &Assumptions, prices: &Prices) -> f64 {
        let bytes = usage.request_bytes as f64;
        match self {
            Endpoint::HttpApi => {
                let pieces = (bytes / API_PIECE_BYTES).ceil();
                prices.http_api_request.of(pieces * MILLION)
            }
            Endpoint::FunctionUrl => 0.0,
            Endpoint::Alb => {
                let hours = MILLION / f64::from(assumed.events_per_second) / 3600.0;
                // Each event by a connection of its own.
                let by_connections = MILLION / LCU_CONNECTIONS / 3600.0;
                let by_bytes = (bytes + ANSWER_BYTES) * MILLION / LCU_BYTES;
                prices.alb_hour.of(hours)
                    + prices.public_ipv4_hour.of(ALB_ADDRESSES * hours)
                    + prices.alb_lcu_hour.of(by_connections.max(by_bytes))
            }
        }
    }
}

impl Stack {
    /// The bytes of Lambda's own lines of an invocation.
    fn system_lines_bytes(&self) -> f64 {
        SYSTEM_LINES_BYTES * f64::from(u8::from(self.system_lines))
    }

    /// The months for which the bucket stores a body.
    fn bucket_months(&self) -> f64 {
        (self.bucket_days as f64 + DELETION_DAYS) / MONTH_DAYS
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
        let log_gb = SWEEPS * (sweep.log_bytes as f64 + stack.system_lines_bytes()) / GB;
        let sweeps = prices.lambda_request.of(SWEEPS)
            + prices.lambda_gb_s_arm64.of(gb_s)
            + prices.dynamodb_read.of(SWEEPS * sweep.reads)
            + prices.logs_gb.of(log_gb);
        let sources = f64::from(self.sources);
        let series = stack.series as f64 + stack.series_per_source as f64 * sources;
        let alarms = prices.alarm_month.of(stack.alarm_metrics as f64);
        let dashboards = prices.dashboard_month.of(stack.dashboards as f64);
        [
            ("the queues' polls", prices.sqs_request.of(POLLS)),
            ("sweeps", sweeps),
            ("alarms", alarms),
            ("dashboard", dashboards),
            ("metrics, at most", prices.metric_month.of(series)),
        ]
    }
}
