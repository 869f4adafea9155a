//! The queues: messages to the processor, and those that are given up.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};

use crate::dead_letter::NewDeadLetter;
use crate::error::OrFailed;
use crate::{AwsError, Message, Trace};

/// The longest delay: SQS allows 12 hours, counted from the receipt, which may be an invocation ago.
pub const MAX_DELAY: Duration = Duration::from_secs(12 * 3600 - 20 * 60);

/// The queue of events.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
    dead_letter_url: Option<String>,
}

impl SqsQueue {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> SqsQueue {
        SqsQueue {
            client,
            url: url.into(),
            dead_letter_url: None,
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
        const OPERATION: &str = "send the message";
        let body = message.to_json().or_failed(OPERATION)?;
        let mut send = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body);
        if let Some(trace) = message.event.trace.as_ref().and_then(Trace::xray) {
            let value = MessageSystemAttributeValue::builder()
                .data_type("String")
                .string_value(trace)
                .build()
                .or_failed(OPERATION)?;
            send = send.message_system_attributes(
                MessageSystemAttributeNameForSends::AwsTraceHeader,
                value,
            );
        }
        send.send().await.or_failed(OPERATION)?;
        Ok(())
    }

    /// Makes a received message visible again after `delay` (at most [`MAX_DELAY`]), and not earlier.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn delay(&self, receipt_handle: &str, delay: Duration) -> Result<(), AwsError> {
        let delay = delay.min(MAX_DELAY);
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
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
