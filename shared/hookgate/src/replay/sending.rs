//! Sending events again, and counting how that ended.

use std::time::Duration;

use super::{FoundEvent, Pending, Progress, ReplayId};
use crate::{AwsError, DynamoTable, Event, EventKey, Message, Number, SqsQueue, chain};

/// The number of failed sends after which a replay skips an event.
pub const MAX_FAILURES: u32 = 10;

/// The number of failed events whose keys are recorded.
const FAILED_KEYS: usize = 20;

/// The end of sending an event again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The queue took its message.
    Yes,
    /// Its payload is gone.
    PayloadGone,
}

/// Sends an event of a replay at the epoch that was planned for it. Nothing is written before.
///
/// # Errors
/// When the table or the queue does not answer.
pub async fn send_again(
    table: &DynamoTable,
    queue: &SqsQueue,
    replay: &ReplayId,
    pending: &Pending,
) -> Result<Sent, AwsError> {
    let Some(key) = EventKey::parse(&pending.key) else {
        return Ok(Sent::PayloadGone);
    };
    let stored = table.stored_event(&key, pending.place.as_ref()).await?;
    let Some(event) = stored.and_then(|stored| stored.event) else {
        return Ok(Sent::PayloadGone);
    };
    queue.send(&message(replay, pending, event)).await?;
    Ok(Sent::Yes)
}

/// Sends events of a range, each at the epoch that was planned for it, together; the end of each. Nothing is written
/// before.
pub async fn send_all_again(
    table: &DynamoTable,
    queue: &SqsQueue,
    replay: &ReplayId,
    pending: &[Pending],
) -> Vec<Result<Sent, AwsError>> {
    let found = table.planned_events(pending).await;
    let messages = pending.iter().zip(found).map(|(pending, event)| {
        let message = |event| message(replay, pending, event);
        event.map(|event| event.map(message))
    });
    let messages: Vec<Result<Option<Message>, AwsError>> = messages.collect();
    let to_send = messages.iter().flatten().flatten();
    let to_send: Vec<_> = to_send.map(|message| (message, Duration::ZERO)).collect();
    let mut sent = queue.send_all(&to_send).await.into_iter();
    let ends = messages.into_iter().map(|message| match message? {
        Some(_) => {
            let unknown = || Err(AwsError::new("send the messages", "the queue does not say"));
            sent.next().unwrap_or_else(unknown).map(|()| Sent::Yes)
        }
        None => Ok(Sent::PayloadGone),
    });
    ends.collect()
}

fn message(replay: &ReplayId, pending: &Pending, event: Event) -> Message {
    Message {
        event,
        number: Number::first_of(pending.epoch),
        replay: Some(replay.to_string()),
        probe: false,
        held_ms: 0,
    }
}

impl Pending {
    /// The message that replays an event which was last handled at `epoch`: always at the epoch after it.
    pub fn after(key: &EventKey, epoch: u32) -> Option<Pending> {
        Some(Pending {
            key: key.as_str().to_owned(),
            epoch: epoch.checked_add(1)?,
            failures: 0,
            place: None,
        })
    }

    /// The message that replays an event of a range.
    pub fn of_range(found: FoundEvent) -> Option<Pending> {
        let pending = Pending::after(&found.key, found.epoch)?;
        Some(Pending {
            place: Some(found.place),
            ..pending
        })
    }
}

impl Progress {
    /// Counts how sending an event ended; the event, where it is to be tried again.
    pub fn count(&mut self, pending: Pending, sent: Result<Sent, AwsError>) -> Option<Pending> {
        let error = match sent {
            Ok(Sent::Yes) => {
                self.sent += 1;
                return None;
            }
            Ok(Sent::PayloadGone) => {
                self.skipped += 1;
                return None;
            }
            Err(error) => error,
        };
        self.error = Some(chain(&error));
        let failures = pending.failures + 1;
        if failures < MAX_FAILURES {
            return Some(Pending {
                failures,
                ..pending
            });
        }
        self.failed += 1;
        if self.failed_keys.len() < FAILED_KEYS {
            self.failed_keys.push(pending.key);
        }
        None
    }
}
