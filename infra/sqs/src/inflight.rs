//! What a receiver does with a message it holds: delete it, or change how long it stays invisible.

use rusqlite::{OptionalExtension, named_params, params};
use serde::{Deserialize, Serialize};

use crate::SqsError;
use crate::batch::{self, BatchResult, Entry};
use crate::receipt::Receipt;
use crate::store::{Queue, Session};

/// How long a message may be invisible in all after it was received: 12 hours.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
const MAX_VISIBILITY_SECONDS: i64 = 43_200;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OnMessage<T> {
    pub(crate) queue_url: String,
    #[serde(flatten)]
    pub(crate) ask: T,
}

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

/// An answer that says nothing but "done".
#[derive(Debug, Serialize)]
pub(crate) struct Done {}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>
pub(crate) fn delete_message(
    session: &Session<'_>,
    ask: OnMessage<Delete>,
) -> Result<Done, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    delete(session, &queue, &ask.ask)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
pub(crate) fn delete_message_batch(
    session: &Session<'_>,
    ask: OnMessages<Delete>,
) -> Result<BatchResult<Done>, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    batch::check(&ask.entries, "DeleteMessageBatchRequestEntry")?;
    batch::each(ask.entries, |entry| delete(session, &queue, &entry))
}

/// Deletes the message if the handle is of its latest receive, even after its visibility timeout.
///
/// With an older handle the request succeeds and the message stays, as AWS documents it; so it does
/// when the message is gone.
fn delete(session: &Session<'_>, queue: &Queue, ask: &Delete) -> Result<Done, SqsError> {
    let receipt = Receipt::parse(&ask.receipt_handle, queue.id)?;
    let sql = "DELETE FROM messages WHERE seq = ?1 AND queue = ?2 AND receipt = ?3";
    let parameters = params![receipt.message, receipt.queue, receipt.token];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    Ok(Done {})
}

/// Makes the messages that are in flight visible, and returns their bodies.
pub(crate) fn give_back(session: &Session<'_>, queue: &str) -> Result<Vec<String>, SqsError> {
    let queue = session.queue(queue)?;
    let sql = "UPDATE messages SET visible_ms = ?2
               WHERE queue = ?1 AND receipt IS NOT NULL AND visible_ms > ?2 RETURNING body";
    let mut update = session.tx.prepare_cached(sql)?;
    let bodies = update.query_map(params![queue.id, session.now_ms], |row| row.get(0))?;
    let bodies = bodies.collect::<Result<_, _>>()?;
    session.wake(&queue.name);
    Ok(bodies)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
pub(crate) fn change_message_visibility(
    session: &Session<'_>,
    ask: OnMessage<ChangeVisibility>,
) -> Result<Done, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    change_visibility(session, &queue, &ask.ask)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
pub(crate) fn change_message_visibility_batch(
    session: &Session<'_>,
    ask: OnMessages<ChangeVisibility>,
) -> Result<BatchResult<Done>, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    batch::check(&ask.entries, "ChangeMessageVisibilityBatchRequestEntry")?;
    batch::each(ask.entries, |entry| {
        change_visibility(session, &queue, &entry)
    })
}

fn change_visibility(
    session: &Session<'_>,
    queue: &Queue,
    ask: &ChangeVisibility,
) -> Result<Done, SqsError> {
    let receipt = Receipt::parse(&ask.receipt_handle, queue.id)?;
    let seconds = ask.visibility_timeout.ok_or(SqsError::MissingParameter {
        parameter: "VisibilityTimeout".to_owned(),
    })?;
    let refuse = |why: &str| Err(SqsError::parameter(seconds, "VisibilityTimeout", why));
    if !(0..=MAX_VISIBILITY_SECONDS).contains(&seconds) {
        return refuse("Must be between 0 and 43200.");
    }
    let held_ms = session.now_ms - received_ms(session, &receipt, ask)?;
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
    session.wake(&queue.name);
    Ok(Done {})
}

/// When the message in flight was received, by the handle of that receive.
fn received_ms(
    session: &Session<'_>,
    receipt: &Receipt,
    ask: &ChangeVisibility,
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
            &ask.receipt_handle,
            "ReceiptHandle",
            "Message does not exist or is not available for visibility timeout change.",
        )),
    }
}
