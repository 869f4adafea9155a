//! Queues themselves: create, find, list, describe, change, empty and delete them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::attributes::QueueAttributes;
use crate::dead_letters::check_target;
use crate::error::SqsError;
use crate::names::check_queue_name;
use crate::store::{Queue, Session};

/// The pause that PurgeQueue demands before the next, in milliseconds.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
const PURGE_PAUSE_MS: i64 = 60_000;

/// The most queues that one answer lists.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
const MAX_RESULTS: usize = 1000;

/// A new queue. Tags are accepted and ignored, because no action shows them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateQueue {
    pub(crate) queue_name: String,
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueueUrl {
    pub(crate) queue_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ByName {
    queue_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ByUrl {
    queue_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueuesListed {
    queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributesFound {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

/// An answer without content.
#[derive(Debug, Serialize)]
pub(crate) struct Empty {}

/// Creates the queue, or finds it again if the attributes given are the ones it has.
///
/// AWS lets a name rest for 60 seconds after DeleteQueue; this engine does not, so that a laptop can
/// start afresh at once. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
pub(crate) fn create_queue(
    session: &Session<'_>,
    request: CreateQueue,
) -> Result<QueueUrl, SqsError> {
    check_queue_name(&request.queue_name)?;
    let mut attributes = QueueAttributes::default();
    attributes.set(&request.attributes)?;
    match session.find_queue(&request.queue_name)? {
        Some(existing) => existing.check_same(&request.attributes)?,
        None => insert(session, &request.queue_name, &attributes)?,
    }
    Ok(QueueUrl {
        queue_url: session.url(&request.queue_name),
    })
}

fn insert(session: &Session<'_>, name: &str, attributes: &QueueAttributes) -> Result<(), SqsError> {
    if let Some(policy) = attributes.redrive_policy() {
        check_target(session, name, &policy)?;
    }
    let sql =
        "INSERT INTO queues (name, attributes, created_ms, modified_ms) VALUES (?1, ?2, ?3, ?3)";
    let attributes = serde_json::to_string(attributes)?;
    let parameters = params![name, attributes, session.now_ms];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    Ok(())
}

impl Queue {
    fn check_same(&self, given: &BTreeMap<String, String>) -> Result<(), SqsError> {
        match self.attributes.conflict(given) {
            Some(attribute) => Err(SqsError::QueueNameExists { attribute }),
            None => Ok(()),
        }
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>
pub(crate) fn get_queue_url(session: &Session<'_>, request: ByName) -> Result<QueueUrl, SqsError> {
    let queue = session
        .find_queue(&request.queue_name)?
        .ok_or(SqsError::QueueDoesNotExist)?;
    Ok(QueueUrl {
        queue_url: session.url(&queue.name),
    })
}

/// Lists queues in the order of their names. Without MaxResults, there is no next page.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
pub(crate) fn list_queues(
    session: &Session<'_>,
    request: ListQueues,
) -> Result<QueuesListed, SqsError> {
    let size = request.max_results.unwrap_or(MAX_RESULTS);
    if !(1..=MAX_RESULTS).contains(&size) {
        let why = "Must be between 1 and 1000, if provided.";
        return Err(SqsError::parameter(size, "MaxResults", why));
    }
    let after = request.last_name_before()?;
    let mut names = names(session, &request.queue_name_prefix, &after, size + 1)?;
    let more = names.len() > size && request.max_results.is_some();
    names.truncate(size);
    let last = names.last().filter(|_| more);
    Ok(QueuesListed {
        next_token: last.map(|name| STANDARD.encode(name)),
        queue_urls: names.iter().map(|name| session.url(name)).collect(),
    })
}

impl ListQueues {
    /// The last name of the page before, which is what a token holds.
    fn last_name_before(&self) -> Result<String, SqsError> {
        let Some(token) = &self.next_token else {
            return Ok(String::new());
        };
        let name = STANDARD.decode(token).ok();
        let name = name.and_then(|bytes| String::from_utf8(bytes).ok());
        name.ok_or_else(|| SqsError::parameter(token, "NextToken", "Invalid token."))
    }
}

/// The names that begin with `prefix` and come after the name `after`.
fn names(
    session: &Session<'_>,
    prefix: &str,
    after: &str,
    limit: usize,
) -> Result<Vec<String>, SqsError> {
    let sql = "SELECT name FROM queues WHERE name > ?2 AND substr(name, 1, length(?1)) = ?1
               ORDER BY name LIMIT ?3";
    let mut statement = session.tx.prepare_cached(sql)?;
    let names = statement.query_map(params![prefix, after, limit], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>
pub(crate) fn delete_queue(session: &Session<'_>, request: ByUrl) -> Result<Empty, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    let sql = "DELETE FROM queues WHERE id = ?1";
    session.tx.prepare_cached(sql)?.execute([queue.id])?;
    session.changed(&queue.name);
    Ok(Empty {})
}

/// Removes all messages at once; AWS takes up to a minute for it.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
pub(crate) fn purge_queue(session: &Session<'_>, request: ByUrl) -> Result<Empty, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    let recently = |purged_ms: i64| session.now_ms - purged_ms < PURGE_PAUSE_MS;
    if queue.purged_ms.is_some_and(recently) {
        return Err(SqsError::PurgeQueueInProgress { queue: queue.name });
    }
    let sql = "DELETE FROM messages WHERE queue = ?1";
    session.tx.prepare_cached(sql)?.execute([queue.id])?;
    let sql = "UPDATE queues SET purged_ms = ?2 WHERE id = ?1";
    let parameters = params![queue.id, session.now_ms];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    Ok(Empty {})
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
pub(crate) fn get_queue_attributes(
    session: &Session<'_>,
    request: GetAttributes,
) -> Result<AttributesFound, SqsError> {
    let queue = session.queue(&request.queue_url)?;
    let wanted = request.attribute_names;
    if let Some(name) = wanted.iter().find(|name| !is_known(name)) {
        return Err(SqsError::InvalidAttributeName { name: name.clone() });
    }
    let mut attributes = describe(session, &queue)?;
    attributes.retain(|name, _| {
        wanted
            .iter()
            .any(|wanted| wanted == "All" || wanted == name)
    });
    Ok(AttributesFound { attributes })
}

/// The attributes that GetQueueAttributes computes.
const COMPUTED: [&str; 6] = [
    "QueueArn",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
];

fn is_known(name: &str) -> bool {
    name == "All" || COMPUTED.contains(&name) || QueueAttributes::is_known(name)
}

fn describe(session: &Session<'_>, queue: &Queue) -> Result<BTreeMap<String, String>, SqsError> {
    let depth = session.depth(queue)?;
    let mut attributes = queue.attributes.effective();
    let values = [
        queue.arn(),
        (queue.created_ms / 1000).to_string(),
        (queue.modified_ms / 1000).to_string(),
        depth.visible.to_string(),
        depth.in_flight.to_string(),
        depth.delayed.to_string(),
    ];
    let computed = COMPUTED.map(str::to_owned).into_iter().zip(values);
    attributes.extend(computed);
    Ok(attributes)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
pub(crate) fn set_queue_attributes(
    session: &Session<'_>,
    request: SetAttributes,
) -> Result<Empty, SqsError> {
    let mut queue = session.queue(&request.queue_url)?;
    queue.attributes.set(&request.attributes)?;
    let policy = queue.attributes.redrive_policy();
    if let Some(policy) = policy.filter(|_| request.attributes.contains_key("RedrivePolicy")) {
        check_target(session, &queue.name, &policy)?;
    }
    let sql = "UPDATE queues SET attributes = ?2, modified_ms = ?3 WHERE id = ?1";
    let attributes = serde_json::to_string(&queue.attributes)?;
    let parameters = params![queue.id, attributes, session.now_ms];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    session.changed(&queue.name);
    Ok(Empty {})
}
