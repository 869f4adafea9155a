//! The operators' API of a gateway: a local one by its token, a deployed one as an IAM identity.

use hookgate::{BoxError, system_now};
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use clap::{Args, ValueEnum};
use hookgate_api::{Failure, Operation, OperationInfo};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::token::{self, TOKEN_VARIABLE};
use crate::twin::DEFAULT_URL;

/// Longer than the API looks through events or dead letters.
const TIMEOUT: Duration = Duration::from_secs(35);

/// The characters that a signed query writes as `%xx`: all but the unreserved characters of RFC 3986. A space as `+`
/// would be another character to Signature Version 4.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The heading of the options that all commands of operators have.
const GATEWAY: &str = "Gateway";

/// The gateway to talk to, and the operator's credentials for it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Access {
    /// The gateway's URL.
    #[arg(
        long,
        global = true,
        help_heading = GATEWAY,
        env = "HOOKGATE_URL",
        default_value = DEFAULT_URL
    )]
    url: String,
    /// Authentication [default: token for http, iam for https].
    #[arg(
        long,
        global = true,
        help_heading = GATEWAY,
        value_enum,
        env = "HOOKGATE_AUTH"
    )]
    auth: Option<Auth>,
    /// Token printed by `hookgate dev`; the token of your own twin is found automatically.
    #[arg(
        long,
        global = true,
        help_heading = GATEWAY,
        env = TOKEN_VARIABLE,
        hide_env_values = true
    )]
    token: Option<String>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Auth {
    // Help on each would make every command's help three times as long.
    // `Authorization: Bearer`, with the token that `hookgate dev` prints.
    Token,
    // A signature (SigV4) with the AWS credentials of the environment or profile.
    Iam,
}

#[derive(Debug, Error)]
pub(crate) enum ApiError {
    #[error("--url: `{0}` is not a URL")]
    Url(String),
    #[error(
        "no gateway answers at {0}; `hookgate dev` starts one, --url or HOOKGATE_URL names another"
    )]
    Unreachable(String, #[source] reqwest::Error),
    #[error("the request is not signed: {0}")]
    Unsigned(&'static str, #[source] Option<BoxError>),
    #[error("{1} (status {0})")]
    Refused(u16, String),
    #[error("{0} did not answer as a gateway does (status {1})")]
    Strange(String, u16),
}

/// A gateway's operators' API.
#[derive(Debug)]
pub(crate) struct Api {
    url: Url,
    http: Client,
    signer: Signer,
}

#[derive(Debug)]
enum Signer {
    Token(Option<String>),
    Iam(Box<aws_config::SdkConfig>),
}

impl Access {
    pub(crate) async fn open(&self) -> Result<Api, ApiError> {
        let url = Url::parse(&self.url).map_err(|_| ApiError::Url(self.url.clone()))?;
        let by_scheme = if url.scheme() == "https" {
            Auth::Iam
        } else {
            Auth::Token
        };
        let signer = match self.auth.unwrap_or(by_scheme) {
            Auth::Token => Signer::Token(self.token.clone().or_else(|| token::find(&self.url))),
            Auth::Iam => Signer::Iam(Box::new(hookgate::connect_by_profile().await)),
        };
        Api::new(url, signer)
    }
}

impl Api {
    fn new(url: Url, signer: Signer) -> Result<Api, ApiError> {
        let http = Client::builder().timeout(TIMEOUT).build();
        let http = http.map_err(|error| ApiError::Unreachable(url.to_string(), error))?;
        Ok(Api { url, http, signer })
    }

    /// The API of a gateway in this process.
    pub(crate) fn local(url: &str, token: &str) -> Result<Api, ApiError> {
        let url = Url::parse(url).map_err(|_| ApiError::Url(url.to_owned()))?;
        Api::new(url, Signer::Token(Some(token.to_owned())))
    }

    /// The gateway's URL.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Asks for an operation on what `name` names; the empty text where its path has no name.
    pub(crate) async fn ask<O: Operation>(
        &self,
        name: &str,
        request: &O::Request,
    ) -> Result<O::Answer, ApiError> {
        let OperationInfo { method, path, .. } = O::INFO;
        let name = utf8_percent_encode(name, RESERVED);
        let mut url = self.at(&hookgate_api::path(path, &name.to_string()));
        let strange = || ApiError::Strange(self.url.to_string(), 0);
        let asked = serde_json::to_value(request).map_err(|_| strange())?;
        if method == "GET" {
            url.set_query(query(&asked).as_deref());
        }
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| strange())?;
        let mut http = Request::new(method, url);
        if http.method() == Method::POST {
            *http.body_mut() = Some(asked.to_string().into());
            let json = HeaderValue::from_static("application/json");
            http.headers_mut().insert("content-type", json);
        }
        self.send(http).await
    }

    /// The URL of a path, after what the gateway's own URL has for a path.
    fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }

    async fn send<T: DeserializeOwned>(&self, mut request: Request) -> Result<T, ApiError> {
        self.sign(&mut request).await?;
        let lost = |error: reqwest::Error| {
            ApiError::Unreachable(self.url.to_string(), error.without_url())
        };
        let response = self.http.execute(request).await.map_err(lost)?;
        let status = response.status();
        let text = response.text().await.map_err(lost)?;
        let strange = || ApiError::Strange(self.url.to_string(), status.as_u16());
        if status.is_success() {
            return serde_json::from_str(&text).map_err(|_| strange());
        }
        let failure = failure(&text).ok_or_else(strange)?;
        Err(ApiError::Refused(status.as_u16(), told(&failure)))
    }

    async fn sign(&self, request: &mut Request) -> Result<(), ApiError> {
        match &self.signer {
            Signer::Token(None) => Ok(()),
            Signer::Token(Some(token)) => {
                let value = HeaderValue::try_from(format!("Bearer {token}"));
                let value = value.map_err(|_| {
                    ApiError::Unsigned("the token cannot be a header's value", None)
                })?;
                request.headers_mut().insert("authorization", value);
                Ok(())
            }
            Signer::Iam(config) => sign_v4(config, request).await,
        }
    }
}

