//! Calls of Systems Manager and Secrets Manager, which take and answer JSON.
//!
//! Source: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::BoxError;
use crate::signed_call::{CallFailure, endpoint, operation};
use crate::signing::sign;

/// A service of AWS that speaks JSON.
pub(super) struct JsonService {
    /// Its name in the SDK, which names the variable of its endpoint.
    id: &'static str,
    /// The first label of its host, and its name in a signature.
    host: &'static str,
    /// The prefix of its operations' names.
    target: &'static str,
}

/// Systems Manager.
pub(super) const SYSTEMS_MANAGER: JsonService = JsonService {
    id: "SSM",
    host: "ssm",
    target: "AmazonSSM",
};

/// Secrets Manager.
pub(super) const SECRETS_MANAGER: JsonService = JsonService {
    id: "Secrets Manager",
    host: "secretsmanager",
    target: "secretsmanager",
};

impl JsonService {
    /// The answer to `asked` by the operation of this name.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        aws: &SdkConfig,
        name: &str,
        asked: &Value,
    ) -> Result<T, CallFailure> {
        let broken = |error: BoxError| SdkError::construction_failure(error);
        let endpoint = endpoint(aws, self.id, self.host).map_err(broken)?;
        let request = self.request(aws, &endpoint, name, asked).await;
        let limits = aws.timeout_config().cloned();
        let limits = limits.unwrap_or_else(TimeoutConfig::disabled);
        let call = operation(self.id, aws, &endpoint, limits, refusal);
        let answer = call.invoke(request.map_err(broken)?).await?;
        // The error of serde would quote what it found there, which may be a secret.
        let strange = |_| broken("the answer has another form".into());
        serde_json::from_slice(&answer.0).map_err(strange)
    }

    async fn request(
        &self,
        aws: &SdkConfig,
        endpoint: &str,
        name: &str,
        asked: &Value,
    ) -> Result<HttpRequest, BoxError> {
        let mut request = HttpRequest::new(SdkBody::from(asked.to_string()));
        request.set_method("POST")?;
        request.set_uri(format!("{endpoint}/"))?;
        let headers = request.headers_mut();
        headers.try_insert("content-type", "application/x-amz-json-1.1")?;
        headers.try_insert("x-amz-target", format!("{}.{name}", self.target))?;
        sign(&mut request, aws, self.host, None).await?;
        Ok(request)
    }
}

/// The code of an error, from a header or the body, and its message. A code may be within a namespace and followed by
/// a URL: `com.amazonaws.ssm#ParameterNotFound:http://…`.
fn refusal(response: &HttpResponse) -> ErrorMetadata {
    let body = response.body().bytes().unwrap_or_default();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| body.get(name)?.as_str());
    let code = response.headers().get("x-amzn-errortype");
    let code = code.or_else(|| text(["__type", "code"])).map(|code| {
        let code = code.split_once('#').map_or(code, |(_, code)| code);
        code.split_once(':').map_or(code, |(code, _)| code)
    });
    let mut said = ErrorMetadata::builder();
    if let Some(code) = code {
        said = said.code(code);
    }
    said.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_known_by_its_code_alone() {
        let long = "com.amazonaws.ssm#ParameterNotFound:http://internal.amazon.com/coral/";
        for (header, body, code) in [
            (
                None,
                r#"{"__type":"AccessDeniedException"}"#,
                Some("AccessDeniedException"),
            ),
            (None, r#"{"code":"InvalidKeyId"}"#, Some("InvalidKeyId")),
            (Some(long), "{}", Some("ParameterNotFound")),
            (
                None,
                &format!(r#"{{"__type":"{long}"}}"#),
                Some("ParameterNotFound"),
            ),
            (None, "<html>", None),
        ] {
            let status = 400.try_into().unwrap();
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            if let Some(header) = header {
                response
                    .headers_mut()
                    .insert("x-amzn-ErrorType", header.to_owned());
            }
            assert_eq!(refusal(&response).code(), code);
        }
    }
}
