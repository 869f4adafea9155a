//! The refusals of SQS, and how they are spelled on the wire.

use thiserror::Error;

/// A refusal of a request, in AWS's words, or a failure of the engine.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>
/// and the error section of each action.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SqsError {
    /// No queue of that name.
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    /// CreateQueue with attributes that differ from the existing queue's.
    #[error(
        "A queue already exists with the same name and a different value for attribute {attribute}"
    )]
    QueueNameExists {
        /// The attribute that differs.
        attribute: String,
    },
    /// The queue was purged less than 60 seconds ago.
    #[error("Only one PurgeQueue operation on {queue} is allowed every 60 seconds.")]
    PurgeQueueInProgress {
        /// The queue's name.
        queue: String,
    },
    /// A batch without entries.
    #[error("There should be at least one {entries} in the request.")]
    EmptyBatchRequest {
        /// The entries' name in the request.
        entries: &'static str,
    },
    /// A batch of more than ten entries.
    #[error("Maximum number of entries per request are 10. You have sent {sent}.")]
    TooManyEntriesInBatchRequest {
        /// The number of entries.
        sent: usize,
    },
    /// Two entries of a batch share an id.
    #[error("Id {id} repeated.")]
    BatchEntryIdsNotDistinct {
        /// The repeated id.
        id: String,
    },
    /// An entry's id is empty, too long, or has other characters than allowed.
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."
    )]
    InvalidBatchEntryId,
    /// The messages of a batch are too long together.
    #[error(
        "Batch requests cannot be longer than {max_bytes} bytes. You have sent {sent_bytes} bytes."
    )]
    BatchRequestTooLong {
        /// The limit.
        max_bytes: usize,
        /// The sum of the messages' sizes.
        sent_bytes: usize,
    },
    /// A message holds a character that SQS rejects.
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    InvalidMessageContents,
    /// Not a receipt handle of this queue.
    #[error("The input receipt handle is invalid.")]
    ReceiptHandleIsInvalid,
    /// The message is visible, so it has no visibility timeout to change.
    #[error("The specified message isn't in flight.")]
    MessageNotInflight,
    /// A queue attribute that does not exist.
    #[error("Unknown Attribute {name}.")]
    InvalidAttributeName {
        /// The unknown name.
        name: String,
    },
    /// A queue attribute out of its range.
    #[error("Invalid value for the parameter {name}.")]
    InvalidAttributeValue {
        /// The attribute's name.
        name: String,
    },
    /// A required parameter is missing or empty.
    #[error("The request must contain the parameter {parameter}.")]
    MissingParameter {
        /// The parameter's name.
        parameter: String,
    },
    /// A parameter's value is out of range or malformed.
    #[error("{reason}")]
    InvalidParameterValue {
        /// The fault in it.
        reason: String,
    },
    /// A move task or a queue it names is unknown.
    #[error("{reason}")]
    ResourceNotFound {
        /// The thing that was not found.
        reason: String,
    },
    /// A feature that this engine does not offer, or that AWS does not for this kind of queue.
    #[error("{reason}")]
    UnsupportedOperation {
        /// The thing that is not supported.
        reason: String,
    },
    /// The request is not JSON of the action's shape.
    #[error("The request could not be read: {reason}")]
    Serialization {
        /// The parser's reason.
        reason: String,
    },
    /// `X-Amz-Target` names no action of this engine.
    #[error("The action {action} is not valid for this endpoint.")]
    InvalidAction {
        /// The action that the header named.
        action: String,
    },
    /// The queues' file failed.
    #[error("the queues' file failed")]
    Store(#[from] rusqlite::Error),
    /// The queues' file holds something that this engine did not write.
    #[error("the queues' file holds unreadable data")]
    Corrupt(#[from] serde_json::Error),
    /// The work was abandoned because the runtime is stopping.
    #[error("the runtime is stopping")]
    Stopped(#[from] tokio::task::JoinError),
}

/// The side that is to blame, as the `x-amzn-query-error` header names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorSide {
    Sender,
    Receiver,
}

impl SqsError {
    /// Builds the refusal of `value` for `parameter` as AWS words it.
    pub(crate) fn parameter(value: impl std::fmt::Display, parameter: &str, why: &str) -> SqsError {
        SqsError::InvalidParameterValue {
            reason: format!("Value {value} for parameter {parameter} is invalid. Reason: {why}"),
        }
    }

    /// Builds the refusal of everything that belongs to FIFO queues.
    pub(crate) fn fifo_unsupported() -> SqsError {
        SqsError::UnsupportedOperation {
            reason: "FIFO queues are not supported by this engine.".to_owned(),
        }
    }

    /// The side that is to blame.
    pub(crate) fn fault(&self) -> ErrorSide {
        match self {
            SqsError::Store(_) | SqsError::Corrupt(_) | SqsError::Stopped(_) => ErrorSide::Receiver,
            _ => ErrorSide::Sender,
        }
    }

    /// The error's shape in the JSON protocol (`__type`).
    pub(crate) fn shape(&self) -> &'static str {
        self.shape_and_code().0
    }

    /// The error's code in the older query protocol, which SDKs still report.
    pub fn code(&self) -> &'static str {
        self.shape_and_code().1
    }

    #[rustfmt::skip]
    fn shape_and_code(&self) -> (&'static str, &'static str) {
        match self {
            SqsError::QueueDoesNotExist => ("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
            SqsError::QueueNameExists { .. } => ("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists"),
            SqsError::PurgeQueueInProgress { .. } => ("com.amazonaws.sqs#PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"),
            SqsError::EmptyBatchRequest { .. } => ("com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
            SqsError::TooManyEntriesInBatchRequest { .. } => ("com.amazonaws.sqs#TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
            SqsError::BatchEntryIdsNotDistinct { .. } => ("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
            SqsError::InvalidBatchEntryId => ("com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
            SqsError::BatchRequestTooLong { .. } => ("com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong"),
            SqsError::InvalidMessageContents => ("com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents"),
            SqsError::ReceiptHandleIsInvalid => ("com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
            SqsError::MessageNotInflight => ("com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
            SqsError::InvalidAttributeName { .. } => ("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName"),
            SqsError::InvalidAttributeValue { .. } => ("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue"),
            SqsError::ResourceNotFound { .. } => ("com.amazonaws.sqs#ResourceNotFoundException", "ResourceNotFoundException"),
            SqsError::UnsupportedOperation { .. } => ("com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
            SqsError::MissingParameter { .. } => ("com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter"),
            SqsError::InvalidParameterValue { .. } => ("com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue"),
            SqsError::Serialization { .. } => ("com.amazon.coral.service#SerializationException", "MalformedInput"),
            SqsError::InvalidAction { .. } => ("com.amazon.coral.service#UnknownOperationException", "InvalidAction"),
            SqsError::Store(_) | SqsError::Corrupt(_) | SqsError::Stopped(_) => ("com.amazon.coral.service#InternalFailure", "InternalFailure"),
        }
    }
}
