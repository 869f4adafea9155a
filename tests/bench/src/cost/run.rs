//! Runs of events through ingest and the processor, on embedded engines, with a meter at every call.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use hookgate::config::{Config, DEFAULT_RETENTION};
use hookgate::{
    BoxError, Clock, Documents, MetricLines, Runtime, Secrets, Source, Sources, system_now,
    telemetry,
};
use hookgate_ingest::Ingest;
use hookgate_processor::handlers::Handlers;
use hookgate_processor::{Invocation, Processor};
use hookgate_sweeper::{Sweeper, run_once};
use hookgate_twin::engines::{Engines, QUEUE, TABLE};
use http::Request;

use super::meter::{Meter, Metered, Used};
use crate::source::{PATH, signed, source, variables};

/// A configuration whose handler does no more than log.
const CONFIG: &str = r#"
[sources.bench]
provider = "product"
secrets  = ["env:BENCH"]

[[routes]]
type = "project.created"
to   = "handler:project_created"
"#;

/// A run of events.
pub(super) struct Run {
    pub(super) bytes: u32,
    /// Messages in a batch.
    pub(super) batch: usize,
    /// Keeps payloads in the archive.
    pub(super) archive: bool,
    /// `HOOKGATE_LOG`.
    pub(super) filter: &'static str,
}

/// The units that a run used.
pub(super) struct Usage {
    pub(super) used: Used,
    pub(super) batches: u64,
    pub(super) table_bytes: u64,
    pub(super) bucket_bytes: u64,
}

impl Usage {
    /// The units that are charged for, apart from calls.
    pub(super) fn units(&self) -> [(&'static str, f64); 5] {
        [
            ("write units", self.used.writes),
            ("read units", self.used.reads),
            ("SQS requests of 64 KB", self.used.messages as f64),
            ("bytes of log lines", self.used.log_bytes as f64),
            ("bytes in the table", self.table_bytes as f64),
        ]
    }
}

/// The units that one sweep uses that finds nothing to do.
pub(super) async fn idle_sweep() -> Result<Used, BoxError> {
    let functions = Functions::start(true).await?;
    let lines = telemetry(
        "info",
        MetricLines::new("Hookgate", ["bench"], functions.meter.clone()),
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
        let lines = telemetry(
            self.filter,
            MetricLines::new("Hookgate", ["bench"], functions.meter.clone()),
            functions.meter.clone(),
        );
        let metered = tracing::subscriber::set_default(lines);
        for number in 0..events {
            functions.send(number, self.bytes).await?;
        }
        let mut batches = 0;
        while functions.process(self.batch).await? {
            batches += 1;
        }
        drop(metered);
        let used = functions.meter.used();
        let kept = used.calls.get("PutObject").copied().unwrap_or_default();
        Ok(Usage {
            used,
            batches,
            table_bytes: functions.table_bytes().await?,
            bucket_bytes: kept * u64::from(self.bytes),
        })
    }
}

impl Functions {
    async fn start(archive: bool) -> Result<Functions, BoxError> {
        let meter = Meter::default();
        let engines = Engines::in_memory(Box::new(system_now)).await?;
        let engines = engines.over(Metered::new(meter.clone()));
        let config = Config::parse(CONFIG)?;
        let secrets = Secrets::new(variables(), None);
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
            sweeper: Sweeper::new(table.clone(), queue.clone(), Clock::system()),
            ingest: Ingest::new(
                sources,
                table.clone(),
                queue.clone(),
                bodies.clone(),
                Clock::system(),
            ),
            processor: Processor::new(
                table,
                queue,
                bodies,
                Clock::system(),
                &Handlers::built_in(),
                config.routes,
            )?,
            engines,
            meter,
            source: source().await?,
        })
    }

    async fn send(&self, number: u32, bytes: u32) -> Result<(), BoxError> {
        let body = body(number, bytes);
        let mut request = Request::post(PATH);
        for (name, value) in signed(&self.source, &body)? {
            request = request.header(name, value);
        }
        let answer = self.ingest.handle(request.body(Bytes::from(body))?).await;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!(
                "an event was answered with {}; run it again when this machine is less busy",
                answer.status()
            )
            .into())
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

    /// The size of all items, as DynamoDB computes it: names and values.
    async fn table_bytes(&self) -> Result<u64, BoxError> {
        let client = self.engines.dynamodb_client();
        let mut pages = client
            .scan()
            .table_name(TABLE)
            .into_paginator()
            .items()
            .send();
        let mut bytes = 0;
        while let Some(item) = pages.next().await {
            bytes += item?
                .iter()
                .map(|(name, value)| name.len() as u64 + size(value))
                .sum::<u64>();
        }
        Ok(bytes)
    }
}

/// A body of so many bytes that compresses as JSON does.
fn body(number: u32, bytes: u32) -> String {
    let start = format!(
        r#"{{"id":"evt_{number}","type":"project.created","data":{{"name":"Apollo","lines":["#
    );
    let mut random = fastrand::Rng::with_seed(number.into());
    let mut body = start;
    while body.len() + 120 < bytes as usize {
        let (id, price) = (random.u64(..), random.u32(100..100_000));
        body.push_str(&format!(r#"{{"line_item_id":{id},"sku":"PK-{}","price":{price},"currency":"EUR","quantity":{}}},"#, id % 997, price % 9));
    }
    let missing = (bytes as usize).saturating_sub(body.len() + 5);
    body.push_str(&format!("\"{}\"]}}}}", "x".repeat(missing)));
    body
}

fn size(value: &AttributeValue) -> u64 {
    match value {
        AttributeValue::S(text) => text.len() as u64,
        AttributeValue::N(digits) => digits.len().div_ceil(2) as u64 + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len() as u64,
        AttributeValue::L(list) => 3 + list.iter().map(size).sum::<u64>(),
        AttributeValue::M(map) => {
            3 + map
                .iter()
                .map(|(name, value)| name.len() as u64 + size(value))
                .sum::<u64>()
        }
        _ => 1,
    }
}
