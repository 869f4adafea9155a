//! Signed calls of services whose clients in the SDK would make each function larger: S3, Systems Manager and Secrets
//! Manager. They go through the SDK's orchestrator, with its retries and time limits.

use std::fmt;

use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::orchestrator::{
    HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput,
};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use thiserror::Error;

use crate::BoxError;

/// A signed request and its answer's body.
pub(crate) type SignedCall = Operation<HttpRequest, Answer, Refused>;

/// The failure of a call.
pub(crate) type CallFailure = SdkError<Refused, HttpResponse>;

/// The body of an answer: a secret, or a provider's body. No log shows it.
pub(crate) struct Answer(pub(crate) Bytes);

/// A service's refusal of a request.
#[derive(Debug, Error)]
#[error("{service} answered {status} {}", code(.said))]
pub(crate) struct Refused {
    pub(crate) service: &'static str,
    pub(crate) status: u16,
    /// The service's word for what went wrong, where there is one.
    pub(crate) said: ErrorMetadata,
}

fn code(said: &ErrorMetadata) -> &str {
    said.code().unwrap_or("-")
}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.said
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// The operation of a service's calls. `refusal` reads the service's word in an answer that is no success.
pub(crate) fn operation(
    service: &'static str,
    aws: &SdkConfig,
    endpoint: &str,
    limits: TimeoutConfig,
    refusal: fn(&HttpResponse) -> ErrorMetadata,
) -> SignedCall {
    let retries = aws.retry_config().cloned();
    let mut settings = Layer::new("signed call");
    settings.store_put(SensitiveOutput);
    let mut operation = Operation::builder()
        .service_name(service)
        .operation_name("Call")
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .no_auth()
        .runtime_plugin(StaticRuntimePlugin::new().with_config(settings.freeze()))
        .timeout_config(limits)
        .standard_retry(&retries.unwrap_or_else(RetryConfig::standard))
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
        .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
        .retry_classifier(HttpStatusCodeClassifier::default());
    if let Some(http) = aws.http_client() {
        operation = operation.http_client(http);
    }
    let answer = move |response: &HttpResponse| answer(service, response, refusal);
    operation.serializer(Ok).deserializer(answer).build()
}

pub(crate) fn answer(
    service: &'static str,
    response: &HttpResponse,
    refusal: fn(&HttpResponse) -> ErrorMetadata,
) -> Result<Answer, OrchestratorError<Refused>> {
    if response.status().is_success() {
        let body = response.body().bytes().unwrap_or_default();
        return Ok(Answer(Bytes::copy_from_slice(body)));
    }
    Err(OrchestratorError::operation(Refused {
        service,
        status: response.status().as_u16(),
        said: refusal(response),
    }))
}

/// The reason of a failure: the service's own word, where it said one.
pub(crate) fn cause(failure: CallFailure) -> BoxError {
    match failure {
        SdkError::ServiceError(refused) => refused.into_err().into(),
        failure => failure.into(),
    }
}

/// The service's endpoint: the one that a setting names, or the one of the region. `id` is the service's name in
/// the SDK and `host` the first label of its host.
pub(crate) fn endpoint(aws: &SdkConfig, id: &str, host: &str) -> Result<String, BoxError> {
    let key = ServiceConfigKey::builder()
        .service_id(id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()?;
    let own = aws.service_config().and_then(|all| all.load_config(key));
    if let Some(endpoint) = own.or_else(|| aws.endpoint_url().map(str::to_owned)) {
        return Ok(endpoint.trim_end_matches('/').to_owned());
    }
    let region = aws.region().ok_or("no region is configured")?.as_ref();
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    Ok(format!("https://{host}.{region}.{domain}"))
}
