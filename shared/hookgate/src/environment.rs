use std::collections::HashMap;
use std::fmt;

use crate::config::{Config, ConfigError};
use aws_types::SdkConfig;
use thiserror::Error;

use crate::{DynamoTable, Roots, S3Bodies, Secrets, SqsDeadLetters, SqsQueue, chain, connect};

/// The environment variables of a function, and the configuration that they point at.
#[derive(Clone)]
pub struct Environment {
    variables: HashMap<String, String>,
}

/// Without the values: `env:` secrets and the account's keys are among them.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

/// The clients and settings that a function's environment leads to.
#[derive(Debug)]
pub struct Adapters {
    /// The configuration.
    pub config: Config,
    /// The ledger and archive.
    pub table: DynamoTable,
    /// The queue of events.
    pub queue: SqsQueue,
    /// The store of large bodies; `None` if no bucket is configured.
    pub bodies: Option<S3Bodies>,
    /// The secrets that the configuration refers to.
    pub secrets: Secrets,
    /// The SDK's configuration, for more clients.
    pub aws: SdkConfig,
}

/// An error in a function's environment.
#[derive(Error)]
pub enum BadEnvironment {
    /// A variable is missing or empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// The configuration file cannot be read.
    #[error("{path} (named by HOOKGATE_CONFIG) cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The machine has no root certificates.
    #[error("no client for AWS can be made")]
    Client(#[from] rustls::Error),
}

/// The text for people, because a program that stops at its start prints this.
impl fmt::Debug for BadEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}

impl Environment {
    /// An environment of these variables; a function passes `std::env::vars()`.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Environment {
        Environment {
            variables: variables.into_iter().collect(),
        }
    }

    /// The table's name, `HOOKGATE_TABLE`.
    ///
    /// # Errors
    /// When it is not set.
    pub fn table(&self) -> Result<&str, BadEnvironment> {
        self.required("HOOKGATE_TABLE")
    }

    /// The queue's URL, `HOOKGATE_QUEUE_URL`.
    ///
    /// # Errors
    /// When it is not set.
    pub fn queue_url(&self) -> Result<&str, BadEnvironment> {
        self.required("HOOKGATE_QUEUE_URL")
    }

    /// The dead-letter queue's URL, `HOOKGATE_DLQ_URL`.
    ///
    /// # Errors
    /// When it is not set.
    pub fn dead_letter_queue_url(&self) -> Result<&str, BadEnvironment> {
        self.required("HOOKGATE_DLQ_URL")
    }

    /// The URL of the queue of replays, `HOOKGATE_REPLAY_QUEUE_URL`; without one, replays are in the queue.
    pub fn replay_queue_url(&self) -> Option<&str> {
        self.optional("HOOKGATE_REPLAY_QUEUE_URL")
    }

    /// The name of the bucket of large bodies, `ARCHIVE_BUCKET`, where there is one.
    pub fn archive_bucket(&self) -> Option<&str> {
        self.optional("ARCHIVE_BUCKET")
    }

    /// The filter of log lines, `HOOKGATE_LOG`, as `info` or `warn,hookgate_ingest=info`.
    pub fn log_filter(&self) -> &str {
        self.variables
            .get("HOOKGATE_LOG")
            .map_or("info", String::as_str)
    }

    /// CloudWatch's namespace of the metrics, `HOOKGATE_METRICS_NAMESPACE`, or `Hookgate`. Gateways of one
    /// account and region that share it have their metrics added up, and each other's alarms.
    pub fn metrics_namespace(&self) -> &str {
        self.optional("HOOKGATE_METRICS_NAMESPACE")
            .unwrap_or("Hookgate")
    }

    /// The configuration in the file that `HOOKGATE_CONFIG` names (`hookgate.toml` by default).
    ///
    /// # Errors
    /// When the file cannot be read, or what it says is wrong.
    pub fn config(&self) -> Result<Config, BadEnvironment> {
        let path = self
            .variables
            .get("HOOKGATE_CONFIG")
            .map_or("hookgate.toml", String::as_str);
        let text = std::fs::read_to_string(path).map_err(|source| BadEnvironment::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Ok(Config::parse(&text)?)
    }

    /// The configuration, and the adapters that the functions need.
    ///
    /// # Errors
    /// When a variable is not set, the configuration is wrong, or the machine has no root certificates.
    pub fn adapters(&self) -> Result<Adapters, BadEnvironment> {
        let config = self.config()?;
        let aws = connect(&self.variables, self.roots())?;
        let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let bodies = self.archive_bucket().map(|name| S3Bodies::new(&aws, name));
        let queue = SqsQueue::new(sqs, self.queue_url()?).fair(config.fair_queue);
        Ok(Adapters {
            table: DynamoTable::new(dynamodb, self.table()?, config.retention)
                .with_bodies(bodies.clone())
                .with_outbox_shards(config.outbox_shards),
            queue: match self.replay_queue_url() {
                Some(url) => queue.with_replays(url),
                None => queue,
            },
            bodies,
            secrets: Secrets::new(self.variables.clone(), Some(aws.clone())),
            config,
            aws,
        })
    }

    /// The dead-letter queue, for operators.
    ///
    /// # Errors
    /// When a queue's variable is not set.
    pub fn dead_letters(&self, aws: &SdkConfig) -> Result<SqsDeadLetters, BadEnvironment> {
        let (url, queue_url) = (self.dead_letter_queue_url()?, self.queue_url()?);
        let sqs = aws_sdk_sqs::Client::new(aws);
        Ok(SqsDeadLetters::new(
            sqs,
            url,
            queue_url,
            SqsDeadLetters::WAIT,
        ))
    }

    /// The trust store for AWS's endpoints: the operator's own where variables name one, and the machine's in
    /// China, whose endpoints have other roots.
    fn roots(&self) -> Roots {
        let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
            .iter()
            .any(|name| self.variables.contains_key(*name));
        let region = self.variables.get("AWS_REGION").map_or("", String::as_str);
        if named || region.starts_with("cn-") {
            Roots::Machine
        } else {
            Roots::Amazon
        }
    }

    fn required(&self, name: &'static str) -> Result<&str, BadEnvironment> {
        self.optional(name).ok_or(BadEnvironment::Missing(name))
    }

    fn optional(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }
}
