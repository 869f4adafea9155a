//! A request in a file: one that was recorded, or the output of `events show --json`.

use std::collections::HashMap;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::events::NO_PAYLOAD;

/// A request that came in.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Documents of token issuers that came with the request, by URL.
    pub(crate) documents: Option<HashMap<String, Value>>,
    /// The time it came in, where the file says it.
    pub(crate) received: Option<SystemTime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "post")]
    method: String,
    path: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    documents: Option<HashMap<String, Value>>,
}

fn post() -> String {
    "POST".to_owned()
}

impl Recorded {
    /// Reads a request, or an event or its payload; for the latter, the URL is assumed to be that of the source.
    pub(crate) fn parse(text: &str, source: &str) -> Result<Recorded, String> {
        let wrong = |error| format!("the request is not of the expected form: {error}");
        let mut value: Value = serde_json::from_str(text).map_err(wrong)?;
        let mut received = None;
        if let Some(payload) = value.get_mut("payload").map(Value::take) {
            received = value["received_at"].as_str().and_then(time);
            value = payload;
        }
        if value.is_null() {
            return Err(NO_PAYLOAD.to_owned());
        }
        let written: Written = serde_json::from_value(value).map_err(wrong)?;
        let path = || format!("/webhooks/{source}");
        Ok(Recorded {
            body: body(written.body, written.body_base64)?,
            method: written.method,
            path: written.path.unwrap_or_else(path),
            headers: written.headers,
            documents: written.documents,
            received,
        })
    }
}

fn time(text: &str) -> Option<SystemTime> {
    text.parse().ok().map(Timestamp::into)
}

fn body(text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, String> {
    let base64 = base64.map(|base64| STANDARD.decode(base64));
    let bytes = base64.transpose();
    let bytes = bytes.map_err(|error| format!("body_base64: {error}"))?;
    match (text.map(String::into_bytes), bytes) {
        (Some(text), Some(bytes)) if text != bytes => {
            Err("`body` and `body_base64` are not the same: leave one out".to_owned())
        }
        (text, bytes) => Ok(bytes.or(text).unwrap_or_default()),
    }
}
