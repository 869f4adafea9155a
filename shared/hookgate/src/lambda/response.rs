//! HTTP responses in the formats of Lambda's callers.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use super::event::Caller;

/// A response in the format that Lambda's caller expects. Its body is text, as in all of the gateway's responses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    body: String,
    is_base64_encoded: bool,
}

impl Caller {
    /// The response in this caller's format. A load balancer reads single values or lists, depending on its target group.
    /// A REST API would send headers that are in both twice.
    pub fn respond(self, response: &Response<Bytes>) -> HttpResponse {
        let headers = response.headers();
        HttpResponse {
            status_code: response.status().as_u16(),
            status_description: (self == Caller::LoadBalancer)
                .then(|| description(response.status())),
            headers: (self != Caller::RestApi).then(|| single(headers)),
            multi_value_headers: (self != Caller::HttpApi).then(|| lists(headers)),
            body: String::from_utf8_lossy(response.body()).into_owned(),
            is_base64_encoded: false,
        }
    }
}

fn description(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    format!("{} {reason}", status.as_u16())
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    let pairs = headers.iter();
    pairs.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    })
}

fn single(headers: &HeaderMap) -> BTreeMap<String, String> {
    pairs(headers).collect()
}

fn lists(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    pairs(headers)
        .map(|(name, value)| (name, vec![value]))
        .collect()
}
