//! The embedded engines with the gateway's table, queues and bucket in them, and clients that talk to
//! them as to AWS.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, HttpClient, SharedCredentialsProvider};
use hookgate::{AwsError, DynamoTable, S3Bodies, SqsDeadLetters, SqsQueue, system_now};
use hookgate_sqs::{ClockFn, Sqs, SqsError};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::door::Door;
use crate::dynamo::Dynamo;
use crate::faults::{Faults, Service};
use crate::listen::{bind, ended, listen, ports, until_the_end};
use crate::s3::{self, Objects, S3Error};

/// The region that its queues and clients are in.
pub const REGION: &str = "us-east-1";
/// The table's name.
pub const TABLE: &str = "hookgate-ledger";
/// The queue's name.
pub const QUEUE: &str = "hookgate-events";
/// The name of the queue of replays.
pub const REPLAY_QUEUE: &str = "hookgate-replays";
/// The dead-letter queue's name.
pub const DEAD_LETTER_QUEUE: &str = "hookgate-dead-letters";
/// The bucket's name.
pub const BUCKET: &str = "hookgate-archive";

// The queues' settings are those of the template.
const VISIBILITY_TIMEOUT_S: u64 = 240;
const RETENTION_S: u64 = 14 * 24 * 3600;
const MAX_RECEIVE_COUNT: u32 = 50;

/// Retention of objects: longer than that of messages that point to them, and than the default for payloads.
const OBJECT_RETENTION: Duration = Duration::from_secs(35 * 24 * 3600);

/// Running engines.
pub struct Engines {
    /// The SQS engine, for what happens in this process.
    pub sqs: Sqs,
    /// DynamoDB's endpoint.
    pub dynamodb_endpoint: String,
    /// SQS's endpoint.
    pub sqs_endpoint: String,
    /// S3's endpoint.
    pub s3_endpoint: String,
    aws: SdkConfig,
    dynamo: Dynamo,
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
}

