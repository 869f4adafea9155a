//! ReceivedMessage move tasks, which bring dead letters back: start, list and cancel them.

pub(crate) mod runner;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{OptionalExtension, Row, named_params, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::dead_letters::has_sources;
use crate::error::SqsError;
use crate::store::{Queue, Session};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StartTask {
    source_arn: String,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Started {
    task_handle: String,
    /// The task's row, for the runner.
    #[serde(skip)]
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CancelTask {
    task_handle: String,
}

/// The content of a task handle, in JSON in base64.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HandleParts {
    task_id: String,
    source_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListTasks {
    source_arn: String,
    max_results: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TasksListed {
    results: Vec<ListedTask>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedTask {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_handle: Option<String>,
    status: String,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_number_of_messages_per_second: Option<i64>,
    approximate_number_of_messages_moved: i64,
    approximate_number_of_messages_to_move: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    /// Milliseconds since 1970.
    started_timestamp: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Cancelled {
    approximate_number_of_messages_moved: i64,
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
pub(crate) fn start_message_move_task(
    session: &Session<'_>,
    request: StartTask,
) -> Result<Started, SqsError> {
    let source = by_arn(session, &request.source_arn, "SourceArn")?;
    if let Some(arn) = &request.destination_arn {
        by_arn(session, arn, "DestinationArn")?;
    }
    request.check(session)?;
    let id = Uuid::new_v4().to_string();
    let sql =
        "INSERT INTO move_tasks (id, source, destination, per_second, status, to_move, started_ms)
               VALUES (:id, :source, :destination, :per_second, 'RUNNING', :to_move, :now)";
    session.tx.prepare_cached(sql)?.execute(named_params! {
        ":id": id,
        ":source": request.source_arn,
        ":destination": request.destination_arn,
        ":per_second": request.max_number_of_messages_per_second,
        ":to_move": session.depth(&source)?.visible,
        ":now": session.now_ms,
    })?;
    let task_handle = handle(&id, &request.source_arn)?;
    Ok(Started { task_handle, id })
}

impl StartTask {
    fn check(&self, session: &Session<'_>) -> Result<(), SqsError> {
        let refuse = |reason: &str| {
            Err(SqsError::InvalidParameterValue {
                reason: reason.to_owned(),
            })
        };
        if !has_sources(session, &self.source_arn)? {
            return refuse("Source queue must be configured as a Dead Letter Queue.");
        }
        if self.destination_arn.as_ref() == Some(&self.source_arn) {
            return refuse("Source queue arn and destination queue arn cannot be the same.");
        }
        if is_running(session, &self.source_arn)? {
            return refuse(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            );
        }
        match self.max_number_of_messages_per_second {
            Some(rate) if !(1..=500).contains(&rate) => Err(SqsError::parameter(
                rate,
                "MaxNumberOfMessagesPerSecond",
                "Must be between 1 and 500, if provided.",
            )),
            _ => Ok(()),
        }
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
pub(crate) fn list_message_move_tasks(
    session: &Session<'_>,
    request: ListTasks,
) -> Result<TasksListed, SqsError> {
    by_arn(session, &request.source_arn, "SourceArn")?;
    let limit = request.max_results.unwrap_or(1);
    if !(1..=10).contains(&limit) {
        let why = "Must be between 1 and 10, if provided.";
        return Err(SqsError::parameter(limit, "MaxResults", why));
    }
    let sql =
        "SELECT * FROM move_tasks WHERE source = ?1 ORDER BY started_ms DESC, rowid DESC LIMIT ?2";
    let mut statement = session.tx.prepare_cached(sql)?;
    let tasks = statement.query_map(params![request.source_arn, limit], |row| {
        Ok(ListedTask::read(row))
    })?;
    let results = tasks.map(|task| task?).collect::<Result<_, _>>()?;
    Ok(TasksListed { results })
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html>
pub(crate) fn cancel_message_move_task(
    session: &Session<'_>,
    request: CancelTask,
) -> Result<Cancelled, SqsError> {
    let parts = parts(&request.task_handle)?;
    by_arn(session, &parts.source_arn, "SourceArn")?;
    let sql = "UPDATE move_tasks SET status = 'CANCELLED'
               WHERE id = ?1 AND source = ?2 AND status = 'RUNNING' RETURNING moved";
    let mut statement = session.tx.prepare_cached(sql)?;
    let parameters = params![parts.task_id, parts.source_arn];
    let moved: Option<i64> = statement
        .query_row(parameters, |row| row.get(0))
        .optional()?;
    let approximate_number_of_messages_moved = moved.ok_or_else(|| SqsError::ResourceNotFound {
        reason: "ListedTask does not exist.".to_owned(),
    })?;
    Ok(Cancelled {
        approximate_number_of_messages_moved,
    })
}

impl ListedTask {
    fn read(row: &Row<'_>) -> Result<ListedTask, SqsError> {
        let (id, source_arn): (String, String) = (row.get("id")?, row.get("source")?);
        let status: String = row.get("status")?;
        let task_handle = match status.as_str() {
            "RUNNING" => Some(handle(&id, &source_arn)?),
            _ => None,
        };
        Ok(ListedTask {
            task_handle,
            status,
            source_arn,
            destination_arn: row.get("destination")?,
            max_number_of_messages_per_second: row.get("per_second")?,
            approximate_number_of_messages_moved: row.get("moved")?,
            approximate_number_of_messages_to_move: row.get("to_move")?,
            failure_reason: row.get("failure")?,
            started_timestamp: row.get("started_ms")?,
        })
    }
}

fn by_arn(session: &Session<'_>, arn: &str, parameter: &str) -> Result<Queue, SqsError> {
    let found = session.queue_by_arn(arn)?;
    found.ok_or_else(|| SqsError::ResourceNotFound {
        reason: format!(
            "The resource that you specified for the {parameter} parameter doesn't exist."
        ),
    })
}

fn is_running(session: &Session<'_>, source_arn: &str) -> Result<bool, SqsError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM move_tasks WHERE source = ?1 AND status = 'RUNNING')";
    let mut statement = session.tx.prepare_cached(sql)?;
    Ok(statement.query_row([source_arn], |row| row.get(0))?)
}

fn handle(task_id: &str, source_arn: &str) -> Result<String, SqsError> {
    let parts = HandleParts {
        task_id: task_id.to_owned(),
        source_arn: source_arn.to_owned(),
    };
    Ok(STANDARD.encode(serde_json::to_string(&parts)?))
}

fn parts(handle: &str) -> Result<HandleParts, SqsError> {
    let bytes = STANDARD.decode(handle).ok();
    let parts = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    parts.ok_or_else(|| SqsError::InvalidParameterValue {
        reason: "Value for parameter TaskHandle is invalid.".to_owned(),
    })
}
