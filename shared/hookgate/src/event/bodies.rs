//! Large bodies, in an S3 bucket.
//!
//! Two calls of S3's REST interface, signed by the SDK's own signer and made by its HTTP client. The SDK's
//! client of S3 would make each function a fifth larger (850 KB of its archive).

use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::signed_call::{CallFailure, SignedCall, cause, endpoint, operation};
use crate::signing::{S3, sign};
use crate::{AwsError, Body, BoxError, StoredBody};

const NO_BUCKET: &str = "no bucket is configured; ARCHIVE_BUCKET names it";

/// The bucket of large bodies.
#[derive(Clone, Debug)]
pub struct S3Bodies {
    aws: SdkConfig,
    bucket: String,
    /// Built at first use: few bodies are large.
    call: Arc<OnceLock<SignedCall>>,
}

impl S3Bodies {
    /// Bodies in the bucket of this name, in the configuration's region or at its endpoint.
    pub fn new(aws: &SdkConfig, bucket: impl Into<String>) -> S3Bodies {
        S3Bodies {
            aws: aws.clone(),
            bucket: bucket.into(),
            call: Arc::default(),
        }
    }

    /// Puts a body where its pointer says; when this returns, it is durable. Doing it twice is harmless.
    ///
    /// # Errors
    /// When S3 does not answer, or rejects it.
    pub async fn put(&self, stored: &StoredBody, body: &Bytes) -> Result<(), AwsError> {
        let put = self.call("PUT", stored, body.clone()).await;
        put.map_err(|error| AwsError::new("store the body", cause(error)))?;
        Ok(())
    }

    /// The bytes at a pointer; `None` if there are none. [`Body::fetch`](crate::Body::fetch) also checks
    /// that they are those that were put.
    ///
    /// # Errors
    /// When S3 does not answer.
    pub async fn get(&self, stored: &StoredBody) -> Result<Option<Bytes>, AwsError> {
        match self.call("GET", stored, Bytes::new()).await {
            Ok(body) => Ok(Some(body)),
            // A bucket that is not there is a wrong setting, not a body that is gone.
            Err(SdkError::ServiceError(refused)) if refused.err().code() == Some("NoSuchKey") => {
                Ok(None)
            }
            Err(error) => Err(AwsError::new("read the body", cause(error))),
        }
    }

    /// The URL of an object. In path style, which works for every bucket's name and at every endpoint.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
    fn url(&self, key: &str) -> Result<String, BoxError> {
        Ok(format!("{}/{}/{key}", self.endpoint()?, self.bucket))
    }

    fn endpoint(&self) -> Result<String, BoxError> {
        endpoint(&self.aws, "S3", "s3")
    }

    async fn call(
        &self,
        method: &str,
        stored: &StoredBody,
        body: Bytes,
    ) -> Result<Bytes, CallFailure> {
        let request = self.request(method, stored, body).await;
        let request = request.map_err(SdkError::construction_failure)?;
        let operation = self.operation().map_err(SdkError::construction_failure)?;
        Ok(operation.invoke(request).await?.0)
    }

    async fn request(
        &self,
        method: &str,
        stored: &StoredBody,
        body: Bytes,
    ) -> Result<HttpRequest, BoxError> {
        let hash = (!body.is_empty()).then_some(&stored.sha256);
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method)?;
        request.set_uri(self.url(&stored.key)?)?;
        sign(&mut request, &self.aws, S3, hash).await?;
        Ok(request)
    }

    fn operation(&self) -> Result<&SignedCall, BoxError> {
        let (aws, endpoint) = (&self.aws, self.endpoint()?);
        let build = || operation("S3", aws, &endpoint, limits(aws), refusal);
        Ok(self.call.get_or_init(build))
    }
}

/// An error because of which a stored body cannot be read.
#[derive(Debug, Error)]
pub enum BodyError {
    /// It is not there.
    #[error("the stored body is gone")]
    Gone,
    /// Other bytes are there.
    #[error("the stored bytes are not the body that came in")]
    Altered,
    /// S3 does not answer.
    #[error(transparent)]
    Unavailable(#[from] AwsError),
}

impl Body {
    /// The bytes, from wherever they are.
    ///
    /// # Errors
    /// When a stored body is not there, was altered, or cannot be read at the moment.
    pub async fn fetch(&self, bodies: Option<&S3Bodies>) -> Result<Bytes, BodyError> {
        let stored = match self {
            Body::Inline(body) => return Ok(body.clone()),
            Body::Stored(stored) => stored,
        };
        let bodies = bodies.ok_or_else(|| AwsError::new("read the body", NO_BUCKET))?;
        let body = bodies.get(stored).await?.ok_or(BodyError::Gone)?;
        if Sha256::digest(&body)[..] == stored.sha256 {
            Ok(body)
        } else {
            Err(BodyError::Altered)
        }
    }
}

/// The time limits of a call. A large body takes longer than others, so only the whole call has one, its tries
/// have none.
fn limits(aws: &SdkConfig) -> TimeoutConfig {
    let mut limits = TimeoutConfig::builder();
    if let Some(given) = aws.timeout_config() {
        limits.set_connect_timeout(given.connect_timeout());
        limits.set_operation_timeout(given.operation_timeout());
    }
    limits.build()
}

/// S3's word for what went wrong, from the body of its answer.
fn refusal(response: &HttpResponse) -> ErrorMetadata {
    let body = response.body().bytes().unwrap_or_default();
    let text = std::str::from_utf8(body).unwrap_or_default();
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    let mut said = ErrorMetadata::builder();
    if let Some((code, _)) = code {
        said = said.code(code);
    }
    said.build()
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
    use aws_types::region::Region;

    use super::*;
    use crate::signed_call::answer;

    fn bodies(region: &'static str, endpoint: Option<&str>) -> S3Bodies {
        let mut aws = SdkConfig::builder();
        aws.set_region(Some(Region::new(region)));
        aws.set_endpoint_url(endpoint.map(str::to_owned));
        let aws = aws.behavior_version(BehaviorVersion::latest()).build();
        S3Bodies::new(&aws, "archive.example")
    }

    #[test]
    fn an_object_is_in_the_bucket_of_the_functions_region_or_at_the_endpoint_that_is_set() {
        for (region, endpoint, url) in [
            (
                "eu-west-1",
                None,
                "https://s3.eu-west-1.amazonaws.com/archive.example/bodies/k/h",
            ),
            (
                "cn-north-1",
                None,
                "https://s3.cn-north-1.amazonaws.com.cn/archive.example/bodies/k/h",
            ),
            (
                "eu-west-1",
                Some("http://127.0.0.1:9/"),
                "http://127.0.0.1:9/archive.example/bodies/k/h",
            ),
        ] {
            let found = bodies(region, endpoint)
                .url("bodies/k/h")
                .expect("a good URL");
            assert_eq!(found.as_str(), url);
        }
    }

    #[test]
    fn what_s3_says_of_a_failure_is_told() {
        let said = |status: u16, text: &'static str| {
            let status = status.try_into().expect("a status");
            let refused = answer(
                "S3",
                &HttpResponse::new(status, SdkBody::from(text)),
                refusal,
            );
            let refused = refused.expect_err("no success");
            refused.as_operation_error().map(ToString::to_string)
        };
        let slow = "<?xml?>\n<Error><Code>SlowDown</Code><Message>m</Message></Error>";
        assert_eq!(said(503, slow).as_deref(), Some("S3 answered 503 SlowDown"));
        assert_eq!(said(403, "").as_deref(), Some("S3 answered 403 -"));
    }
}
