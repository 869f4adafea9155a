//! Lists of queues, and the tags on them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::SqsError;
use crate::inflight::Done;
use crate::store::{Queue, Session};

/// How many queues one answer may list.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
const MAX_RESULTS: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListQueues {
    queue_name_prefix: Option<String>,
    #[serde(flatten)]
    page: Page,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListSources {
    queue_url: String,
    #[serde(flatten)]
    page: Page,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
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

/// AWS spells this one answer in lower case.
#[derive(Debug, Serialize)]
pub(crate) struct SourcesListed {
    #[serde(rename = "queueUrls")]
    queue_urls: Vec<String>,
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagQueue {
    queue_url: String,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UntagQueue {
    queue_url: String,
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListTags {
    queue_url: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagsListed {
    tags: BTreeMap<String, String>,
}

impl Page {
    /// This page of `queues`, which are in the order of their names, as URLs; and the next page's token.
    fn of(
        &self,
        session: &Session<'_>,
        queues: Vec<Queue>,
    ) -> Result<(Vec<String>, Option<String>), SqsError> {
        let size = self.max_results.unwrap_or(MAX_RESULTS);
        if !(1..=MAX_RESULTS).contains(&size) {
            let why = "Must be between 1 and 1000, if provided.";
            return Err(SqsError::parameter(size, "MaxResults", why));
        }
        let after = self.after()?;
        let names = queues.into_iter().map(|queue| queue.name);
        let mut rest = names.filter(|name| after.as_ref().is_none_or(|after| name > after));
        let page: Vec<String> = rest.by_ref().take(size).collect();
        let more = rest.next().is_some() && self.max_results.is_some();
        let next = page
            .last()
            .filter(|_| more)
            .map(|name| STANDARD.encode(name));
        Ok((page.iter().map(|name| session.url(name)).collect(), next))
    }

    /// The last name of the page before.
    fn after(&self) -> Result<Option<String>, SqsError> {
        let Some(token) = &self.next_token else {
            return Ok(None);
        };
        let name = STANDARD.decode(token).ok();
        let name = name.and_then(|bytes| String::from_utf8(bytes).ok());
        let refusal = || SqsError::parameter(token, "NextToken", "Invalid token.");
        name.map(Some).ok_or_else(refusal)
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>
pub(crate) fn list_queues(
    session: &Session<'_>,
    ask: ListQueues,
) -> Result<QueuesListed, SqsError> {
    let prefix = ask.queue_name_prefix.unwrap_or_default();
    let mut queues = session.queues()?;
    queues.retain(|queue| queue.name.starts_with(&prefix));
    let (queue_urls, next_token) = ask.page.of(session, queues)?;
    Ok(QueuesListed {
        queue_urls,
        next_token,
    })
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html>
pub(crate) fn list_dead_letter_source_queues(
    session: &Session<'_>,
    ask: ListSources,
) -> Result<SourcesListed, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    let (queue_urls, next_token) = ask.page.of(session, sources(session, &queue)?)?;
    Ok(SourcesListed {
        queue_urls,
        next_token,
    })
}

/// The queues that name `queue` as their dead-letter queue.
pub(crate) fn sources(session: &Session<'_>, queue: &Queue) -> Result<Vec<Queue>, SqsError> {
    let arn = queue.arn();
    let names_it = |source: &Queue| {
        let policy = source.attributes.redrive_policy();
        policy.is_some_and(|policy| policy.dead_letter_target_arn == arn)
    };
    let mut queues = session.queues()?;
    queues.retain(names_it);
    Ok(queues)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_TagQueue.html>
pub(crate) fn tag_queue(session: &Session<'_>, ask: TagQueue) -> Result<Done, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    let mut tags = tags(session, &queue)?;
    tags.extend(ask.tags);
    store_tags(session, &queue, &tags)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_UntagQueue.html>
pub(crate) fn untag_queue(session: &Session<'_>, ask: UntagQueue) -> Result<Done, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    let mut tags = tags(session, &queue)?;
    tags.retain(|key, _| !ask.tag_keys.contains(key));
    store_tags(session, &queue, &tags)
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueueTags.html>
pub(crate) fn list_queue_tags(
    session: &Session<'_>,
    ask: ListTags,
) -> Result<TagsListed, SqsError> {
    let queue = session.queue(&ask.queue_url)?;
    Ok(TagsListed {
        tags: tags(session, &queue)?,
    })
}

fn tags(session: &Session<'_>, queue: &Queue) -> Result<BTreeMap<String, String>, SqsError> {
    let sql = "SELECT tags FROM queues WHERE id = ?1";
    let mut statement = session.tx.prepare_cached(sql)?;
    let text: String = statement.query_row([queue.id], |row| row.get(0))?;
    Ok(serde_json::from_str(&text)?)
}

fn store_tags(
    session: &Session<'_>,
    queue: &Queue,
    tags: &BTreeMap<String, String>,
) -> Result<Done, SqsError> {
    let sql = "UPDATE queues SET tags = ?2 WHERE id = ?1";
    let parameters = params![queue.id, serde_json::to_string(tags)?];
    session.tx.prepare_cached(sql)?.execute(parameters)?;
    Ok(Done {})
}
