//! The runner of message move tasks, in the background of the server.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::SqsError;
use crate::store::{Queue, Session};

/// The messages that move in a second when the task does not say: the most that a task may ask for.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
const DEFAULT_PER_SECOND: u32 = 500;

/// A running task.
struct RunningTask {
    id: String,
    source: String,
    destination: Option<String>,
    per_second: u32,
    /// The number of messages that it may still move.
    left: i64,
}

/// The end of a task.
enum End {
    Completed,
    Failed(&'static str),
}

/// Takes up the tasks that the death of the process interrupted.
pub(crate) async fn resume(
    engine: &Arc<Engine>,
    closing: &watch::Receiver<bool>,
) -> Result<(), SqsError> {
    for id in engine.spawn(engine.base_url(), running).await? {
        tokio::spawn(run(Arc::clone(engine), id, closing.clone()));
    }
    Ok(())
}

/// Moves message after message at the task's pace, until it ends or the server closes.
pub(crate) async fn run(engine: Arc<Engine>, id: String, mut closing: watch::Receiver<bool>) {
    while !*closing.borrow() {
        let task = id.clone();
        let step = move |session: &Session<'_>| step(session, &task);
        match engine.spawn(engine.base_url(), step).await {
            Ok(None) => return,
            Ok(Some(pause)) => tokio::select! {
                () = sleep(pause) => {}
                _ = closing.changed() => {}
            },
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, task = id, "a message move task stopped");
                return;
            }
        }
    }
}

fn running(session: &Session<'_>) -> Result<Vec<String>, SqsError> {
    let sql = "SELECT id FROM move_tasks WHERE status = 'RUNNING'";
    let mut statement = session.tx.prepare_cached(sql)?;
    let ids = statement.query_map([], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Moves one message. Returns how long to wait before the next, or nothing when the task is over.
fn step(session: &Session<'_>, id: &str) -> Result<Option<Duration>, SqsError> {
    let Some(task) = RunningTask::find(session, id)? else {
        return Ok(None);
    };
    match task.move_one(session)? {
        None => Ok(Some(Duration::from_secs(1) / task.per_second)),
        Some(end) => {
            task.finish(session, &end)?;
            Ok(None)
        }
    }
}

impl RunningTask {
    fn find(session: &Session<'_>, id: &str) -> Result<Option<RunningTask>, SqsError> {
        let sql = "SELECT source, destination, per_second, to_move - moved FROM move_tasks
                   WHERE id = ?1 AND status = 'RUNNING'";
        let mut statement = session.tx.prepare_cached(sql)?;
        let task = statement.query_row([id], |row| {
            let per_second: Option<u32> = row.get(2)?;
            Ok(RunningTask {
                id: id.to_owned(),
                source: row.get(0)?,
                destination: row.get(1)?,
                per_second: per_second.unwrap_or(DEFAULT_PER_SECOND).max(1),
                left: row.get(3)?,
            })
        });
        Ok(task.optional()?)
    }

    /// Moves the message that has been visible the longest, unless the task is over.
    ///
    /// A task moves no more messages than it found at its start: one whose messages come straight
    /// back as dead letters still ends.
    fn move_one(&self, session: &Session<'_>) -> Result<Option<End>, SqsError> {
        let Some(source) = session.queue_by_arn(&self.source)? else {
            return Ok(Some(End::Failed("AWS.SimpleQueueService.NonExistentQueue")));
        };
        let next = next_message(session, &source)?.filter(|_| self.left > 0);
        let Some((seq, came_from)) = next else {
            return Ok(Some(End::Completed));
        };
        let Some(target) = self.destination.clone().or(came_from) else {
            return Ok(Some(End::Failed("CouldNotDetermineMessageSource")));
        };
        let Some(target) = session.queue_by_arn(&target)? else {
            return Ok(Some(End::Failed("AWS.SimpleQueueService.NonExistentQueue")));
        };
        deliver(session, seq, &target)?;
        let sql = "UPDATE move_tasks SET moved = moved + 1 WHERE id = ?1";
        session.tx.prepare_cached(sql)?.execute([&self.id])?;
        Ok(None)
    }

    fn finish(&self, session: &Session<'_>, end: &End) -> Result<(), SqsError> {
        let (status, failure) = match end {
            End::Completed => ("COMPLETED", None),
            End::Failed(reason) => ("FAILED", Some(*reason)),
        };
        let sql = "UPDATE move_tasks SET status = ?2, failure = ?3 WHERE id = ?1";
        let parameters = params![self.id, status, failure];
        session.tx.prepare_cached(sql)?.execute(parameters)?;
        Ok(())
    }
}

/// The row of the next visible message, and the queue it was a dead letter of.
fn next_message(
    session: &Session<'_>,
    source: &Queue,
) -> Result<Option<(i64, Option<String>)>, SqsError> {
    session.expire(source)?;
    let sql = "SELECT seq, dead_letter_source FROM messages
               WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, seq LIMIT 1";
    let mut statement = session.tx.prepare_cached(sql)?;
    let found = statement.query_row(params![source.id, session.now_ms], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    Ok(found.optional()?)
}

/// Puts the message into `target` as a new one: new id, new age, never received.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>
fn deliver(session: &Session<'_>, seq: i64, target: &Queue) -> Result<(), SqsError> {
    let sql = "UPDATE messages SET queue = ?2, id = ?3, sent_ms = ?4, visible_ms = ?4,
                      receipt = NULL, received_ms = NULL, first_receive_ms = NULL,
                      receives = 0, receives_here = 0, dead_letter_source = NULL
               WHERE seq = ?1";
    let id = Uuid::new_v4().to_string();
    let parameters = params![seq, target.id, id, session.now_ms];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    session.changed(&target.name);
    Ok(())
}
