//! ReceiveMessage: messages are taken from a queue, or awaited.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row, named_params, params};
use tokio::time::Instant;
use uuid::Uuid;

use crate::dead_letters::DeadLetterQueue;
use crate::engine::Engine;
use crate::error::SqsError;
use crate::in_flight::Receipt;
use crate::message::{MessageAttributes, ReceivedMessage};
use crate::names::queue_of_url;
use crate::store::{Queue, Session};

/// The sender of every message: this engine knows no other identity.
const SENDER_ID: &str = "AIDAHOOKGATETWIN00000";

/// A request for messages.
#[derive(Clone, Debug)]
pub(crate) struct Receive {
    /// The queue's name or URL.
    pub(crate) queue: String,
    /// One to ten messages.
    pub(crate) max: i64,
    /// The time to wait for the first message; the queue's own where there is none.
    pub(crate) wait: Option<Duration>,
    /// The time that the messages stay invisible, in seconds; the queue's own where there is none.
    pub(crate) visibility_seconds: Option<i64>,
}

/// The result of one look at a queue.
struct Look {
    messages: Vec<ReceivedMessage>,
    /// The time that the queue's own attributes let a receive wait.
    wait: Duration,
    /// The time until the next message becomes visible.
    next_due: Option<Duration>,
}

/// Looks at the queue until there is a message, the wait is over, or `stop` completes.
pub(crate) async fn poll(
    engine: &Arc<Engine>,
    request: Receive,
    stop: impl Future<Output = ()>,
) -> Result<Vec<ReceivedMessage>, SqsError> {
    let started = Instant::now();
    let mut stop = pin!(stop);
    let mut changes = engine.changes_of(queue_of_url(&request.queue));
    loop {
        changes.mark_unchanged();
        let one = request.clone();
        let look = move |session: &Session<'_>| look(session, &one);
        let seen = engine.spawn(engine.base_url(), look).await?;
        let deadline = started + request.wait.unwrap_or(seen.wait);
        if !seen.messages.is_empty() || Instant::now() >= deadline {
            return Ok(seen.messages);
        }
        let due = seen.next_due.map(|due| Instant::now() + due);
        let until = due.map_or(deadline, |due| due.min(deadline));
        tokio::select! {
            () = &mut stop => return Ok(Vec::new()),
            () = tokio::time::sleep_until(until) => {}
            _ = changes.changed() => {}
        }
    }
}

/// Takes the visible messages, once. A message that was received too often goes to the dead-letter queue
/// instead, in the same transaction.
fn look(session: &Session<'_>, request: &Receive) -> Result<Look, SqsError> {
    check_range(request.max, 1, 10, "MaxNumberOfMessages")?;
    let queue = session.queue(&request.queue)?;
    let visibility_ms = visibility_ms(request, &queue)?;
    session.expire(&queue)?;
    let dead_letters = DeadLetterQueue::of(session, &queue)?;
    let mut messages = Vec::new();
    for waiting in visible(session, &queue)? {
        if messages.len() as i64 >= request.max {
            break;
        }
        match &dead_letters {
            Some(dead) if dead.takes(waiting.receives_here) => {
                dead.add(session, &queue, waiting.seq)?;
            }
            _ => messages.push(take(session, &queue, waiting.seq, visibility_ms)?),
        }
    }
    Ok(Look {
        messages,
        wait: Duration::from_secs(queue.attributes.wait_seconds().unsigned_abs()),
        next_due: next_due(session, &queue)?,
    })
}

fn check_range(value: i64, min: i64, max: i64, parameter: &str) -> Result<(), SqsError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    let why = format!("Must be between {min} and {max}, if provided.");
    Err(SqsError::parameter(value, parameter, &why))
}

fn visibility_ms(request: &Receive, queue: &Queue) -> Result<i64, SqsError> {
    let Some(seconds) = request.visibility_seconds else {
        return Ok(queue.attributes.visibility_timeout_ms());
    };
    check_range(seconds, 0, 43_200, "VisibilityTimeout")?;
    Ok(seconds * 1000)
}

/// A message that can be received now.
struct Waiting {
    seq: i64,
    receives_here: i64,
}

/// The visible messages, the longest visible first.
///
/// They are all read before one is taken, because taking changes the index that is read. There may be more
/// than ten, so that dead letters do not hide the messages behind them.
fn visible(session: &Session<'_>, queue: &Queue) -> Result<Vec<Waiting>, SqsError> {
    let sql = "SELECT seq, receives_here FROM messages
               WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, seq LIMIT 100";
    let mut statement = session.tx.prepare_cached(sql)?;
    let rows = statement.query_map(params![queue.id, session.now_ms], |row| {
        Ok(Waiting {
            seq: row.get(0)?,
            receives_here: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Gives a message out: counts the receive, hides it, and makes a new receipt handle.
fn take(
    session: &Session<'_>,
    queue: &Queue,
    seq: i64,
    visibility_ms: i64,
) -> Result<ReceivedMessage, SqsError> {
    let receipt = Receipt {
        queue: queue.id,
        message: seq,
        token: Uuid::new_v4().simple().to_string(),
    };
    let sql = "UPDATE messages SET receives = receives + 1, receives_here = receives_here + 1,
                      receipt = :token, received_ms = :now, visible_ms = :now + :visibility,
                      first_receive_ms = coalesce(first_receive_ms, :now)
               WHERE seq = :seq RETURNING *";
    let mut statement = session.tx.prepare_cached(sql)?;
    let parameters = named_params! {
        ":token": receipt.token,
        ":now": session.now_ms,
        ":visibility": visibility_ms,
        ":seq": seq,
    };
    statement.query_row(parameters, |row| Ok(message(row, receipt.handle())))?
}

fn message(row: &Row<'_>, receipt_handle: String) -> Result<ReceivedMessage, SqsError> {
    let attributes: String = row.get("attributes")?;
    let attributes: MessageAttributes = serde_json::from_str(&attributes)?;
    let number = |column: &str| Ok::<_, SqsError>(Some(row.get::<_, i64>(column)?.to_string()));
    let system = [
        ("SenderId", Some(SENDER_ID.to_owned())),
        ("SentTimestamp", number("sent_ms")?),
        ("ApproximateReceiveCount", number("receives")?),
        (
            "ApproximateFirstReceiveTimestamp",
            number("first_receive_ms")?,
        ),
        ("MessageGroupId", row.get("group_id")?),
        ("AWSTraceHeader", row.get("trace_header")?),
        ("DeadLetterQueueSourceArn", row.get("dead_letter_source")?),
    ];
    let system = system.into_iter();
    let system = system.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(ReceivedMessage {
        id: row.get("id")?,
        receipt_handle,
        body: row.get("body")?,
        system_attributes: system.collect(),
        attributes,
    })
}

fn next_due(session: &Session<'_>, queue: &Queue) -> Result<Option<Duration>, SqsError> {
    let sql = "SELECT visible_ms FROM messages WHERE queue = ?1 AND visible_ms > ?2
               ORDER BY visible_ms LIMIT 1";
    let mut statement = session.tx.prepare_cached(sql)?;
    let parameters = params![queue.id, session.now_ms];
    let due: Option<i64> = statement
        .query_row(parameters, |row| row.get(0))
        .optional()?;
    Ok(due.map(|due_ms| Duration::from_millis(due_ms.abs_diff(session.now_ms))))
}
