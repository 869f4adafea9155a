//! The functions that are measured, the engines that they run on, and the requests that they get.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use bytes::Bytes;
use hookgate::{Body, BoxError, Event, EventKey, Message, Source, system_now};
use hookgate_twin::engines::{BUCKET, Engines, TABLE};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::source::{CONFIG, PATH, SECRET, VARIABLE, signed, source};

const PEER_TABLE: &str = "peer";

/// A request of an HTTP API, without the sender's part.
const HTTP_API: &str = include_str!("../../../../functions/ingest/events/http-api.json");
/// A batch of one message, of which only the frame is used.
const BATCH: &str = include_str!("../../../../functions/processor/events/good.json");

/// The job of a function.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// Takes a signed request.
    Ingest,
    /// Takes a batch of one message.
    Process,
}

/// A function that is measured.
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) program: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) job: Job,
    pub(super) is_a_binary: bool,
}

/// The engines that the functions run on, and the events that they get.
pub(super) struct Ground {
    engines: Engines,
    source: Source,
    folder: TempDir,
    serial: AtomicU64,
}

impl Ground {
    pub(super) async fn prepare() -> Result<Ground, BoxError> {
        let engines = Engines::in_memory(Box::new(system_now)).await?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("hookgate.toml"), CONFIG)?;
        let id = AttributeDefinition::builder()
            .attribute_name("id")
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name("id")
            .key_type(KeyType::Hash);
        let table = engines
            .dynamodb_client()
            .create_table()
            .table_name(PEER_TABLE);
        let table = table
            .attribute_definitions(id.build()?)
            .key_schema(key.build()?);
        table
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await?;
        Ok(Ground {
            engines,
            source: source().await?,
            folder,
            serial: AtomicU64::new(0),
        })
    }

    pub(super) fn subjects(&self, target: &Path) -> Result<[Subject; 4], BoxError> {
        let found = |path: &str| {
            let path = target.join(path);
            let absolute = path.canonicalize();
            absolute.map_err(|_| {
                format!(
                    "{} is missing; run: tests/scripts/provision.sh peers",
                    path.display()
                )
            })
        };
        let text = |path: &str| Ok::<_, BoxError>(found(path)?.display().to_string());
        text("test-servers/rie/aws-lambda-rie")?;
        let subject = |name, program, job, is_a_binary| Subject {
            name,
            program,
            environment: self.environment(),
            job,
            is_a_binary,
        };
        let mut python = subject(
            "Python, Powertools",
            [
                "test-servers/powertools/bin/python3",
                "-m",
                "awslambdaric",
                "app.handler",
            ]
            .map(str::to_owned)
            .to_vec(),
            Job::Ingest,
            false,
        );
        // Through the link, or it would be the system's Python, without what is installed beside the link.
        text(&python.program[0])?;
        python.program[0] = std::path::absolute(target.join(&python.program[0]))?
            .display()
            .to_string();
        let app = target.join("../tests/peers/powertools").canonicalize()?;
        python
            .environment
            .push(("PYTHONPATH".to_owned(), app.display().to_string()));
        Ok([
            subject(
                "hello, world",
                vec![text("peers/release/hello")?],
                Job::Ingest,
                true,
            ),
            subject("ingest", vec![text("release/ingest")?], Job::Ingest, true),
            subject(
                "processor",
                vec![text("release/processor")?],
                Job::Process,
                true,
            ),
            python,
        ])
    }

    fn environment(&self) -> Vec<(String, String)> {
        let config = self.folder.path().join("hookgate.toml");
        let pairs = [
            (VARIABLE, SECRET.to_owned()),
            ("HOOKGATE_CONFIG", config.display().to_string()),
            ("HOOKGATE_TABLE", TABLE.to_owned()),
            ("HOOKGATE_QUEUE_URL", self.engines.queue_url()),
            ("HOOKGATE_DLQ_URL", self.engines.dead_letter_queue_url()),
            ("ARCHIVE_BUCKET", BUCKET.to_owned()),
            ("PEER_TABLE", PEER_TABLE.to_owned()),
            // As on Lambda, where a function's folder cannot be written to.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            (
                "AWS_ENDPOINT_URL_DYNAMODB",
                self.engines.dynamodb_endpoint.clone(),
            ),
            ("AWS_ENDPOINT_URL_SQS", self.engines.sqs_endpoint.clone()),
            ("AWS_ENDPOINT_URL_S3", self.engines.s3_endpoint.clone()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// The next event for a function: never the same one again.
    pub(super) fn event(&self, job: Job) -> Result<Value, BoxError> {
        let id = format!("evt_{}", self.serial.fetch_add(1, Ordering::Relaxed));
        match job {
            Job::Ingest => self.request(&id),
            Job::Process => batch(&id),
        }
    }

    fn request(&self, id: &str) -> Result<Value, BoxError> {
        let (headers, body) = self.signed(id)?;
        let mut event: Value = serde_json::from_str(HTTP_API)?;
        event["rawPath"] = PATH.into();
        event["requestContext"]["http"]["path"] = PATH.into();
        for (name, value) in headers {
            event["headers"][name.to_ascii_lowercase()] = value.into();
        }
        event["body"] = body.into();
        Ok(event)
    }

    pub(super) fn signed(&self, id: &str) -> Result<(Vec<(String, String)>, String), BoxError> {
        let note = "x".repeat(1900);
        let body = json!({ "id": id, "type": "bench", "data": { "note": note } }).to_string();
        Ok((signed(&self.source, &body)?, body))
    }
}

fn batch(id: &str) -> Result<Value, BoxError> {
    let event = Event {
        key: EventKey::new(None, "bench", id),
        source: "bench".to_owned(),
        tenant: None,
        id: Some(id.to_owned()),
        event_type: Some("bench".to_owned()),
        received: system_now(),
        headers: Vec::new(),
        trace: None,
        body: Body::Inline(Bytes::from("x".repeat(2000))),
    };
    let frame: Value = serde_json::from_str(BATCH)?;
    let mut record = frame["Records"][0].clone();
    record["messageId"] = uuid::Uuid::new_v4().to_string().into();
    record["body"] = Message {
        event,
        number: hookgate::Number::default(),
        replay: None,
        probe: false,
        held_ms: 0,
    }
    .to_json()?
    .into();
    Ok(json!({ "Records": [record] }))
}
