//! The functions as they are deployed: their binaries, with all that they need, and requests to them.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::emulator::Function;
use crate::gateway::unix_s;
use crate::issuer::Issuer;
use crate::provider::{self, Signed};
use crate::servers::Stack;
use crate::telemetry::NAMESPACE;

/// As in the template.
const INGEST_TIMEOUT: Duration = Duration::from_secs(4);
/// As in the template.
const PROCESSOR_TIMEOUT: Duration = Duration::from_secs(30);
/// As in the template.
const SWEEPER_TIMEOUT: Duration = Duration::from_secs(60);

/// PartsSource's secret, in the function's environment.
pub const PARTSSOURCE_SECRET: &str = "partssource-secret-of-a-test";
/// Product's secret, in Systems Manager.
pub const PRODUCT_SECRET: &str = "product-secret-of-a-test";
/// Pakk's secret, in Secrets Manager.
pub const PAKK_SECRET: &str = "pakk-secret-of-a-test";
/// WSS's secret, in the function's environment.
pub const WSS_SECRET: &str = "wss-secret-of-a-test";

/// In every body, so that a log line that repeats one is found.
const PRIVATE: &str = "PRIVATE-CONTENT";

/// A function's environment.
pub type Variables = Vec<(&'static str, String)>;

/// A table, queues, an issuer and a configuration of one test's own.
#[derive(Debug)]
pub struct Deployment {
    /// The table and queues.
    pub stack: Stack,
    issuer: Issuer,
    folder: TempDir,
}

/// A good request to a source.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The source.
    pub source: &'static str,
    /// The status that the system's guide wants for a bad one.
    pub refused: i64,
    /// The request.
    pub good: Signed,
}

impl Deployment {
    /// Makes everything but the functions.
    pub async fn new() -> Deployment {
        let (stack, issuer) = (Stack::create().await, Issuer::start().await);
        let config = include_str!("deployment.toml")
            .replace("{parameter}", &stack.put_parameter(PRODUCT_SECRET).await)
            .replace("{secret}", &stack.create_secret(PAKK_SECRET).await)
            .replace("{issuer}", &issuer.url);
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("hookgate.toml"), config).expect("a writable folder");
        Deployment {
            stack,
            issuer,
            folder,
        }
    }

    /// The configuration's file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("hookgate.toml")
    }

    fn variables(&self) -> Variables {
        vec![
            ("HOOKGATE_CONFIG", self.config().display().to_string()),
            ("HOOKGATE_TABLE", self.stack.table.clone()),
            ("HOOKGATE_QUEUE_URL", self.stack.queue_url.clone()),
            ("HOOKGATE_METRICS_NAMESPACE", NAMESPACE.to_owned()),
            ("ARCHIVE_BUCKET", self.stack.bucket.clone()),
            ("AWS_ENDPOINT_URL", self.stack.url.clone()),
        ]
    }

    /// Ingest's environment.
    pub fn ingest_variables(&self) -> Variables {
        let mut variables = self.variables();
        variables.extend([
            ("PARTSSOURCE_SECRET", PARTSSOURCE_SECRET.to_owned()),
            ("WSS_SECRET", WSS_SECRET.to_owned()),
            (
                "SSL_CERT_FILE",
                self.issuer.authority().display().to_string(),
            ),
        ]);
        variables
    }

    /// The processor's environment.
    pub fn processor_variables(&self) -> Variables {
        let mut variables = self.variables();
        variables.push(("HOOKGATE_DLQ_URL", self.stack.dead_letter_queue_url.clone()));
        variables
    }

    /// Starts ingest.
    pub async fn ingest(&self) -> Function {
        ingest_with(&self.ingest_variables()).await
    }

    /// Starts the processor.
    pub async fn processor(&self) -> Function {
        processor_with(&self.processor_variables()).await
    }

    /// Starts the sweeper.
    pub async fn sweeper(&self) -> Function {
        Function::start("sweeper", SWEEPER_TIMEOUT, &self.variables()).await
    }

    /// A good request to each system's source. `name` makes its event another than those of other names.
    #[rustfmt::skip]
    pub fn samples(&self, name: &str) -> Vec<Sample> {
        let (now, id) = (unix_s(), format!("{}-{name}", self.stack.name));
        let body = |body: Value| body.to_string().into_bytes();
        let order = body(json!({
            "event_type": "order.created", "company_id": 12345, "occurred_at": "2026-10-10T12:00:00Z",
            "payload": { "line_items": [{}], "reference": id, "note": PRIVATE },
        }));
        let project = body(json!({ "id": id, "type": "project.created", "data": { "name": PRIVATE } }));
        let placed = body(json!({ "lines": [], "note": PRIVATE }));
        let stock = body(json!({ "event": "stock.changed", "sku": id, "quantity": 12, "note": PRIVATE }));
        let status = body(json!({ "type": "order.status", "order_id": id, "status": "shipped", "note": PRIVATE }));
        let sample = |source, refused, good| Sample { source, refused, good };
        vec![
            sample("partssource", 401, provider::partssource(PARTSSOURCE_SECRET, now, &order)),
            sample("product", 400, provider::product(PRODUCT_SECRET, now, &project)),
            sample("pps", 403, provider::pps(&self.issuer.token(now), &id, &placed)),
            sample("pakk", 401, provider::pakk(PAKK_SECRET, &stock)),
            sample("wss", 401, provider::wss(WSS_SECRET, &now.to_string(), &status)),
        ]
    }
}

impl Sample {
    /// The request's path.
    pub fn path(&self) -> String {
        format!("/webhooks/{}", self.source)
    }

    /// The request with one byte changed: of the body, or of the token that does not cover it.
    pub fn altered(&self) -> Signed {
        self.good.altered()
    }
}

/// Starts ingest with this environment.
pub async fn ingest_with(variables: &Variables) -> Function {
    Function::start("ingest", INGEST_TIMEOUT, variables).await
}

/// Starts the processor with this environment.
pub async fn processor_with(variables: &Variables) -> Function {
    Function::start("processor", PROCESSOR_TIMEOUT, variables).await
}

/// An environment with another value of one variable.
pub fn with(mut variables: Variables, name: &'static str, value: &str) -> Variables {
    variables.retain(|(other, _)| *other != name);
    variables.push((name, value.to_owned()));
    variables
}

/// Fails when a function's log repeats a secret, or a signature, a token or a body of these requests.
pub fn assert_discreet(function: &Function, samples: &[Sample]) {
    let log = function.log();
    assert!(
        log.contains("\"outcome\""),
        "the log has the outcomes:\n{log}"
    );
    let secrets = [
        PARTSSOURCE_SECRET,
        PRODUCT_SECRET,
        PAKK_SECRET,
        WSS_SECRET,
        PRIVATE,
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    for Sample { source, good, .. } in samples {
        assert!(
            !log.contains(&STANDARD.encode(&good.body)),
            "{source}'s body is in the log:\n{log}"
        );
        for (name, value) in good.headers.iter().filter(|(name, _)| is_proof(name)) {
            // A prefix, a version or a time alone tells nothing.
            let parts = value
                .split(['=', ' ', ',', '.'])
                .filter(|part| part.len() > 16);
            for part in parts {
                assert!(
                    !log.contains(part),
                    "the value of {source}'s {name} is in the log:\n{log}"
                );
            }
        }
    }
}

fn is_proof(header: &str) -> bool {
    header.contains("Signature") || header == "Authorization"
}
