//! The queues: messages to the processor, those of replays, and those that are given up.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};

use crate::dead_letter::NewDeadLetter;
use crate::error::OrFailed;
use crate::{AwsError, BoxError, Event, EventKey, Message, Trace, chain};

/// The longest time after which a sent message can become visible.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub const MAX_SEND_DELAY: Duration = Duration::from_secs(900);

/// The largest size of a batch of messages, in bytes.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// The largest number of messages in a batch.
const MAX_BATCH: usize = 10;

/// The longest message group.
const MAX_GROUP: usize = 128;

/// The longest delay of a received message: SQS allows 12 hours, counted from the receipt, which may be an invocation
/// ago.
const MAX_DELAY: Duration = Duration::from_secs(12 * 3600 - 20 * 60);

/// The queue of events, and the queues beside it.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
    replay_url: Option<String>,
    dead_letter_url: Option<String>,
    is_fair: bool,
}

impl SqsQueue {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> SqsQueue {
        SqsQueue {
            client,
            url: url.into(),
            replay_url: None,
            dead_letter_url: None,
            is_fair: false,
        }
    }

    /// The queue, with another at `url` for messages of replays, so that they hold up no others.
    #[must_use]
    pub fn with_replays(self, url: impl Into<String>) -> SqsQueue {
        SqsQueue {
            replay_url: Some(url.into()),
            ..self
        }
    }

    /// The queue, with the dead-letter queue at `url`.
    #[must_use]
    pub fn with_dead_letters(self, url: impl Into<String>) -> SqsQueue {
        SqsQueue {
            dead_letter_url: Some(url.into()),
            ..self
        }
    }

    /// The queue, with a message group per source and tenant if it is to be fair: SQS then hands out the messages of
    /// others before those of a group that keeps the receivers busy.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
    #[must_use]
    pub fn fair(self, is_fair: bool) -> SqsQueue {
        SqsQueue { is_fair, ..self }
    }

    /// Makes the first connection, so that no request has to wait for it.
    pub async fn warm_up(&self) {
        // A failure shows again, with its cause, at the first request.
        let _ = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .send()
            .await;
    }

    /// Sends a message; when this returns, the queue holds it durably.
    ///
    /// # Errors
    /// When SQS does not accept it.
    pub async fn send(&self, message: &Message) -> Result<(), AwsError> {
        self.send_after(message, Duration::ZERO).await
    }

    /// Sends a message that becomes visible after `delay` (at most [`MAX_SEND_DELAY`]), and not earlier.
    ///
    /// # Errors
    /// When SQS does not accept it.
    pub async fn send_after(&self, message: &Message, delay: Duration) -> Result<(), AwsError> {
        const OPERATION: &str = "send the message";
        let body = message.to_json().or_failed(OPERATION)?;
        self.client
            .send_message()
            .queue_url(self.url_for(message))
            .message_body(body)
            .set_message_group_id(self.group_of(message))
            .set_delay_seconds(delay_seconds(delay))
            .set_message_system_attributes(trace_header(message).or_failed(OPERATION)?)
            .send()
            .await
            .or_failed(OPERATION)?;
        Ok(())
    }

    /// Sends messages, each with its delay, in as many requests as it takes. The answer says of each whether the queue
    /// holds it durably.
    pub async fn send_all(&self, messages: &[(&Message, Duration)]) -> Vec<Result<(), AwsError>> {
        const OPERATION: &str = "send the messages";
        let mut sent = Vec::with_capacity(messages.len());
        let mut batch = Batch::default();
        for (message, delay) in messages {
            let url = self.url_for(message);
            let group = self.group_of(message);
            let entry = entry(batch.entries.len(), message, group, *delay).or_failed(OPERATION);
            match entry {
                Ok(entry) if batch.has_room(url, &entry) => batch.add(url, entry),
                Ok(mut entry) => {
                    sent.extend(self.send_batch(std::mem::take(&mut batch)).await);
                    entry.id = "0".to_owned();
                    batch.add(url, entry);
                }
                Err(error) => {
                    sent.extend(self.send_batch(std::mem::take(&mut batch)).await);
                    sent.push(Err(error));
                }
            }
        }
        sent.extend(self.send_batch(batch).await);
        sent
    }

    fn group_of(&self, message: &Message) -> Option<String> {
        self.is_fair.then(|| group(&message.event))
    }

    /// The queue that a message is sent to.
    fn url_for(&self, message: &Message) -> &str {
        let replays = self.replay_url.as_deref();
        let replays = replays.filter(|_| message.replay.is_some());
        replays.unwrap_or(&self.url)
    }

    /// The queue of an ARN, which a message was received from.
    fn url_at(&self, arn: Option<&str>) -> &str {
        let name = arn.and_then(|arn| arn.rsplit(':').next());
        let replays = self.replay_url.as_deref();
        let replays = replays.filter(|url| url.rsplit('/').next() == name);
        replays.unwrap_or(&self.url)
    }

