//! The dead-letter queue as operators use it. A queue cannot be listed: it hands out some of its messages,
//! and hides them for a while.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, ListMessageMoveTasksResultEntry, Message,
    MessageSystemAttributeName, QueueAttributeName,
};

use super::{DeadLetter, MoveTask};
use crate::AwsError;
use crate::error::OrFailed;

/// A queue's most messages a call.
const BATCH: i32 = 10;

/// The time that a receive may take beyond its wait.
const MARGIN: Duration = Duration::from_secs(4);

/// The number of moves that SQS remembers.
const MOVES: i32 = 10;

/// The dead-letter queue, and the queue that its messages go back to.
#[derive(Clone, Debug)]
pub struct SqsDeadLetters {
    client: Client,
    url: String,
    queue_url: String,
    wait: Duration,
}

impl SqsDeadLetters {
    /// Wait time of a receive: without one, SQS asks only some of its servers.
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

    async fn attribute(&self, url: &str, name: QueueAttributeName) -> Result<String, AwsError> {
        const OPERATION: &str = "read the queue's attributes";
        let output = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone())
            .send()
            .await
            .or_failed(OPERATION)?;
        let value = output.attributes.and_then(|mut all| all.remove(&name));
        value.ok_or_else(|| AwsError::new(OPERATION, format!("{name} is missing")))
    }

    async fn arn(&self, url: &str) -> Result<String, AwsError> {
        self.attribute(url, QueueAttributeName::QueueArn).await
    }

    /// Receives up to ten dead letters, and hides them from others for so long (whole seconds). None means
    /// that there are no more, as far as the queue can tell.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn receive(&self, hidden: Duration) -> Result<Vec<DeadLetter>, AwsError> {
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
            .or_failed("receive dead letters")?;
        let messages = output.messages.unwrap_or_default().into_iter();
        Ok(messages.filter_map(dead_letter).collect())
    }

    /// Lets others see dead letters that were received.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn release(&self, letters: &[DeadLetter]) -> Result<(), AwsError> {
        const OPERATION: &str = "release the dead letters";
        for letters in letters.chunks(BATCH as usize) {
            let entries = letters.iter().enumerate().map(|(index, letter)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&letter.receipt_handle)
                    .visibility_timeout(0)
                    .build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>();
            // One that is not released is seen again when the time for which it is hidden is over.
            self.client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.or_failed(OPERATION)?))
                .send()
                .await
                .or_failed(OPERATION)?;
        }
        Ok(())
    }

    /// Sends a dead letter's text to the queue that the processor reads.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn send_again(&self, letter: &DeadLetter) -> Result<(), AwsError> {
        self.client
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(&letter.body)
            .send()
            .await
            .or_failed("send the dead letter again")?;
        Ok(())
    }

    /// Removes a dead letter.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn remove(&self, letter: &DeadLetter) -> Result<(), AwsError> {
        self.client
            .delete_message()
            .queue_url(&self.url)
            .receipt_handle(&letter.receipt_handle)
            .send()
            .await
            .or_failed("remove the dead letter")?;
        Ok(())
    }

    /// The approximate number of dead letters.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn count(&self) -> Result<u64, AwsError> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let count = self.attribute(&self.url, name).await?;
        count.parse().or_failed("count dead letters")
    }

    /// Has the queue move all its messages back itself; the move's handle.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn move_all(&self, rate_per_s: Option<u32>) -> Result<String, AwsError> {
        const OPERATION: &str = "move the dead letters";
        let rate = rate_per_s.map(|rate| i32::try_from(rate).unwrap_or(i32::MAX));
        // The destination is named, because SQS knows none for messages that the processor sent.
        let output = self
            .client
            .start_message_move_task()
            .source_arn(self.arn(&self.url).await?)
            .destination_arn(self.arn(&self.queue_url).await?)
            .set_max_number_of_messages_per_second(rate)
            .send()
            .await
            .or_failed(OPERATION)?;
        let handle = output.task_handle;
        handle.ok_or_else(|| AwsError::new(OPERATION, "SQS gave the move no handle"))
    }

    /// The moves of the last days, the newest first.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn moves(&self) -> Result<Vec<MoveTask>, AwsError> {
        let output = self
            .client
            .list_message_move_tasks()
            .source_arn(self.arn(&self.url).await?)
            .max_results(MOVES)
            .send()
            .await
            .or_failed("list the moves")?;
        Ok(output.results().iter().map(moved).collect())
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn dead_letter(message: Message) -> Option<DeadLetter> {
    let attributes = message.message_attributes.unwrap_or_default().into_iter();
    let sent = message
        .attributes
        .and_then(|mut all| all.remove(&MessageSystemAttributeName::SentTimestamp));
    Some(DeadLetter {
        message_id: message.message_id?,
        receipt_handle: message.receipt_handle?,
        body: message.body?,
        attributes: attributes
            .filter_map(|(name, value)| Some((name, value.string_value?)))
            .collect(),
        sent_ms: sent.and_then(|ms| ms.parse().ok()),
    })
}

fn moved(task: &ListMessageMoveTasksResultEntry) -> MoveTask {
    let started = Duration::from_millis(u64::try_from(task.started_timestamp()).unwrap_or(0));
    let started: SystemTime = UNIX_EPOCH.checked_add(started).unwrap_or(UNIX_EPOCH);
    MoveTask {
        handle: task.task_handle().map(str::to_owned),
        status: task.status().unwrap_or("UNKNOWN").to_owned(),
        moved: task.approximate_number_of_messages_moved(),
        to_move: task.approximate_number_of_messages_to_move(),
        started,
        failure: task.failure_reason().map(str::to_owned),
    }
}
