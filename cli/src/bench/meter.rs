//! Counts the calls that the functions make, and what of each is charged for.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_types::body::SdkBody;

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// A piece of a message, as SQS charges for it.
const PIECE_BYTES: usize = 64 * 1024;

/// What was used so far; shared by all that count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Used>>);

/// Calls, and the units that they are charged in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Used {
    /// How often each action was called.
    pub(crate) calls: BTreeMap<String, u64>,
    /// DynamoDB's write request units.
    pub(crate) writes: f64,
    /// DynamoDB's read request units.
    pub(crate) reads: f64,
    /// SQS's requests, in pieces of 64 KB.
    pub(crate) messages: u64,
    /// Bytes of log lines.
    pub(crate) log_bytes: u64,
}

impl Meter {
    pub(crate) fn used(&self) -> Used {
        self.lock().clone()
    }

    /// Counts a call of SQS that carries so many bytes of messages.
    pub(crate) fn sqs(&self, action: &str, bytes: usize) {
        let mut used = self.lock();
        used.count(action);
        used.messages += bytes.div_ceil(PIECE_BYTES).max(1) as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn called(&self, action: &str, request: &Value) {
        match action.split_once('.') {
            Some(("AmazonSQS", name)) => {
                let bytes = request["MessageBody"].as_str().map_or(0, str::len);
                self.sqs(name, bytes);
            }
            Some((_, name)) => self.lock().count(name),
            None => {}
        }
    }

    /// What the engine says that a call used; a write whose condition does not hold is charged for too.
    fn answered(&self, action: &str, answer: &Value) {
        let capacity = &answer["ConsumedCapacity"];
        let single = std::slice::from_ref(capacity);
        let tables = capacity.as_array().map_or(single, Vec::as_slice);
        let units: f64 = tables
            .iter()
            .filter_map(|table| table["CapacityUnits"].as_f64())
            .sum();
        let refused = answer["__type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("ConditionalCheckFailedException"));
        let mut used = self.lock();
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

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    /// Has DynamoDB say what a call uses.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let action = request.headers().get("x-amz-target").unwrap_or_default();
        if !action.starts_with("DynamoDB") {
            return Ok(());
        }
        let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        let body = body.to_string();
        request
            .headers_mut()
            .insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body);
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let action = request.headers().get("x-amz-target").unwrap_or_default();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        self.called(action, &body);
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(call), Some(response)) = (config.load::<Metadata>(), context.response()) else {
            return Ok(());
        };
        if call.service() == "DynamoDB" {
            let body = response.body().bytes().unwrap_or_default();
            self.answered(call.name(), &serde_json::from_slice(body)?);
        }
        Ok(())
    }
}

/// An HTTP client that counts the calls to S3, which no interceptor sees.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    meter: Meter,
    http: SharedHttpClient,
}

impl Counting {
    pub(crate) fn new(meter: Meter) -> Counting {
        Counting {
            meter,
            http: aws_smithy_http_client::Builder::new().build_http(),
        }
    }
}

impl HttpClient for Counting {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(CountingConnector {
            meter: self.meter.clone(),
            connector: self.http.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct CountingConnector {
    meter: Meter,
    connector: SharedHttpConnector,
}

impl HttpConnector for CountingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.headers().get("x-amz-target").is_none() {
            let action = if request.method() == "PUT" {
                "PutObject"
            } else {
                "GetObject"
            };
            self.meter.lock().count(action);
        }
        self.connector.call(request)
    }
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
