use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row, named_params, params};
use uuid::Uuid;

use crate::content::MessageAttributes;
use crate::names::queue_of_arn;
use crate::receipt::Receipt;
use crate::redrive::RedrivePolicy;
use crate::store::{Queue, Session};
use crate::{Message, SqsError};

/// Who sent every message: this engine knows no other identity.
const SENDER_ID: &str = "AIDAHOOKGATETWIN00000";

/// What one look at a queue asks for.
#[derive(Clone, Debug)]
pub(crate) struct Receive {
    /// The queue's name or URL.
    pub(crate) queue: String,
    /// One to ten messages.
    pub(crate) max: i64,
    /// How long to wait for the first, or what the queue says.
    pub(crate) wait: Option<Duration>,
    /// How long the messages stay invisible, in seconds, or what the queue says.
    pub(crate) visibility_seconds: Option<i64>,
}

/// What one look at a queue found.
pub(crate) struct Found {
    pub(crate) messages: Vec<Message>,
    /// How long the queue's own attributes let a receive wait.
    pub(crate) wait: Duration,
    /// When the next message becomes visible, from now.
    pub(crate) next_due: Option<Duration>,
}

/// Takes what is visible, once. A message that was received too often goes to the dead-letter queue
/// instead, in the same transaction.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
pub(crate) fn receive(session: &Session<'_>, ask: &Receive) -> Result<Found, SqsError> {
    check_range(ask.max, 1, 10, "MaxNumberOfMessages")?;
    let queue = session.queue(&ask.queue)?;
    let visibility_ms = visibility_ms(ask, &queue)?;
    session.expire(&queue)?;
    let dead_letters = dead_letter_queue(session, &queue)?;
    let mut messages = Vec::new();
    for waiting in visible(session, &queue)? {
        if messages.len() as i64 >= ask.max {
            break;
        }
        match &dead_letters {
            Some((target, policy)) if waiting.receives_here >= policy.max_receive_count => {
                bury(session, &queue, target, waiting.seq)?;
            }
            _ => messages.push(take(session, &queue, waiting.seq, visibility_ms)?),
        }
    }
    Ok(Found {
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

fn visibility_ms(ask: &Receive, queue: &Queue) -> Result<i64, SqsError> {
    let Some(seconds) = ask.visibility_seconds else {
        return Ok(queue.attributes.visibility_timeout_ms());
    };
    check_range(seconds, 0, 43_200, "VisibilityTimeout")?;
    Ok(seconds * 1000)
}

/// The queue's dead-letter queue, as long as it exists.
fn dead_letter_queue(
    session: &Session<'_>,
    queue: &Queue,
) -> Result<Option<(Queue, RedrivePolicy)>, SqsError> {
    let Some(policy) = queue.attributes.redrive_policy() else {
        return Ok(None);
    };
    let Some(name) = queue_of_arn(&policy.dead_letter_target_arn) else {
        return Ok(None);
    };
    Ok(session.find_queue(name)?.map(|target| (target, policy)))
}

struct Waiting {
    seq: i64,
    receives_here: i64,
}

/// What is visible now, the longest visible first.
///
/// Read as a whole before anything is taken, because taking changes the index that is read. More than
/// ten, so that dead letters do not hide what stands behind them.
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

/// Moves a message to the dead-letter queue. It keeps its id, its age and its total receive count.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
fn bury(session: &Session<'_>, from: &Queue, to: &Queue, seq: i64) -> Result<(), SqsError> {
    let sql = "UPDATE messages SET queue = :to, dead_letter_source = :from, visible_ms = :now,
                      receipt = NULL, received_ms = NULL, receives_here = 0
               WHERE seq = :seq";
    session.tx.prepare_cached(sql)?.execute(named_params! {
        ":to": to.id,
        ":from": from.arn(),
        ":now": session.now_ms,
        ":seq": seq,
    })?;
    session.wake(&to.name);
    session.wake(&from.name);
    Ok(())
}

/// Gives a message out: counts the receive, hides it, and makes a new receipt handle.
fn take(
    session: &Session<'_>,
    queue: &Queue,
    seq: i64,
    visibility_ms: i64,
) -> Result<Message, SqsError> {
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

fn message(row: &Row<'_>, receipt_handle: String) -> Result<Message, SqsError> {
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
    Ok(Message {
        id: row.get("id")?,
        receipt_handle,
        body: row.get("body")?,
        system_attributes: system.collect::<BTreeMap<_, _>>(),
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
