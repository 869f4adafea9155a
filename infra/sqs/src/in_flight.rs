//! Messages in flight: their receipts, their deletion, and the time that they stay invisible.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{OptionalExtension, named_params, params};
use serde::Deserialize;

use crate::batch::{self, BatchResult, Entry};
use crate::error::SqsError;
use crate::queues::Empty;
use crate::store::{Queue, Session};

/// The longest time that a message may be invisible after it was received: 12 hours.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
const MAX_VISIBILITY_SECONDS: i64 = 43_200;

/// The content of a receipt handle: one receive of one message from one queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The queue's row.
    pub(crate) queue: i64,
    /// The message's row.
    pub(crate) message: i64,
    /// Made anew for each receive, so that only the latest handle fits.
    pub(crate) token: String,
}

const MARK: &str = "hookgate";

impl Receipt {
    /// The handle that the client gets, opaque to it.
    pub(crate) fn handle(&self) -> String {
        let Receipt {
            queue,
            message,
            token,
        } = self;
        STANDARD.encode(format!("{MARK} {queue} {message} {token}"))
    }

    /// Reads a handle of `queue` back.
    ///
    /// # Errors
    /// `ReceiptHandleIsInvalid` when no receive of that queue ever gave it out.
    pub(crate) fn parse(handle: &str, queue: i64) -> Result<Receipt, SqsError> {
        Self::read(handle)
            .filter(|receipt| receipt.queue == queue)
            .ok_or(SqsError::ReceiptHandleIsInvalid)
    }

    fn read(handle: &str) -> Option<Receipt> {
        let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
        let [MARK, queue, message, token] = text.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Receipt {
            queue: queue.parse().ok()?,
            message: message.parse().ok()?,
            token: token.to_owned(),
        })
    }
}

/// A request about one message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OnMessage<T> {
    pub(crate) queue_url: String,
    #[serde(flatten)]
    pub(crate) change: T,
}

/// A batch of requests about messages.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OnMessages<T> {
    queue_url: String,
    entries: Vec<Entry<T>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Delete {
    pub(crate) receipt_handle: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ChangeVisibility {
    pub(crate) receipt_handle: String,
    pub(crate) visibility_timeout: Option<i64>,
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
pub(crate) fn delete_message(
    session: &Session<'_>,
    request: OnMessage<Delete>,
) -> Result<Empty, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    delete(session, &queue, &request.change)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
pub(crate) fn delete_message_batch(
    session: &Session<'_>,
    request: OnMessages<Delete>,
) -> Result<BatchResult<Empty>, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    batch::check(&request.entries, "DeleteMessageBatchRequestEntry")?;
    batch::each(request.entries, |entry| delete(session, &queue, &entry))
}

/// Deletes the message if the handle is of its latest receive, even after its visibility timeout.
///
/// With an older handle the request succeeds and the message stays, as AWS documents it; so it does
/// when the message is gone.
fn delete(session: &Session<'_>, queue: &Queue, request: &Delete) -> Result<Empty, SqsError> {
    let receipt = Receipt::parse(&request.receipt_handle, queue.id)?;
    let sql = "DELETE FROM messages WHERE seq = ?1 AND queue = ?2 AND receipt = ?3";
    let parameters = params![receipt.message, receipt.queue, receipt.token];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    Ok(Empty {})
}

/// Makes the messages that are in flight visible, and returns their bodies.
pub(crate) fn release_all(session: &Session<'_>, queue: &str) -> Result<Vec<String>, SqsError> {
    let queue = session.queue(queue)?;
    let sql = "UPDATE messages SET visible_ms = ?2
               WHERE queue = ?1 AND receipt IS NOT NULL AND visible_ms > ?2 RETURNING body";
    let mut update = session.tx.prepare_cached(sql)?;
    let bodies = update.query_map(params![queue.id, session.now_ms], |row| row.get(0))?;
    let bodies = bodies.collect::<Result<_, _>>()?;
    session.changed(&queue.name);
    Ok(bodies)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
pub(crate) fn change_message_visibility(
    session: &Session<'_>,
    request: OnMessage<ChangeVisibility>,
) -> Result<Empty, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    change_visibility(session, &queue, &request.change)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
pub(crate) fn change_message_visibility_batch(
    session: &Session<'_>,
    request: OnMessages<ChangeVisibility>,
) -> Result<BatchResult<Empty>, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    batch::check(&request.entries, "ChangeMessageVisibilityBatchRequestEntry")?;
    batch::each(request.entries, |entry| {
        change_visibility(session, &queue, &entry)
    })
}

fn change_visibility(
    session: &Session<'_>,
    queue: &Queue,
    request: &ChangeVisibility,
) -> Result<Empty, SqsError> {
    let receipt = Receipt::parse(&request.receipt_handle, queue.id)?;
    let seconds = request
        .visibility_timeout
        .ok_or(SqsError::MissingParameter {
            parameter: "VisibilityTimeout".to_owned(),
        })?;
    let refuse = |why: &str| Err(SqsError::parameter(seconds, "VisibilityTimeout", why));
    if !(0..=MAX_VISIBILITY_SECONDS).contains(&seconds) {
        return refuse("Must be between 0 and 43200.");
    }
    let held_ms = session.now_ms - received_ms(session, &receipt, request)?;
    if held_ms + seconds * 1000 > MAX_VISIBILITY_SECONDS * 1000 {
        return refuse(
            "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
        );
    }
    let sql = "UPDATE messages SET visible_ms = :visible_ms WHERE seq = :seq";
    session.tx.prepare_cached(sql)?.execute(named_params! {
        ":visible_ms": session.now_ms + seconds * 1000,
        ":seq": receipt.message,
    })?;
    session.changed(&queue.name);
    Ok(Empty {})
}

/// The time at which the message in flight was received, by the handle of that receive.
fn received_ms(
    session: &Session<'_>,
    receipt: &Receipt,
    request: &ChangeVisibility,
) -> Result<i64, SqsError> {
    let sql = "SELECT received_ms, visible_ms FROM messages
               WHERE seq = ?1 AND queue = ?2 AND receipt = ?3";
    let mut statement = session.tx.prepare_cached(sql)?;
    let parameters = params![receipt.message, receipt.queue, receipt.token];
    let found: Option<(i64, i64)> = statement
        .query_row(parameters, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((_, visible_ms)) if visible_ms <= session.now_ms => Err(SqsError::MessageNotInflight),
        Some((received_ms, _)) => Ok(received_ms),
        None => Err(SqsError::parameter(
            &request.receipt_handle,
            "ReceiptHandle",
            "ReceivedMessage does not exist or is not available for visibility timeout change.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_back_by_its_own_queue_alone() {
        let receipt = Receipt {
            queue: 3,
            message: 7,
            token: "t".to_owned(),
        };
        let handle = receipt.handle();
        assert_eq!(Receipt::parse(&handle, 3).expect("our own"), receipt);
        assert!(Receipt::parse(&handle, 4).is_err());
        for bogus in [
            "",
            "bogus",
            "aG9va2dhdGU=",
            &STANDARD.encode("hookgate x 7 t"),
        ] {
            assert!(Receipt::parse(bogus, 3).is_err(), "{bogus}");
        }
    }
}
