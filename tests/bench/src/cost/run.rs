//! Runs of events through ingest and the processor, on embedded engines, with a meter at every call.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use hookgate::config::{Config, DEFAULT_RETENTION, IngestOrder};
use hookgate::{
    BoxError, Clock, Documents, MetricLines, Runtime, Secrets, Source, Sources, system_now,
    telemetry,
};
use hookgate_ingest::Ingest;
use hookgate_processor::handlers::{Effect, Handlers};
use hookgate_processor::{Invocation, Processor};
use hookgate_sweeper::{Sweeper, run_once};
use hookgate_twin::engines::{Engines, QUEUE, TABLE};

use super::bill::MILLION;
use super::meter::{Meter, Metered, Used};
use super::request::Request;
use super::storage::Stored;
use crate::source::variables;

/// A configuration whose handler does nothing: what a handler costs is its own affair.
const CONFIG: &str = r#"
[sources.bench]
provider = "stripe"
secrets  = ["env:BENCH"]

[[routes]]
type = "charge.succeeded"
to   = "handler:nothing"
"#;

/// A run of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) bytes: u32,
    /// Messages in a batch.
    pub(super) batch: usize,
    /// The order in which ingest makes an event durable.
    pub(super) order: IngestOrder,
    /// Keeps payloads in the archive.
    pub(super) archive: bool,
    /// `HOOKGATE_LOG`.
    pub(super) filter: &'static str,
}

/// The units that a run used.
pub(super) struct Usage {
    events: u32,
    pub(super) used: Used,
    pub(super) batches: u64,
    pub(super) stored: Stored,
    pub(super) bucket_bytes: u64,
    /// The size of a request.
    pub(super) request_bytes: usize,
}

impl Usage {
    /// A count of the run, for one event.
    pub(super) fn per_event(&self, count: f64) -> f64 {
        count / f64::from(self.events)
    }

    /// A count of the run, for a million events.
    pub(super) fn per_million(&self, count: f64) -> f64 {
        self.per_event(count) * MILLION
    }

    /// The units that are charged for, apart from calls.
    pub(super) fn units(&self) -> [(&'static str, f64); 5] {
        [
            ("write units", self.used.writes),
            ("read units", self.used.reads),
            ("SQS requests of 64 KB", self.used.messages as f64),
            ("bytes of log lines", self.used.log_bytes as f64),
            (
                "bytes in the table for a month",
                self.stored.table + self.stored.indexes,
            ),
        ]
    }
}

/// The units that one sweep uses that finds nothing to do.
pub(super) async fn idle_sweep() -> Result<Used, BoxError> {
    let functions = Functions::start(true).await?;
    let lines = telemetry(
        "info",
        MetricLines::new("Hookgate/hookgate", ["bench"], functions.meter.clone()),
        functions.meter.clone(),
    );
    let metered = tracing::subscriber::set_default(lines);
    let deadline = system_now() + Duration::from_secs(30);
    run_once(&functions.sweeper, deadline).await;
    drop(metered);
    Ok(functions.meter.used())
}

/// The functions and their engines.
struct Functions {
    engines: Engines,
    meter: Meter,
    source: Source,
    ingest: Ingest,
    processor: Processor,
    sweeper: Sweeper,
}

impl Run {
    pub(super) async fn measure(&self, events: u32) -> Result<Usage, BoxError> {
        let functions = Functions::start(self.archive).await?;
        let functions = Functions {
            ingest: functions.ingest.in_order(self.order),
            ..functions
        };
        let lines = telemetry(
            self.filter,
            MetricLines::new("Hookgate/hookgate", ["bench"], functions.meter.clone()),
            functions.meter.clone(),
        );
        let metered = tracing::subscriber::set_default(lines);
        let mut request_bytes = 0;
        for number in 0..events {
            let request = Request::new(&functions.source, number, self.bytes)?;
            functions.send(&request).await?;
            request_bytes = request.bytes;
        }
        let mut batches = 0;
        while functions.process(self.batch).await? {
            batches += 1;
        }
        drop(metered);
        let used = functions.meter.used();
        let kept = used.calls.get("PutObject").copied().unwrap_or_default();
        let table = functions.engines.dynamodb_client();
        Ok(Usage {
            events,
            used,
            batches,
            stored: Stored::count(&table, TABLE, system_now()).await?,
            bucket_bytes: kept * u64::from(self.bytes),
            request_bytes,
        })
    }
}

impl Functions {
    async fn start(archive: bool) -> Result<Functions, BoxError> {
        // Requests arrive as close together as those that fill a batch, however slow this machine is: what was received
        // within a second is archived together.
        let began = system_now();
        let meter = Meter::default();
        let engines = Engines::in_memory(Box::new(system_now)).await?;
        let engines = engines.over(Metered::new(meter.clone()));
        let config = Config::parse(CONFIG)?;
        let handlers =
            Handlers::default().with("nothing", |_, _| Box::pin(async { Ok(Effect::Happened) }));
        let secrets = Secrets::new(variables(), None);
        let source = Source::load("bench", &config.sources["bench"], &secrets, Runtime::Local);
        let source = source.await?;
        let sources = Sources::load(
            &config,
            secrets,
            Documents::fetched(),
            Runtime::Local,
            system_now(),
        )
        .await?;
        let bodies = Some(engines.bodies());
        let table = engines.table(archive.then_some(DEFAULT_RETENTION));
        let queue = engines.queue();
        Ok(Functions {
            sweeper: Sweeper::new(table.clone(), queue.clone(), Vec::new(), Clock::system()),
            ingest: Ingest::new(
                sources,
                table.clone(),
                queue.clone(),
                bodies.clone(),
                Clock::new(move || began),
            ),
            processor: Processor::new(
                table,
                queue,
                bodies,
                Clock::system(),
                &handlers,
                config.routes,
            )?,
            engines,
            meter,
            source,
        })
    }

    async fn send(&self, request: &Request) -> Result<(), BoxError> {
        let answer = self
            .ingest
            .answer(&request.event, Some(&request.trace))
            .await;
        let answer = serde_json::to_value(answer)?;
        match answer["statusCode"].as_u64() {
            Some(200) => Ok(()),
            _ => Err(format!(
                "an event was answered with {}; run it again when this machine is less busy",
                answer["statusCode"]
            )
            .into()),
        }
    }

    /// Does the part of Lambda between the queue and the processor; false when the queue is empty.
    async fn process(&self, batch: usize) -> Result<bool, BoxError> {
        let received = self
            .engines
            .sqs
            .receive(QUEUE, batch, Duration::ZERO, None)
            .await?;
        if received.is_empty() {
            return Ok(false);
        }
        let bytes = received.iter().map(|message| message.body.len()).sum();
        self.meter.sqs("ReceiveMessage", bytes);
        let mut event = SqsEvent::default();
        let mut handles = Vec::new();
        for message in received {
            let mut record = SqsMessage::default();
            record.message_id = Some(message.id);
            record.body = Some(message.body);
            record.attributes = message.system_attributes.into_iter().collect();
            record.receipt_handle = Some(message.receipt_handle.clone());
            handles.push(message.receipt_handle);
            event.records.push(record);
        }
        let invocation = Invocation {
            request_id: uuid::Uuid::new_v4().to_string(),
            deadline: system_now() + Duration::from_secs(30),
        };
        let response = self.processor.handle(event, &invocation).await;
        if !response.batch_item_failures.is_empty() {
            return Err("an event was not handled".into());
        }
        for handle in &handles {
            self.engines.sqs.delete(QUEUE, handle).await?;
        }
        self.meter.sqs("DeleteMessageBatch", 0);
        Ok(true)
    }
}
