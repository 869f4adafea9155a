//! Lambda's event source mapping between a queue and a function: it polls, batches, invokes, and deletes.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>

use std::collections::HashSet;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::encodings::Base64Data;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use hookgate_sqs::{MessageAttribute, REGION, ReceivedMessage, Sqs, SqsError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The error of a function that fails as a whole.
pub type InvokeError = Box<dyn Error + Send + Sync>;

/// Wait time of one poll: the longest that SQS allows.
const POLL: Duration = Duration::from_secs(20);

/// The maximum number of messages per poll.
const POLL_MESSAGES: usize = 10;

/// Pause after a failed poll.
const PAUSE: Duration = Duration::from_secs(1);

/// Maximum size of an event: Lambda's limit for a synchronous invocation.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_EVENT_BYTES: usize = 6 * 1_048_576;

/// An event source mapping from a queue to a function that reports batch item failures.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The queue's name.
    pub queue: String,
    /// Maximum number of messages in an event: 1 to 10 000, and over 10 only with a batch window.
    pub batch_size: usize,
    /// Time to wait for a batch to fill.
    pub batch_window: Duration,
    /// Maximum number of concurrent invocations.
    pub concurrency: usize,
}

impl Mapping {
    /// A mapping as Lambda makes it when nothing is said: ten messages, no window; two at a time,
    /// the least that Lambda's maximum concurrency can be.
    pub fn new(queue: impl Into<String>) -> Mapping {
        Mapping {
            queue: queue.into(),
            batch_size: 10,
            batch_window: Duration::ZERO,
            concurrency: 2,
        }
    }

    /// Feeds the function until `shutdown`, then waits for what is in flight.
    ///
    /// After a success all records are deleted but those named in `batchItemFailures`. After an error
    /// or a panic none is: the visibility timeout brings them back, or the dead-letter queue gets them.
    pub async fn run<F, Fut>(self, sqs: Sqs, invoke: F, shutdown: impl Future<Output = ()>)
    where
        F: Fn(SqsEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<SqsBatchResponse, InvokeError>> + Send + 'static,
    {
        let (stop, stopping) = watch::channel(false);
        let invoke = Arc::new(invoke);
        let mut pollers = JoinSet::new();
        for _ in 0..self.concurrency {
            let poller = Poller {
                mapping: self.clone(),
                sqs: sqs.clone(),
                invoke: Arc::clone(&invoke),
                stopping: stopping.clone(),
            };
            pollers.spawn(poller.run());
        }
        shutdown.await;
        stop.send_replace(true);
        pollers.join_all().await;
    }
}

/// One of the loops that poll and invoke; a mapping runs as many as its concurrency.
struct Poller<F> {
    mapping: Mapping,
    sqs: Sqs,
    invoke: Arc<F>,
    stopping: watch::Receiver<bool>,
}

impl<F, Fut> Poller<F>
where
    F: Fn(SqsEvent) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<SqsBatchResponse, InvokeError>> + Send + 'static,
{
    async fn run(self) {
        while !*self.stopping.borrow() {
            match self.gather().await {
                Ok(messages) => self.process(messages).await,
                Err(error) => self.rest(error).await,
            }
        }
    }

    /// Waits for messages, then for more until the batch is full or the window is over.
    async fn gather(&self) -> Result<Vec<ReceivedMessage>, SqsError> {
        let size = self.mapping.batch_size;
        let mut batch = self.receive(size, POLL).await?;
        let deadline = Instant::now() + self.mapping.batch_window;
        while !batch.is_empty() && batch.len() < size && !*self.stopping.borrow() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // The gathered messages are already in flight: a failure now must not prevent them from being handled.
            match self.receive(size - batch.len(), left).await {
                Ok(more) => batch.extend(more),
                Err(error) => {
                    self.rest(error).await;
                    break;
                }
            }
        }
        Ok(batch)
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<ReceivedMessage>, SqsError> {
        let max = max.clamp(1, POLL_MESSAGES);
        let stopped = stopped(self.stopping.clone());
        self.sqs
            .receive_until(&self.mapping.queue, max, wait, None, stopped)
            .await
    }

    async fn rest(&self, error: SqsError) {
        let error: InvokeError = error.into();
        tracing::warn!(
            error,
            queue = self.mapping.queue,
            "polling the queue failed"
        );
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stopped(self.stopping.clone()) => {}
        }
    }