/// The query of a request: its members that are not null.
fn query(request: &Value) -> Option<String> {
    let members = request.as_object().into_iter().flatten();
    let pairs: Vec<String> = members
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", utf8_percent_encode(&text, RESERVED))
        })
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

/// The failure in an answer. API Gateway says `message` (or `Message`) where the gateway says `error`.
fn failure(text: &str) -> Option<Failure> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let said = ["message", "Message"]
        .iter()
        .find_map(|field| answer[field].as_str());
    let said = said
        .unwrap_or("the gateway rejected the request and gave no reason")
        .to_owned();
    let failure = serde_json::from_value(answer);
    Some(failure.unwrap_or(Failure {
        error: said,
        failed: Vec::new(),
    }))
}

/// A failure as one text, with each of the things that were not done.
fn told(failure: &Failure) -> String {
    let failed = failure.failed.iter();
    let failed = failed.map(|failed| format!("; {}: {}", failed.name, failed.error));
    failure.error.clone() + &failed.collect::<String>()
}

/// Signs a request as an IAM identity (Signature Version 4).
async fn sign_v4(config: &aws_config::SdkConfig, request: &mut Request) -> Result<(), ApiError> {
    let failed = |why| move |error: BoxError| ApiError::Unsigned(why, Some(error));
    let provider = config.credentials_provider();
    let provider = provider.ok_or(ApiError::Unsigned("there are no AWS credentials", None))?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|error| {
        failed("there are no AWS credentials; set AWS_PROFILE or the AWS_… variables")(
            error.into(),
        )
    })?;
    let (service, region) = scope(request.url());
    let region = region.or_else(|| config.region().map(ToString::to_string));
    let region = region.ok_or(ApiError::Unsigned(
        "no region is known; set AWS_REGION",
        None,
    ))?;
    let identity = credentials.into();
    let signed = signature(request, &identity, service, &region);
    for (name, value) in signed.map_err(failed("the signer rejects it"))? {
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

fn signature(
    request: &Request,
    identity: &aws_smithy_runtime_api::client::identity::Identity,
    service: &str,
    region: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, BoxError> {
    let parameters = SigningParams::builder()
        .identity(identity)
        .region(region)
        .name(service)
        .time(system_now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let body = request.body().and_then(reqwest::Body::as_bytes);
    let headers = request.headers().iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.url().as_str(),
        headers,
        SignableBody::Bytes(body.unwrap_or_default()),
    )?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    let header = |(name, value)| {
        let name = HeaderName::from_bytes(str::as_bytes(name))?;
        Ok((name, HeaderValue::from_str(value)?))
    };
    instructions.headers().map(header).collect()
}

/// The service and the region that a host of AWS's names: `ID.execute-api.REGION.amazonaws.com`,
/// `ID.lambda-url.REGION.on.aws`. Another host is one of API Gateway's, under a name of its owner's.
fn scope(url: &Url) -> (&'static str, Option<String>) {
    let labels: Vec<&str> = url.host_str().unwrap_or_default().split('.').collect();
    match labels.as_slice() {
        [_, "execute-api", region, "amazonaws", ..] => ("execute-api", Some((*region).to_owned())),
        [_, "lambda-url", region, "on", "aws"] => ("lambda", Some((*region).to_owned())),
        _ => ("execute-api", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_aws_names_its_service_and_region() {
        let scope = |url: &str| scope(&Url::parse(url).unwrap());
        assert_eq!(
            scope("https://abc.execute-api.eu-west-1.amazonaws.com/admin"),
            ("execute-api", Some("eu-west-1".to_owned()))
        );
        assert_eq!(
            scope("https://abc.execute-api.cn-north-1.amazonaws.com.cn"),
            ("execute-api", Some("cn-north-1".to_owned()))
        );
        assert_eq!(
            scope("https://abc.lambda-url.us-east-1.on.aws"),
            ("lambda", Some("us-east-1".to_owned()))
        );
        assert_eq!(scope("https://hooks.example.com"), ("execute-api", None));
    }
}
