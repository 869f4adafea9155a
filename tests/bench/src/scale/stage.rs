//! The stages of an event's way, each with what it needs at a rate and what it has, second by second.

use hookgate::BoxError;

use super::limits::Limits;
use super::parameter;

/// The seconds that are simulated: long enough for a table to double as often as it may.
const SECONDS: u32 = 6 * 3600;

/// Messages in a batch.
const BATCH: f64 = 10.0;

/// Names in one call of Parameter Store.
const NAMES: f64 = 10.0;

/// Write units of an event that are the ledger's: record, claim and complete.
const LEDGER_WRITES: f64 = 3.0;

/// Shards of the archive and of the outbox.
const SHARDS: f64 = 64.0;

/// Traffic, and what it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Events a second.
    pub(super) rate: f64,
    /// Write units of an event.
    pub(super) writes: f64,
    /// Seconds of ingest for a request.
    pub(super) ingest_s: f64,
    /// Seconds of the processor for a batch.
    pub(super) batch_s: f64,
    /// Sources with a secret.
    pub(super) sources: f64,
}

/// A stage under a load.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) what: &'static str,
    /// What it needs.
    pub(super) needs: f64,
    /// What it has in the first second.
    pub(super) has: f64,
    /// The second in which it first has too little.
    pub(super) broken_s: Option<u32>,
    /// The second from which on it has enough.
    pub(super) mended_s: Option<u32>,
    /// What happens in between.
    pub(super) meanwhile: String,
    pub(super) raise: String,
}

impl Stage {
    /// A stage that needs so much, and has what a function of the second says.
    fn new(what: &'static str, needs: f64, has: impl Fn(u32) -> f64) -> Stage {
        let is_short = |second: &u32| has(*second) < needs;
        let broken_s = (0..SECONDS).find(is_short);
        let mended_s = broken_s.and_then(|from| (from..SECONDS).find(|second| !is_short(second)));
        Stage {
            what,
            needs,
            has: has(0),
            broken_s,
            mended_s,
            meanwhile: String::new(),
            raise: String::new(),
        }
    }

    fn then(self, meanwhile: impl Into<String>, raise: impl Into<String>) -> Stage {
        Stage {
            meanwhile: meanwhile.into(),
            raise: raise.into(),
            ..self
        }
    }

    /// The share that it does not take at first, in percent.
    fn refused(&self) -> f64 {
        (1.0 - self.has / self.needs).max(0.0) * 100.0
    }
}

/// All stages under a load. Each is looked at as if those before it let everything through.
pub(super) fn stages(load: &Load, limits: &Limits) -> Result<Vec<Stage>, BoxError> {
    let instances = load.rate * load.ingest_s;
    let batches = load.rate / BATCH * load.batch_s;
    let api = api(load, limits)?;
    let secrets = secrets(load, limits, instances)?;
    let pollers = pollers(load, limits, batches)?;
    let concurrency = limits.of("lambda_concurrency")?;
    let ramp = limits.of("lambda_ramp")? / 10.0;
    let ingest = Stage::new("instances of ingest", instances, |second| {
        (ramp * 10.0 + ramp * f64::from(second)).min(concurrency)
    });
    let all = Stage::new("instances of all functions", instances + batches, |_| {
        concurrency
    });
    let per_second = limits.of("lambda_requests")? * concurrency;
    let requests = Stage::new("requests to Lambda a second", load.rate, |_| per_second);
    let raise = "Lambda's quota of concurrency to 3,000";
    let in_flight = limits.of("queue_in_flight")?;
    let partition = limits.of("partition_writes")?;
    let archive = load.rate * (load.writes - LEDGER_WRITES).max(0.0) / SHARDS;
    let calls = limits.of("log_calls")?;
    Ok([
        api,
        vec![
            secrets,
            ingest.then("429 and 5xx", raise),
            all.then("429 and 5xx", raise),
            requests.then("429", raise),
        ],
        table(load, limits)?,
        vec![
            Stage::new(
                "write units a second of a shard of the archive",
                archive,
                |_| partition,
            )
            .then(
                "batches wait",
                "nothing: use a stack for each group of sources",
            ),
            Stage::new(
                "rows a second of a shard of the outbox, while SQS is down",
                load.rate / SHARDS,
                |_| partition,
            )
            .then("503", "`outbox_shards`"),
            pollers,
            Stage::new("messages in flight", batches * BATCH, |_| in_flight)
                .then("the queue looks empty", "SQS's quota"),
            Stage::new(
                "calls of CloudWatch Logs a second",
                instances + batches,
                |_| calls,
            )
            .then("log lines come late", "CloudWatch's quota"),
        ],
    ]
    .concat())
}

