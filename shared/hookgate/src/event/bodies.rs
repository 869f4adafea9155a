//! Large bodies, in an S3 bucket.
//!
//! Two calls of S3's REST interface, signed by the SDK's own signer. The SDK's client of S3 would make
//! each function a fifth larger (850 KB of its archive).

use std::sync::{Arc, OnceLock};

use crate::ClaimCheck;
use crate::ports::{Bodies, BoxError, PortError};
use aws_config::SdkConfig;
use bytes::Bytes;
use reqwest::{Client, Method, Request, StatusCode, Url};
use tokio::time::timeout;

use crate::OPERATION_TIMEOUT;
use crate::signing::sign;

/// How often a call is made, where S3 is not reached or says that the fault is its own.
const ATTEMPTS: usize = 2;

/// The bucket of large bodies.
#[derive(Clone, Debug)]
pub struct S3Bodies {
    aws: SdkConfig,
    bucket: String,
    /// Built at first use: reading the root certificates takes time, and few bodies are large.
    http: Arc<OnceLock<Client>>,
}

impl S3Bodies {
    /// Bodies in the bucket of this name, in the configuration's region or at its endpoint.
    pub fn new(aws: &SdkConfig, bucket: impl Into<String>) -> S3Bodies {
        S3Bodies {
            aws: aws.clone(),
            bucket: bucket.into(),
            http: Arc::default(),
        }
    }

    /// Where an object is. In path style, which works for every bucket's name and at every endpoint.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
    fn url(&self, key: &str) -> Result<Url, BoxError> {
        let endpoint = match self.aws.endpoint_url() {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => regional_endpoint(self.aws.region().ok_or("no region is configured")?.as_ref()),
        };
        Ok(Url::parse(&format!("{endpoint}/{}/{key}", self.bucket))?)
    }

    /// Makes a call, its second try included, within the time that all calls have.
    async fn call(
        &self,
        method: Method,
        check: &ClaimCheck,
        body: Bytes,
    ) -> Result<Answer, BoxError> {
        let attempts = async {
            let mut tries = 1;
            loop {
                let answer = self.attempt(method.clone(), check, body.clone()).await;
                let passing = answer.as_ref().map_or(true, Answer::may_pass);
                if !passing || tries == ATTEMPTS {
                    return answer;
                }
                tries += 1;
            }
        };
        timeout(OPERATION_TIMEOUT, attempts).await?
    }

    async fn attempt(
        &self,
        method: Method,
        check: &ClaimCheck,
        body: Bytes,
    ) -> Result<Answer, BoxError> {
        let mut request = Request::new(method, self.url(&check.key)?);
        let hash = (!body.is_empty()).then_some(&check.sha256);
        sign(&mut request, &self.aws, hash).await?;
        *request.body_mut() = Some(body.into());
        let response = self.http()?.execute(request).await?;
        let status = response.status();
        let body = response.bytes().await?;
        Ok(Answer { status, body })
    }

    fn http(&self) -> reqwest::Result<&Client> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let builder = Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = builder.no_proxy().build()?;
        Ok(self.http.get_or_init(|| http))
    }
}

impl Bodies for S3Bodies {
    async fn keep(&self, check: &ClaimCheck, body: &Bytes) -> Result<(), PortError> {
        let failed = |error| PortError::new("keep the body", error);
        let answer = self
            .call(Method::PUT, check, body.clone())
            .await
            .map_err(failed)?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(failed(answer.error()))
    }

    async fn fetch(&self, check: &ClaimCheck) -> Result<Option<Bytes>, PortError> {
        let failed = |error| PortError::new("fetch the body", error);
        let call = self.call(Method::GET, check, Bytes::new());
        let answer = call.await.map_err(failed)?;
        if answer.status.is_success() {
            return Ok(Some(answer.body));
        }
        // A bucket that is not there is a wrong setting, not a body that is gone.
        if answer.code() == "NoSuchKey" {
            return Ok(None);
        }
        Err(failed(answer.error()))
    }
}

/// What S3 said.
struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Answer {
    /// Whether the same call may be answered better at once.
    fn may_pass(&self) -> bool {
        self.status.is_server_error()
    }

    /// S3's word for what went wrong.
    fn code(&self) -> &str {
        let text = std::str::from_utf8(&self.body).unwrap_or_default();
        let code = text
            .split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once("</Code>"));
        code.map_or("-", |(code, _)| code)
    }

    fn error(&self) -> BoxError {
        format!("S3 answered {} {}", self.status.as_u16(), self.code()).into()
    }
}

fn regional_endpoint(region: &str) -> String {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("https://s3.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};

    use super::*;

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
        let answer = |status: u16, text: &'static str| Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            body: Bytes::from_static(text.as_bytes()),
        };
        let slow = answer(
            503,
            "<?xml?>\n<Error><Code>SlowDown</Code><Message>m</Message></Error>",
        );
        assert_eq!(slow.error().to_string(), "S3 answered 503 SlowDown");
        assert_eq!(answer(403, "").error().to_string(), "S3 answered 403 -");
    }
}