    async fn process(&self, messages: Vec<ReceivedMessage>) {
        for messages in events_within(MAX_EVENT_BYTES, messages) {
            if let Err(error) = self.process_event(&messages).await {
                tracing::warn!(error, queue = self.mapping.queue, "batch not acknowledged");
            }
        }
    }

    async fn process_event(&self, messages: &[ReceivedMessage]) -> Result<(), InvokeError> {
        let event = event(messages, &self.sqs.arn(&self.mapping.queue))?;
        let invoke = Arc::clone(&self.invoke);
        // A separate task turns a panic, in the call or in its future, into an error.
        let response = tokio::spawn(async move { invoke(event).await }).await??;
        for message in succeeded(messages, &response)? {
            self.sqs
                .delete(&self.mapping.queue, &message.receipt_handle)
                .await?;
        }
        Ok(())
    }
}

/// Completes when the mapping stops, or is gone.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The messages that the function did not report as failed.
///
/// # Errors
/// When it reported a message that was not in its batch: Lambda then treats the whole batch as failed.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
fn succeeded<'a>(
    messages: &'a [ReceivedMessage],
    response: &SqsBatchResponse,
) -> Result<Vec<&'a ReceivedMessage>, InvokeError> {
    let given: HashSet<&str> = messages.iter().map(|message| message.id.as_str()).collect();
    let failures = response.batch_item_failures.iter();
    let failed: HashSet<&str> = failures.map(|item| item.item_identifier.as_str()).collect();
    if let Some(unknown) = failed.difference(&given).next() {
        return Err(format!("batchItemFailures names the unknown message {unknown:?}").into());
    }
    let succeeded = |message: &&ReceivedMessage| !failed.contains(message.id.as_str());
    Ok(messages.iter().filter(succeeded).collect())
}

/// Splits a batch so that each event's bodies stay within `max_bytes`.
fn events_within(max_bytes: usize, messages: Vec<ReceivedMessage>) -> Vec<Vec<ReceivedMessage>> {
    let mut events: Vec<Vec<ReceivedMessage>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        bytes += message.body.len();
        match events.last_mut() {
            Some(event) if bytes <= max_bytes => event.push(message),
            _ => {
                bytes = message.body.len();
                events.push(vec![message]);
            }
        }
    }
    events
}

fn event(messages: &[ReceivedMessage], arn: &str) -> Result<SqsEvent, SqsError> {
    let records = messages.iter().map(|message| record(message, arn));
    let mut event = SqsEvent::default();
    event.records = records.collect::<Result<_, _>>()?;
    Ok(event)
}

fn record(message: &ReceivedMessage, arn: &str) -> Result<SqsMessage, SqsError> {
    let attributes = message.attributes.iter();
    let attributes = attributes.map(|(name, value)| Ok((name.clone(), attribute(value)?)));
    let mut record = SqsMessage::default();
    record.message_id = Some(message.id.clone());
    record.receipt_handle = Some(message.receipt_handle.clone());
    record.body = Some(message.body.clone());
    record.md5_of_body = Some(message.md5_of_body());
    record.md5_of_message_attributes = message.md5_of_attributes()?;
    record.attributes = message.system_attributes.clone().into_iter().collect();
    record.message_attributes = attributes.collect::<Result<_, SqsError>>()?;
    record.event_source_arn = Some(arn.to_owned());
    record.event_source = Some("aws:sqs".to_owned());
    record.aws_region = Some(REGION.to_owned());
    Ok(record)
}

fn attribute(attribute: &MessageAttribute) -> Result<SqsMessageAttribute, SqsError> {
    let mut shown = SqsMessageAttribute::default();
    shown.data_type = Some(attribute.data_type.clone());
    shown.string_value = attribute.string_value.clone();
    if attribute.binary_value.is_some() {
        let mut bytes = Base64Data::default();
        bytes.0 = attribute.value()?;
        shown.binary_value = Some(bytes);
    }
    Ok(shown)
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
