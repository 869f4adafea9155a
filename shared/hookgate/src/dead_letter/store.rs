//! The dead-letter queue as operators use it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::operators::{DeadLetters, Letter, Move};
use crate::ports::{BoxError, PortError};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, ListMessageMoveTasksResultEntry, Message,
    MessageSystemAttributeName, QueueAttributeName,
};

/// A queue's most messages a call.
const BATCH: i32 = 10;

/// What a look may take beyond its wait.
const MARGIN: Duration = Duration::from_secs(4);

/// How many moves SQS remembers.
const MOVES: i32 = 10;

/// The dead-letter queue, and the queue that its letters go back to.
#[derive(Clone, Debug)]
pub struct SqsDeadLetters {
    client: Client,
    url: String,
    queue_url: String,
    wait: Duration,
}

impl SqsDeadLetters {
    /// How long SQS is to look for messages: a look that does not wait asks only some of its servers.
    pub const WAIT: Duration = Duration::from_secs(1);

    /// The dead-letter queue at `url`, of the queue at `queue_url`, which looks for messages for so
    /// long (whole seconds).
    pub fn new(
        client: Client,
        url: impl Into<String>,
        queue_url: impl Into<String>,
        wait: Duration,
    ) -> SqsDeadLetters {
        SqsDeadLetters {
            client,
            url: url.into(),
            queue_url: queue_url.into(),
            wait,
        }
    }

    async fn attribute(&self, url: &str, name: QueueAttributeName) -> Result<String, PortError> {
        let failed = |error: BoxError| PortError::new("read the queue's attributes", error);
        let output = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone())
            .send()
            .await
            .map_err(|error| failed(error.into_service_error().into()))?;
        let value = output.attributes.and_then(|mut all| all.remove(&name));
        value.ok_or_else(|| failed(format!("{name} is missing").into()))
    }

    async fn arn(&self, url: &str) -> Result<String, PortError> {
        self.attribute(url, QueueAttributeName::QueueArn).await
    }
}

impl DeadLetters for SqsDeadLetters {
    async fn take(&self, hidden: Duration) -> Result<Vec<Letter>, PortError> {
        let patience = TimeoutConfig::builder()
            .operation_attempt_timeout(self.wait + MARGIN)
            .operation_timeout(self.wait + MARGIN)
            .build();
        let output = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(seconds(self.wait))
            .visibility_timeout(seconds(hidden))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .customize()
            .config_override(aws_sdk_sqs::Config::builder().timeout_config(patience))
            .send()
            .await
            .map_err(|error| PortError::new("take dead letters", error.into_service_error()))?;
        let messages = output.messages.unwrap_or_default().into_iter();
        Ok(messages.filter_map(letter).collect())
    }

    async fn give_back(&self, letters: &[Letter]) -> Result<(), PortError> {
        let failed = |error: BoxError| PortError::new("give dead letters back", error);
        for letters in letters.chunks(BATCH as usize) {
            let entries = letters.iter().enumerate().map(|(index, letter)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&letter.receipt_handle)
                    .visibility_timeout(0)
                    .build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>();
            // One that is not given back is seen again when the time for which it is hidden is over.
            self.client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.map_err(|error| failed(error.into()))?))
                .send()
                .await
                .map_err(|error| failed(error.into_service_error().into()))?;
        }
        Ok(())
    }

    async fn send_again(&self, letter: &Letter) -> Result<(), PortError> {
        self.client
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(&letter.body)
            .send()
            .await
            .map_err(|error| PortError::new("send the letter again", error.into_service_error()))?;
        Ok(())
    }

    async fn remove(&self, letter: &Letter) -> Result<(), PortError> {
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(&letter.receipt_handle)
            .send()
            .await
            .map_err(|error| {
                PortError::new("remove the dead letter", error.into_service_error())
            })?;
        Ok(())
    }

    async fn count(&self) -> Result<u64, PortError> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let count = self.attribute(&self.url, name).await?;
        count
            .parse()
            .map_err(|error| PortError::new("count dead letters", BoxError::from(error)))
    }

    async fn move_all(&self, rate_per_s: Option<u32>) -> Result<String, PortError> {
        let failed = |error: BoxError| PortError::new("move the dead letters", error);
        let rate = rate_per_s.map(|rate| i32::try_from(rate).unwrap_or(i32::MAX));
        // The destination is named, because SQS knows none for letters that the processor sent.
        let output = self
            .client
            .start_message_move_task()
            .source_arn(self.arn(&self.url).await?)
            .destination_arn(self.arn(&self.queue_url).await?)
            .set_max_number_of_messages_per_second(rate)
            .send()
            .await
            .map_err(|error| failed(error.into_service_error().into()))?;
        let handle = output.task_handle;
        handle.ok_or_else(|| failed("SQS gave the move no handle".into()))
    }

    async fn moves(&self) -> Result<Vec<Move>, PortError> {
        let output = self
            .client
            .list_message_move_tasks()
            .source_arn(self.arn(&self.url).await?)
            .max_results(MOVES)
            .send()
            .await
            .map_err(|error| PortError::new("list the moves", error.into_service_error()))?;
        Ok(output.results().iter().map(moved).collect())
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn letter(message: Message) -> Option<Letter> {
    let attributes = message.message_attributes.unwrap_or_default().into_iter();
    let sent = message
        .attributes
        .and_then(|mut all| all.remove(&MessageSystemAttributeName::SentTimestamp));
    Some(Letter {
        message_id: message.message_id?,
        receipt_handle: message.receipt_handle?,
        body: message.body?,
        attributes: attributes
            .filter_map(|(name, value)| Some((name, value.string_value?)))
            .collect(),
        sent_ms: sent.and_then(|ms| ms.parse().ok()),
    })
}

fn moved(task: &ListMessageMoveTasksResultEntry) -> Move {
    let started = Duration::from_millis(u64::try_from(task.started_timestamp()).unwrap_or(0));
    let started: SystemTime = UNIX_EPOCH.checked_add(started).unwrap_or(UNIX_EPOCH);
    Move {
        handle: task.task_handle().map(str::to_owned),
        status: task.status().unwrap_or("UNKNOWN").to_owned(),
        moved: task.approximate_number_of_messages_moved(),
        to_move: task.approximate_number_of_messages_to_move(),
        started,
        failure: task.failure_reason().map(str::to_owned),
    }
}
