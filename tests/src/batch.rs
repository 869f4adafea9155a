//! Batches of queue messages as Lambda's event source mapping hands them over.

use aws_sdk_sqs::types::Message;
use hookgate::system_now;
use hookgate::unix_ms;
use serde_json::{Value, json};

use crate::emulator::Function;

/// Events that end well.
pub const GOOD: &str = include_str!("../../functions/processor/events/good.json");
/// Text that is none of ours, a good event, a poison one, a message of another version, a good event.
pub const MIXED: &str = include_str!("../../functions/processor/events/mixed.json");
/// Messages that no one can read, and one of another version.
pub const MALFORMED: &str = include_str!("../../functions/processor/events/malformed.json");

/// A batch of messages that were taken from a queue.
pub fn batch(messages: &[Message]) -> Value {
    let frame = &parsed(GOOD)["Records"][0];
    let records = messages.iter().map(|message| {
        let mut record = frame.clone();
        record["messageId"] = json!(message.message_id);
        record["receiptHandle"] = json!(message.receipt_handle);
        record["md5OfBody"] = json!(message.md5_of_body);
        record["body"] = json!(message.body);
        record
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// A batch from its file, its events received just now: the table forgets old ones.
pub fn fresh(file: &str) -> Value {
    let mut batch = parsed(file);
    let now = json!(unix_ms(system_now()));
    for record in batch["Records"]
        .as_array_mut()
        .expect("a batch has records")
    {
        let Ok(mut envelope) = serde_json::from_str::<Value>(text(record)) else {
            continue;
        };
        if let Some(received) = envelope.get_mut("received_ms") {
            *received = now.clone();
            record["body"] = json!(envelope.to_string());
        }
    }
    batch
}

/// Has the processor process a batch; the messages that it wants again.
pub async fn process(processor: &mut Function, batch: &Value) -> Vec<String> {
    let response = processor.invoke(batch).await;
    let failures = response["batchItemFailures"].as_array();
    let failures = failures.unwrap_or_else(|| panic!("{response}:\n{}", processor.log()));
    let id = |failure: &Value| {
        failure["itemIdentifier"]
            .as_str()
            .expect("a message's id")
            .to_owned()
    };
    failures.iter().map(id).collect()
}

/// A batch's records.
pub fn records(batch: &Value) -> &[Value] {
    batch["Records"].as_array().expect("a batch has records")
}

/// A record's message.
pub fn text(record: &Value) -> &str {
    record["body"].as_str().expect("a record has a message")
}

/// The event's key in a record's message.
pub fn key(record: &Value) -> String {
    let envelope = parsed(text(record));
    envelope["key"]
        .as_str()
        .expect("a message has a key")
        .to_owned()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}
