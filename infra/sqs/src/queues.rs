//! Queues themselves: create, find, list, describe, change, empty and delete them.

use std::collections::BTreeMap;

use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::SqsError;
use crate::attributes::Attributes;
use crate::inflight::Done;
use crate::names::{check_queue_name, queue_of_arn};
use crate::store::{Queue, Session};

/// How long PurgeQueue refuses to run again, in milliseconds.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
const PURGE_PAUSE_MS: i64 = 60_000;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateQueue {
    pub(crate) queue_name: String,
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, String>,
    #[serde(default, rename = "tags")]
    pub(crate) tags: BTreeMap<String, String>,
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

/// Creates the queue, or finds it again if the attributes given are the ones it has.
///
/// AWS lets a name rest for 60 seconds after DeleteQueue; this engine does not, so that a laptop can
/// start afresh at once. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
pub(crate) fn create_queue(session: &Session<'_>, ask: CreateQueue) -> Result<QueueUrl, SqsError> {
    check_queue_name(&ask.queue_name)?;
    let mut attributes = Attributes::default();
    attributes.set(&ask.attributes)?;
    if let Some(existing) = session.find_queue(&ask.queue_name)? {
        if let Some(attribute) = existing.attributes.conflict(&ask.attributes) {
            return Err(SqsError::QueueNameExists { attribute });
        }
    } else {
        check_dead_letter_target(session, &ask.queue_name, &attributes)?;
        let sql = "INSERT INTO queues (name, attributes, tags, created_ms, modified_ms)
                   VALUES (?1, ?2, ?3, ?4, ?4)";
        session.tx.prepare_cached(sql)?.execute(params![
            ask.queue_name,
            serde_json::to_string(&attributes)?,
            serde_json::to_string(&ask.tags)?,
            session.now_ms,
        ])?;
    }
    Ok(QueueUrl {
        queue_url: session.url(&ask.queue_name),
    })
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>
pub(crate) fn get_queue_url(session: &Session<'_>, ask: ByName) -> Result<QueueUrl, SqsError> {
    let queue = session
        .find_queue(&ask.queue_name)?
        .ok_or(SqsError::QueueDoesNotExist)?;
    Ok(QueueUrl {
        queue_url: session.url(&queue.name),
    })
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html>
pub(crate) fn delete_queue(session: &Session<'_>, ask: ByUrl) -> Result<Done, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    let sql = "DELETE FROM queues WHERE id = ?1";
    session.tx.prepare_cached(sql)?.execute([queue.id])?;
    session.wake(&queue.name);
    Ok(Done {})
}

/// Removes all messages at once; AWS takes up to a minute for it.
///
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
pub(crate) fn purge_queue(session: &Session<'_>, ask: ByUrl) -> Result<Done, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    let recently = |purged_ms: i64| session.now_ms - purged_ms < PURGE_PAUSE_MS;
    if queue.purged_ms.is_some_and(recently) {
        return Err(SqsError::PurgeQueueInProgress { queue: queue.name });
    }
    let sql = "DELETE FROM messages WHERE queue = ?1";
    session.tx.prepare_cached(sql)?.execute([queue.id])?;
    let sql = "UPDATE queues SET purged_ms = ?2 WHERE id = ?1";
    let parameters = params![queue.id, session.now_ms];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    Ok(Done {})
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
pub(crate) fn get_queue_attributes(
    session: &Session<'_>,
    ask: GetAttributes,
) -> Result<AttributesFound, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    let mut attributes = describe(session, &queue)?;
    let wanted = |name: &String| ask.attribute_names.iter().any(|w| w == "All" || w == name);
    if let Some(name) = ask.attribute_names.iter().find(|name| !is_known(name)) {
        return Err(SqsError::InvalidAttributeName { name: name.clone() });
    }
    attributes.retain(|name, _| wanted(name));
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
    name == "All" || COMPUTED.contains(&name) || Attributes::is_known(name)
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
    ask: SetAttributes,
) -> Result<Done, SqsError> {
    let mut queue = session.queue(&ask.queue_url)?;
    queue.attributes.set(&ask.attributes)?;
    if ask.attributes.contains_key("RedrivePolicy") {
        check_dead_letter_target(session, &queue.name, &queue.attributes)?;
    }
    let sql = "UPDATE queues SET attributes = ?2, modified_ms = ?3 WHERE id = ?1";
    let attributes = serde_json::to_string(&queue.attributes)?;
    let parameters = params![queue.id, attributes, session.now_ms];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    session.wake(&queue.name);
    Ok(Done {})
}

/// A dead-letter queue must exist, and must allow it, when it is named.
fn check_dead_letter_target(
    session: &Session<'_>,
    queue: &str,
    attributes: &Attributes,
) -> Result<(), SqsError> {
    let Some(policy) = attributes.redrive_policy() else {
        return Ok(());
    };
    let target = &policy.dead_letter_target_arn;
    let refuse = |why: &str| Err(SqsError::parameter(target, "RedrivePolicy", why));
    let name = queue_of_arn(target).unwrap_or_default();
    let Some(target) = session.find_queue(name)? else {
        return refuse("Dead letter target does not exist.");
    };
    let allowed = target.attributes.redrive_allow_policy();
    if !allowed.allows(&crate::names::arn(queue)) {
        return refuse("The dead letter target's redrive allow policy does not allow this queue.");
    }
    Ok(())
}
