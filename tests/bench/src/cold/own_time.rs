//! The time that ingest itself takes for a request, beyond the time that AWS takes to answer.

use std::time::{Instant, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hookgate::config::Config;
use hookgate::{
    BoxError, Clock, Documents, DynamoTable, Runtime, Secrets, Sources, SqsQueue, system_now,
};
use hookgate_ingest::Ingest;
use http::Request;

use super::measured::median;
use super::subjects::Ground;
use crate::source::{CONFIG, PATH, variables};

impl Ground {
    /// The median time that ingest itself takes for a request: AWS answers at once, in this process.
    /// Signing and writing the two calls is in it, the network is not. Microseconds.
    pub(super) async fn own_time_us(&self) -> Result<f64, BoxError> {
        let secrets = Secrets::new(variables(), None);
        let sources = Sources::load(
            &Config::parse(CONFIG)?,
            secrets,
            Documents::fetched(),
            Runtime::Local,
            system_now(),
        )
        .await?;
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials()))
            .http_client(AtOnce)
            .build();
        let table = DynamoTable::new(aws_sdk_dynamodb::Client::new(&aws), "table", None);
        let queue = SqsQueue::new(aws_sdk_sqs::Client::new(&aws), "https://sqs/0/queue");
        let ingest = Ingest::new(sources, table, queue, None, Clock::system());
        let mut took = Vec::new();
        for number in 0..5000 {
            let (headers, body) = self.signed(&format!("own_{number}"))?;
            let mut request = Request::post(PATH);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let request = request.body(Bytes::from(body))?;
            let start = Instant::now();
            let answer = ingest.handle(request).await;
            took.push(start.elapsed().as_secs_f64() * 1e6);
            if !answer.status().is_success() {
                return Err("ingest refuses a good request".into());
            }
        }
        Ok(median(&mut took))
    }
}

fn credentials() -> Credentials {
    Credentials::new("bench", "bench", None, None::<SystemTime>, "bench")
}

/// AWS that answers at once: every call succeeds and says nothing.
#[derive(Clone, Debug)]
struct AtOnce;

impl HttpClient for AtOnce {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(AtOnce)
    }
}

impl HttpConnector for AtOnce {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let ok = http::StatusCode::OK.into();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(ok, SdkBody::from("{}"))))
    }
}
