//! ReceiveMessage as it travels: the request, and the parts of each message that it asks for.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::SqsError;
use crate::message::{MessageAttributes, ReceivedMessage};
use crate::receive::Receive;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    wait_time_seconds: Option<i64>,
    visibility_timeout: Option<i64>,
    /// The older spelling of `message_system_attribute_names`.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Selected>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Selected {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    #[serde(
        rename = "MD5OfMessageAttributes",
        skip_serializing_if = "Option::is_none"
    )]
    md5_of_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: MessageAttributes,
}

impl ReceiveMessage {
    /// The request of the queue.
    pub(crate) fn of_queue(&self) -> Result<Receive, SqsError> {
        Ok(Receive {
            queue: self.queue_url.clone(),
            max: self.max_number_of_messages.unwrap_or(1),
            wait: self.wait_time_seconds.map(wait).transpose()?,
            visibility_seconds: self.visibility_timeout,
        })
    }

    /// The answer: the messages, with the attributes that the client asked for.
    pub(crate) fn answer(&self, messages: Vec<ReceivedMessage>) -> Result<Value, SqsError> {
        let messages = messages.into_iter().map(|message| self.select(message));
        let messages = messages.collect::<Result<_, _>>()?;
        Ok(serde_json::to_value(Response { messages })?)
    }

    fn select(&self, mut message: ReceivedMessage) -> Result<Selected, SqsError> {
        let (old, new) = (&self.attribute_names, &self.message_system_attribute_names);
        message
            .system_attributes
            .retain(|name, _| old.iter().chain(new).any(|w| w == "All" || w == name));
        message.attributes.retain(|name, _| self.asks_for(name));
        Ok(Selected {
            md5_of_body: message.md5_of_body(),
            md5_of_attributes: message.md5_of_attributes()?,
            message_id: message.id,
            receipt_handle: message.receipt_handle,
            body: message.body,
            attributes: message.system_attributes,
            message_attributes: message.attributes,
        })
    }

    /// Returns whether a name, `All`, `.*`, or a prefix followed by `.*` asks for the attribute.
    fn asks_for(&self, name: &str) -> bool {
        self.message_attribute_names.iter().any(|wanted| {
            let prefix = wanted.strip_suffix(".*");
            wanted == "All"
                || wanted == name
                || prefix.is_some_and(|prefix| name.starts_with(prefix))
        })
    }
}

fn wait(seconds: i64) -> Result<Duration, SqsError> {
    if (0..=20).contains(&seconds) {
        return Ok(Duration::from_secs(seconds.unsigned_abs()));
    }
    let why = "Must be >= 0 and <= 20, if provided.";
    Err(SqsError::parameter(seconds, "WaitTimeSeconds", why))
}
