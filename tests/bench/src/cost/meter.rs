//! A meter of the calls that the functions make, and of the units that each is charged in.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// A piece of a message, as SQS charges for it.
const PIECE_BYTES: usize = 64 * 1024;

/// The partitions of what is written once a day and process, and read once in ten seconds and process, however many
/// events there are: the archive's days, and the states of routes.
const BY_TIME: [&str; 2] = ["archive-days#", "routes"];

/// The units used so far; all clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Used>>);

/// Calls, and the units that they are charged in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Used {
    /// The number of calls of each action.
    pub(crate) calls: BTreeMap<String, u64>,
    /// DynamoDB's write request units.
    pub(crate) writes: f64,
    /// DynamoDB's read request units.
    pub(crate) reads: f64,
    /// SQS's requests, in pieces of 64 KB.
    pub(super) messages: u64,
    /// Bytes of log lines.
    pub(super) log_bytes: u64,
}

impl Meter {
    pub(crate) fn used(&self) -> Used {
        self.lock().clone()
    }

    /// Counts a call of SQS that carries so many bytes of messages.
    pub(super) fn sqs(&self, action: &str, bytes: usize) {
        let mut used = self.lock();
        used.count(action);
        used.messages += bytes.div_ceil(PIECE_BYTES).max(1) as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call of DynamoDB by the units that the answer names. A write whose condition does not hold is
    /// charged for too.
    fn dynamodb(&self, action: &str, answer: &Value) {
        let capacity = &answer["ConsumedCapacity"];
        let single = std::slice::from_ref(capacity);
        let tables = capacity.as_array().map_or(single, Vec::as_slice);
        let units = tables
            .iter()
            .filter_map(|table| table["CapacityUnits"].as_f64());
        let units: f64 = units.sum();
        let kind = answer["__type"].as_str().unwrap_or_default();
        let refused = kind.ends_with("ConditionalCheckFailedException");
        let mut used = self.lock();
        used.count(action);
        match action {
            "GetItem" | "BatchGetItem" | "Query" => used.reads += units,
            _ if refused => used.writes += 1.0,
            _ => used.writes += units,
        }
    }
}

impl Used {
    fn count(&mut self, action: &str) {
        *self.calls.entry(action.to_owned()).or_default() += 1;
    }
}

/// An HTTP client of the SDK that counts each request, and may make it later.
#[derive(Clone, Debug)]
pub(crate) struct Metered {
    meter: Meter,
    delay: Duration,
    http: SharedHttpClient,
}

#[derive(Clone, Debug)]
struct MeteredConnector {
    meter: Meter,
    delay: Duration,
    connector: SharedHttpConnector,
}

impl Metered {
    pub(crate) fn new(meter: Meter) -> Metered {
        Metered {
            meter,
            delay: Duration::ZERO,
            http: Builder::new().build_http(),
        }
    }

    /// The client, with each call so much later.
    pub(crate) fn after(self, delay: Duration) -> Metered {
        Metered { delay, ..self }
    }
}

impl HttpClient for Metered {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(MeteredConnector {
            meter: self.meter.clone(),
            delay: self.delay,
            connector: self.http.http_connector(settings, components),
        })
    }
}

impl HttpConnector for MeteredConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.delay.is_zero() {
            return self.counted(request);
        }
        let connector = self.clone();
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(connector.delay).await;
            connector.counted(request).await
        })
    }
}

impl MeteredConnector {
    fn counted(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").map(str::to_owned);
        match target.as_deref().and_then(|target| target.split_once('.')) {
            Some(("AmazonSQS", action)) => {
                let message = json(request.body().bytes().unwrap_or_default());
                let bytes = message["MessageBody"].as_str().map_or(0, str::len);
                self.meter.sqs(action, bytes);
                self.connector.call(request)
            }
            Some((_, action)) => {
                let (connector, action) = (self.clone(), action.to_owned());
                HttpConnectorFuture::new(async move { connector.dynamodb(&action, request).await })
            }
            None => {
                let put = request.method() == "PUT";
                let action = if put { "PutObject" } else { "GetObject" };
                self.meter.lock().count(action);
                self.connector.call(request)
            }
        }
    }

    /// Has DynamoDB name the units that a call uses, and counts them.
    async fn dynamodb(
        &self,
        action: &str,
        mut request: HttpRequest,
    ) -> Result<HttpResponse, ConnectorError> {
        let mut body = json(request.body().bytes().unwrap_or_default());
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        let item = &body[if action == "GetItem" { "Key" } else { "Item" }];
        let partition = item["pk"]["S"].as_str().unwrap_or_default();
        let is_by_time = BY_TIME.iter().any(|start| partition.starts_with(start));
        let body = body.to_string();
        let headers = request.headers_mut();
        headers.insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body);
        let mut response = self.connector.call(request).await?;
        let answer = ByteStream::new(response.take_body()).collect().await;
        let answer = answer
            .map_err(|error| ConnectorError::io(error.into()))?
            .into_bytes();
        if !is_by_time {
            self.meter.dynamodb(action, &json(&answer));
        }
        *response.body_mut() = SdkBody::from(answer);
        Ok(response)
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// Counts log lines in place of writing them.
impl io::Write for Meter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().log_bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Meter {
    type Writer = Meter;

    fn make_writer(&'a self) -> Meter {
        self.clone()
    }
}
