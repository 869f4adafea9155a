//! The operators' API of a gateway: a local one by its token, a deployed one as an IAM identity.

use hookgate::{BoxError, system_now};
use std::time::Duration;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use clap::{Args, ValueEnum};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url};
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

/// Where a gateway is, and how it knows its operators.
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
    /// How it knows you [default: token over http, iam over https].
    #[arg(
        long,
        global = true,
        help_heading = GATEWAY,
        value_enum,
        env = "HOOKGATE_AUTH"
    )]
    auth: Option<Auth>,
    /// The token that `hookgate dev` prints; that of your own is found.
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
    #[error("--url: `{0}` is no URL")]
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
            Auth::Iam => Signer::Iam(Box::new(hookgate::connect(hookgate::Roots::Machine).await)),
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

    /// Where the gateway is.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// A GET of a path with its query.
    pub(crate) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Value, ApiError> {
        let mut url = self.at(path);
        let query = query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, RESERVED)));
        let query: Vec<String> = query.collect();
        if !query.is_empty() {
            url.set_query(Some(&query.join("&")));
        }
        self.ask(Request::new(Method::GET, url)).await
    }

    /// A POST of JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        let mut request = Request::new(Method::POST, self.at(path));
        *request.body_mut() = Some(body.to_string().into());
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert("content-type", json);
        self.ask(request).await
    }

    /// A DELETE of a path.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, ApiError> {
        self.ask(Request::new(Method::DELETE, self.at(path))).await
    }

    /// The URL of a path, after what the gateway's own URL has for a path.
    fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }

    async fn ask(&self, mut request: Request) -> Result<Value, ApiError> {
        self.sign(&mut request).await?;
        let lost = |error: reqwest::Error| {
            ApiError::Unreachable(self.url.to_string(), error.without_url())
        };
        let response = self.http.execute(request).await.map_err(lost)?;
        let status = response.status();
        let text = response.text().await.map_err(lost)?;
        let strange = |_| ApiError::Strange(self.url.to_string(), status.as_u16());
        let answer: Value = serde_json::from_str(&text).map_err(strange)?;
        if status.is_success() {
            return Ok(answer);
        }
        // API Gateway says `message` (or `Message`) where the gateway says `error`.
        let why = ["error", "message", "Message"];
        let why = why.iter().find_map(|field| answer[field].as_str());
        Err(ApiError::Refused(
            status.as_u16(),
            why.unwrap_or("the gateway refused, and does not say why")
                .to_owned(),
        ))
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
    for (name, value) in signed.map_err(failed("the signer refuses it"))? {
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
