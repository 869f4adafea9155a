//! SendMessage and SendMessageBatch.

use rusqlite::named_params;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::batch::{self, BatchResult, Entry};
use crate::error::SqsError;
use crate::message::{
    MessageAttribute, MessageAttributes, check_attributes, check_characters, md5_of_attributes,
    md5_of_body, size_bytes,
};
use crate::store::{Queue, Session};

/// The most bytes that the messages of one batch may have together.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const MAX_BATCH_BYTES: usize = 1_048_576;

/// The only system attribute that a sender may set.
const TRACE_HEADER: &str = "AWSTraceHeader";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SendMessage {
    queue_url: String,
    #[serde(flatten)]
    message: NewMessage,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SendMessageBatch {
    queue_url: String,
    entries: Vec<Entry<NewMessage>>,
}

/// A message as its sender describes it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NewMessage {
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: MessageAttributes,
    #[serde(default)]
    message_system_attributes: MessageAttributes,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SentMessage {
    pub(crate) message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_body: String,
    #[serde(
        rename = "MD5OfMessageAttributes",
        skip_serializing_if = "Option::is_none"
    )]
    md5_of_attributes: Option<String>,
    #[serde(
        rename = "MD5OfMessageSystemAttributes",
        skip_serializing_if = "Option::is_none"
    )]
    md5_of_system_attributes: Option<String>,
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub(crate) fn send_message(
    session: &Session<'_>,
    request: SendMessage,
) -> Result<SentMessage, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    enqueue(session, &queue, request.message)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
pub(crate) fn send_message_batch(
    session: &Session<'_>,
    request: SendMessageBatch,
) -> Result<BatchResult<SentMessage>, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    batch::check(&request.entries, "SendMessageBatchRequestEntry")?;
    let sizes = request
        .entries
        .iter()
        .map(|entry| entry.request.size_bytes());
    let sent_bytes = sizes.sum::<Result<usize, SqsError>>()?;
    if sent_bytes > MAX_BATCH_BYTES {
        return Err(SqsError::BatchRequestTooLong {
            max_bytes: MAX_BATCH_BYTES,
            sent_bytes,
        });
    }
    batch::each(request.entries, |message| enqueue(session, &queue, message))
}

impl NewMessage {
    /// A message that is a body and nothing else.
    pub(crate) fn of(body: String) -> NewMessage {
        NewMessage {
            message_body: body,
            ..NewMessage::default()
        }
    }
}

/// Checks one message and stores it.
pub(crate) fn enqueue(
    session: &Session<'_>,
    queue: &Queue,
    message: NewMessage,
) -> Result<SentMessage, SqsError> {
    message.check(queue)?;
    let delay_ms = message.delay_ms(queue)?;
    let message_id = Uuid::new_v4().to_string();
    let trace_header = message.message_system_attributes.get(TRACE_HEADER);
    let sql = "INSERT INTO messages (queue, id, body, attributes, group_id, trace_header, sent_ms, visible_ms)
               VALUES (:queue, :id, :body, :attributes, :group_id, :trace_header, :sent_ms, :visible_ms)";
    session.tx.prepare_cached(sql)?.execute(named_params! {
        ":queue": queue.id,
        ":id": message_id,
        ":body": message.message_body,
        ":attributes": serde_json::to_string(&message.message_attributes)?,
        ":group_id": message.message_group_id,
        ":trace_header": trace_header.and_then(|header| header.string_value.as_deref()),
        ":sent_ms": session.now_ms,
        ":visible_ms": session.now_ms + delay_ms,
    })?;
    session.changed(&queue.name);
    Ok(SentMessage {
        message_id,
        md5_of_body: md5_of_body(&message.message_body),
        md5_of_attributes: md5_of_attributes(&message.message_attributes)?,
        md5_of_system_attributes: md5_of_attributes(&message.message_system_attributes)?,
    })
}

impl NewMessage {
    fn size_bytes(&self) -> Result<usize, SqsError> {
        size_bytes(&self.message_body, &self.message_attributes)
    }

    fn check(&self, queue: &Queue) -> Result<(), SqsError> {
        if self.message_body.is_empty() {
            return Err(SqsError::MissingParameter {
                parameter: "MessageBody".to_owned(),
            });
        }
        check_characters(&self.message_body)?;
        check_attributes(&self.message_attributes)?;
        self.check_system_attributes()?;
        self.check_group()?;
        let max = queue.attributes.max_message_bytes();
        if self.size_bytes()? > max {
            return Err(SqsError::InvalidParameterValue {
                reason: format!(
                    "One or more parameters are invalid. Reason: ReceivedMessage must be shorter than {max} bytes."
                ),
            });
        }
        Ok(())
    }

    fn check_system_attributes(&self) -> Result<(), SqsError> {
        let known = |(name, attribute): (&String, &MessageAttribute)| {
            name == TRACE_HEADER
                && attribute.data_type == "String"
                && attribute.string_value.is_some()
        };
        if self.message_system_attributes.iter().all(known) {
            return Ok(());
        }
        Err(SqsError::InvalidParameterValue {
            reason: "ReceivedMessage system attribute is invalid. The only supported message system attribute is AWSTraceHeader, of type String."
                .to_owned(),
        })
    }

    /// A group on a standard queue marks a tenant of a fair queue; a deduplication id is for FIFO queues.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
    fn check_group(&self) -> Result<(), SqsError> {
        if let Some(id) = &self.message_deduplication_id {
            let why = "The request include parameter that is not valid for this queue type.";
            return Err(SqsError::parameter(id, "MessageDeduplicationId", why));
        }
        let good = |group: &String| {
            (1..=128).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match &self.message_group_id {
            Some(group) if !good(group) => Err(SqsError::parameter(
                group,
                "MessageGroupId",
                "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.",
            )),
            _ => Ok(()),
        }
    }

    fn delay_ms(&self, queue: &Queue) -> Result<i64, SqsError> {
        match self.delay_seconds {
            None => Ok(queue.attributes.delay_ms()),
            Some(seconds) if (0..=900).contains(&seconds) => Ok(seconds * 1000),
            Some(seconds) => Err(SqsError::parameter(
                seconds,
                "DelaySeconds",
                "DelaySeconds must be >= 0 and <= 900.",
            )),
        }
    }
}