fn api(load: &Load, limits: &Limits) -> Result<Vec<Stage>, BoxError> {
    let (rate, burst) = (parameter("RequestsPerSecond")?, parameter("RequestBurst")?);
    let stack = bucket(
        "requests a second, `RequestsPerSecond`",
        load.rate,
        rate,
        burst,
    );
    let (rate, burst) = (limits.of("api_requests")?, limits.of("api_burst")?);
    let account = bucket("requests a second of the account", load.rate, rate, burst);
    let refused = stack.refused();
    Ok(vec![
        stack.then(
            format!("{refused:.0} % are answered 429"),
            format!("`RequestsPerSecond` to {:.0}", load.rate * 1.5),
        ),
        account.then("429", "API Gateway's quota"),
    ])
}

/// A token bucket: it has its rate, and its burst until that is used up.
fn bucket(what: &'static str, needs: f64, rate: f64, burst: f64) -> Stage {
    let excess = needs - rate;
    let held = Stage::new(what, needs, |second| {
        let is_left = burst >= excess * f64::from(second + 1);
        if is_left { needs } else { rate }
    });
    Stage { has: rate, ..held }
}

/// Each instance reads the sources' secrets at its first requests; those that cannot answer 503 until they can.
fn secrets(load: &Load, limits: &Limits, instances: f64) -> Result<Stage, BoxError> {
    let calls = instances * (load.sources / NAMES).ceil();
    let reads = limits.of("parameter_reads")?;
    let stage = Stage::new("reads of secrets, by new instances", calls, |second| {
        reads * f64::from(second + 1)
    });
    Ok(stage.then(
        "instances wait for their secrets: 503",
        "Parameter Store's throughput, or one JSON secret in Secrets Manager",
    ))
}

/// A new table doubles its peak every half hour, up to the quota.
fn table(load: &Load, limits: &Limits) -> Result<Vec<Stage>, BoxError> {
    let (start, most) = (limits.of("table_start")?, limits.of("table_most")?);
    let doubling = limits.of("table_doubling")?;
    let needs = load.rate * load.writes;
    let grown = Stage::new("write units a second of the table", needs, |second| {
        let doublings = (f64::from(second) / doubling).floor();
        (start * doublings.exp2()).min(most)
    });
    let refused = grown.refused();
    let warm = needs * 1.5;
    let beyond = if warm > most {
        ", after DynamoDB's quota of a table"
    } else {
        ""
    };
    let quota = Stage::new("write units a second, quota of a table", needs, |_| most);
    Ok(vec![
        grown.then(
            format!("{refused:.0} % of writes are throttled: 503, and batches wait"),
            format!("`WarmWriteUnits` to {:.0}{beyond}", warm.max(start)),
        ),
        quota.then("writes are throttled", "DynamoDB's quota of a table"),
    ])
}

/// Concurrent batches grow every minute, up to the template's parameter.
fn pollers(load: &Load, limits: &Limits, batches: f64) -> Result<Stage, BoxError> {
    let (start, ramp) = (limits.of("pollers_start")?, limits.of("pollers_ramp")?);
    let most = limits.of("pollers_most")?;
    let most = parameter("ProcessorConcurrency")?.min(most);
    let has = |second: u32| (start + ramp * f64::from(second / 60)).min(most);
    let stage = Stage::new("concurrent batches", batches, has);
    let handled = |second: u32| has(second) / load.batch_s * BATCH;
    let waiting: f64 = (0..600).map(|second| load.rate - handled(second)).sum();
    let waits = match stage.mended_s {
        Some(_) => "messages wait".to_owned(),
        None => format!("{:.0} messages wait after 10 min", waiting.max(0.0)),
    };
    let raise = format!(
        "`ProcessorConcurrency` to {:.0}, or `ProvisionedPollers`",
        (batches * 2.0).max(50.0)
    );
    Ok(stage.then(waits, raise))
}