    async fn send_batch(&self, batch: Batch<'_>) -> Vec<Result<(), AwsError>> {
        const OPERATION: &str = "send the messages";
        let count = batch.entries.len();
        if count == 0 {
            return Vec::new();
        }
        let answer = self
            .client
            .send_message_batch()
            .queue_url(batch.url)
            .set_entries(Some(batch.entries))
            .send()
            .await
            .or_failed(OPERATION);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let why = chain(&error);
                let failed = move |_| Err(AwsError::new(OPERATION, why.clone()));
                return (0..count).map(failed).collect();
            }
        };
        let of = |id: usize| {
            let id = id.to_string();
            if answer.successful.iter().any(|entry| entry.id == id) {
                return Ok(());
            }
            let failed = answer.failed.iter().find(|entry| entry.id == id);
            let why = failed.map_or("the queue does not say", |entry| entry.code.as_str());
            Err(AwsError::new(OPERATION, why.to_owned()))
        };
        (0..count).map(of).collect()
    }

    /// Makes a message that was received from the queue of an ARN visible again after `delay` (at most nearly 12 hours),
    /// and not earlier.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn delay(
        &self,
        arn: Option<&str>,
        receipt_handle: &str,
        delay: Duration,
    ) -> Result<(), AwsError> {
        let delay = delay.min(MAX_DELAY);
        self.client
            .change_message_visibility()
            .queue_url(self.url_at(arn))
            .receipt_handle(receipt_handle)
            .visibility_timeout(whole_seconds(delay))
            .send()
            .await
            .or_failed("delay the message")?;
        Ok(())
    }

    /// Puts a message into the dead-letter queue.
    ///
    /// # Errors
    /// When SQS does not accept it.
    pub async fn dead_letter(&self, dead_letter: NewDeadLetter<'_>) -> Result<(), AwsError> {
        const OPERATION: &str = "send the dead letter";
        let mut send = self
            .client
            .send_message()
            .set_queue_url(self.dead_letter_url.clone())
            .message_body(dead_letter.body);
        for (name, value) in dead_letter.attributes {
            let attribute = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .or_failed(OPERATION)?;
            send = send.message_attributes(name, attribute);
        }
        send.send().await.or_failed(OPERATION)?;
        Ok(())
    }
}

/// A request's messages, all to one queue.
#[derive(Default)]
struct Batch<'a> {
    url: &'a str,
    entries: Vec<SendMessageBatchRequestEntry>,
    bytes: usize,
}

impl<'a> Batch<'a> {
    fn has_room(&self, url: &str, entry: &SendMessageBatchRequestEntry) -> bool {
        let bytes = self.bytes + entry.message_body.len();
        let is_short = self.entries.len() < MAX_BATCH && bytes <= MAX_BATCH_BYTES;
        self.entries.is_empty() || (self.url == url && is_short)
    }

    fn add(&mut self, url: &'a str, entry: SendMessageBatchRequestEntry) {
        self.url = url;
        self.bytes += entry.message_body.len();
        self.entries.push(entry);
    }
}

fn entry(
    id: usize,
    message: &Message,
    group: Option<String>,
    delay: Duration,
) -> Result<SendMessageBatchRequestEntry, BoxError> {
    Ok(SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(message.to_json()?)
        .set_message_group_id(group)
        .set_delay_seconds(delay_seconds(delay))
        .set_message_system_attributes(trace_header(message)?)
        .build()?)
}

/// The message group of an event: its source, and its tenant if it has one. A tenant that SQS would not accept in a
/// group, which has 1 to 128 visible ASCII characters, is hashed.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn group(event: &Event) -> String {
    let source = &event.source;
    let Some(tenant) = &event.tenant else {
        return source.clone();
    };
    let group = format!("{source}/{tenant}");
    if group.len() <= MAX_GROUP && group.bytes().all(|byte| byte.is_ascii_graphic()) {
        return group;
    }
    format!("{source}/{}", EventKey::new(Some(tenant), source, ""))
}

/// The attribute that continues the trace of a message's event.
fn trace_header(
    message: &Message,
) -> Result<
    Option<HashMap<MessageSystemAttributeNameForSends, MessageSystemAttributeValue>>,
    BuildError,
> {
    let Some(trace) = message.event.trace.as_ref().and_then(Trace::xray) else {
        return Ok(None);
    };
    let value = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value(trace)
        .build()?;
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    Ok(Some(HashMap::from([(name, value)])))
}

/// A delay of a sent message; `None` for none.
fn delay_seconds(delay: Duration) -> Option<i32> {
    let seconds = whole_seconds(delay.min(MAX_SEND_DELAY));
    (seconds > 0).then_some(seconds)
}

fn whole_seconds(delay: Duration) -> i32 {
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}