/// An error of starting the engines.
#[derive(Debug, Error)]
pub enum EngineError {
    /// An engine does not start.
    #[error("the embedded {engine} does not start: {why}")]
    Start {
        /// Its name.
        engine: &'static str,
        /// The reason.
        why: String,
    },
    /// S3's objects cannot be stored.
    #[error(transparent)]
    Objects(#[from] S3Error),
    /// The table cannot be made or read.
    #[error(transparent)]
    Table(#[from] AwsError),
}

impl EngineError {
    pub(crate) fn queue(error: SqsError) -> EngineError {
        failed("SQS")(&error)
    }
}

fn failed(engine: &'static str) -> impl Fn(&dyn fmt::Display) -> EngineError {
    move |why| EngineError::Start {
        engine,
        why: why.to_string(),
    }
}

impl Engines {
    /// Starts the engines with their state in `data`, which exists, and makes the table and queues
    /// where they are missing. They listen on three ports from the first on, as far as those are free;
    /// 0 picks a free port.
    ///
    /// # Errors
    /// When an engine does not start, or its state cannot be read.
    pub async fn start(data: &Path, first_port: u16) -> Result<Engines, EngineError> {
        let sqs = Sqs::open(Some(&data.join("sqs.sqlite"))).map_err(EngineError::queue)?;
        let objects = Objects::open(&data.join("s3"))?;
        objects.expire(system_now(), OBJECT_RETENTION)?;
        Engines::with(
            Some(&data.join("dynamodb.sqlite")),
            sqs,
            objects,
            first_port,
        )
        .await
    }

    /// Starts the engines in memory, objects in a temporary folder, with a clock of the caller's choice
    /// for the queues.
    ///
    /// # Errors
    /// When an engine does not start.
    pub async fn in_memory(clock: ClockFn) -> Result<Engines, EngineError> {
        let sqs = Sqs::open_with_clock(None, clock).map_err(EngineError::queue)?;
        Engines::with(None, sqs, Objects::temporary()?, 0).await
    }

    async fn with(
        dynamodb: Option<&Path>,
        sqs: Sqs,
        objects: Objects,
        first_port: u16,
    ) -> Result<Engines, EngineError> {
        let mut ports = ports(first_port);
        let table = bind(ports.next()).map_err(|error| failed("DynamoDB")(&error))?;
        let dynamo = Dynamo::start(dynamodb, table)
            .await
            .map_err(|error| failed("DynamoDB")(&error))?;
        let (queues, sqs_endpoint) = listen(ports.next()).map_err(|error| failed("SQS")(&error))?;
        let (bucket, s3_endpoint) = listen(ports.next()).map_err(|error| failed("S3")(&error))?;
        let (stop, stopped) = watch::channel(false);
        let serve_queues = sqs.clone().serve(queues, ended(stopped.clone()));
        let serve_bucket =
            axum::serve(bucket, s3::router(objects)).with_graceful_shutdown(ended(stopped));
        let serving = vec![
            tokio::spawn(until_the_end("SQS", serve_queues)),
            tokio::spawn(until_the_end("S3", serve_bucket.into_future())),
        ];
        let engines = Engines {
            sqs,
            dynamodb_endpoint: dynamo.endpoint.clone(),
            sqs_endpoint,
            s3_endpoint,
            aws: aws(),
            dynamo,
            stop,
            serving,
        };
        engines.make_queues()?;
        engines.table(None).create().await?;
        Ok(engines)
    }

    /// The engines behind clients over this HTTP client. They make each request once, and wait for its
    /// answer as long as it takes.
    #[must_use]
    pub fn over(self, http: impl HttpClient + 'static) -> Engines {
        let aws = self.aws.to_builder();
        let aws = aws
            .http_client(http)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled());
        Engines {
            aws: aws.build(),
            ..self
        }
    }

    /// The engines behind doors, where faults strike requests. The doors listen on the ports from the first
    /// on, as far as those are free.
    pub(crate) fn behind(
        mut self,
        faults: Faults,
        first_port: u16,
    ) -> Result<Engines, EngineError> {
        let faults = Arc::new(faults);
        let mut ports = ports(first_port);
        for (service, endpoint) in [
            (Service::DynamoDb, &mut self.dynamodb_endpoint),
            (Service::Sqs, &mut self.sqs_endpoint),
            (Service::S3, &mut self.s3_endpoint),
        ] {
            let listener = listen(ports.next()).map_err(|error| failed(service.name())(&error));
            let (listener, url) = listener?;
            let door = Door::new(service, std::mem::replace(endpoint, url), faults.clone());
            let door = door.map_err(|error| failed(service.name())(&error))?;
            let serve = door.serve(listener, ended(self.stop.subscribe()));
            self.serving.push(tokio::spawn(serve));
        }
        Ok(self)
    }

    /// The table, as the functions see it.
    pub fn table(&self, retention: Option<Duration>) -> DynamoTable {
        DynamoTable::new(self.dynamodb_client(), TABLE, retention).with_bodies(Some(self.bodies()))
    }

    /// The bucket, as the functions see it.
    pub fn bodies(&self) -> S3Bodies {
        S3Bodies::new(&self.at(&self.s3_endpoint), BUCKET)
    }

    /// The queues, as the functions see them.
    pub fn queue(&self) -> SqsQueue {
        SqsQueue::new(self.sqs_client(), self.queue_url())
            .with_dead_letters(self.dead_letter_queue_url())
    }

    /// The queues, as the functions see them that send the messages of replays of ranges.
    pub fn queue_with_replays(&self) -> SqsQueue {
        self.queue().with_replays(self.replay_queue_url())
    }

    /// The dead-letter queue, as operators see it. It is one server: no look has to wait for others.
    pub fn dead_letters(&self) -> SqsDeadLetters {
        let (client, url) = (self.sqs_client(), self.dead_letter_queue_url());
        SqsDeadLetters::new(client, url, self.queue_url(), Duration::ZERO)
    }

    /// The queue's URL.
    pub fn queue_url(&self) -> String {
        format!("{}/000000000000/{QUEUE}", self.sqs_endpoint)
    }

    /// The URL of the queue of replays.
    pub fn replay_queue_url(&self) -> String {
        format!("{}/000000000000/{REPLAY_QUEUE}", self.sqs_endpoint)
    }

    /// The dead-letter queue's URL.
    pub fn dead_letter_queue_url(&self) -> String {
        format!("{}/000000000000/{DEAD_LETTER_QUEUE}", self.sqs_endpoint)
    }

    /// Stops the engines and closes their files.
    pub async fn stop(self) {
        // What has ended already need not be stopped.
        let _ = self.stop.send(true);
        for serving in self.serving {
            let _ = serving.await;
        }
        self.dynamo.stop().await;
    }

    fn make_queues(&self) -> Result<(), EngineError> {
        let arn = format!("arn:aws:sqs:{REGION}:000000000000:{DEAD_LETTER_QUEUE}");
        let redrive =
            serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVE_COUNT });
        let dead_letters = [("MessageRetentionPeriod", RETENTION_S.to_string())];
        let events = [
            ("MessageRetentionPeriod", RETENTION_S.to_string()),
            ("VisibilityTimeout", VISIBILITY_TIMEOUT_S.to_string()),
            ("RedrivePolicy", redrive.to_string()),
        ];
        for (queue, attributes) in [
            (DEAD_LETTER_QUEUE, &dead_letters[..]),
            (QUEUE, &events[..]),
            (REPLAY_QUEUE, &events[..]),
        ] {
            let attributes = attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            self.sqs
                .ensure_queue(queue, &attributes.collect())
                .map_err(EngineError::queue)?;
        }
        Ok(())
    }

    /// A client of the embedded DynamoDB.
    pub fn dynamodb_client(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.at(&self.dynamodb_endpoint))
    }

    /// A client of the embedded SQS.
    pub fn sqs_client(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.at(&self.sqs_endpoint))
    }

    fn at(&self, endpoint: &str) -> SdkConfig {
        self.aws.to_builder().endpoint_url(endpoint).build()
    }
}

/// The SDK's configuration for the engines. They are on this machine and answer at once, but a machine
/// that is busy with a build may not.
fn aws() -> SdkConfig {
    let credentials = Credentials::new("twin", "twin", None, None::<SystemTime>, "twin");
    let limits = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(2));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(limits.build())
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .build()
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engines")
            .field("dynamodb_endpoint", &self.dynamodb_endpoint)
            .field("sqs_endpoint", &self.sqs_endpoint)
            .field("s3_endpoint", &self.s3_endpoint)
            .finish_non_exhaustive()
    }
}
