//! What operators ask: which events came in, and what became of one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use hookgate_gateway::EventKey;
use hookgate_gateway::ports::{BoxError, PortError};
use hookgate_ledger::State;
use serde::Serialize;

use crate::archive::read_payload;
use crate::attributes::{Attributes, number, s, text};
use crate::ledger::{EVENT, stored_item};
use crate::table::{DynamoTable, INDEX, INDEX_SK, PK, SHARDS, SK, index_partition};

/// How many keys DynamoDB takes in one batch.
const BATCH: usize = 100;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Which events to list, newest first.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Of these sources.
    pub sources: Vec<String>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only of this type.
    pub event_type: Option<String>,
    /// Received at this time or later.
    pub since: SystemTime,
    /// Received at this time or earlier.
    pub until: SystemTime,
    /// At most so many.
    pub limit: usize,
}

/// One event, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventSummary {
    /// Its key in the ledger.
    pub key: String,
    /// The source it came in by.
    pub source: String,
    /// Its tenant.
    pub tenant: Option<String>,
    /// The provider's id.
    pub event_id: Option<String>,
    /// The provider's type.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// `received`, `enqueued`, `processing`, `done` or `dead`.
    pub state: &'static str,
    /// How often it was claimed.
    pub attempts: u32,
    /// How often a replay was asked for.
    pub epoch: u32,
    /// When its request arrived, RFC 3339.
    pub received_at: String,
    /// When it was done or dead-lettered, RFC 3339.
    pub completed_at: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// One event with its payload, where that is still kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventDetail {
    /// The event.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// What the provider sent; `None` before the processor saw it, after its retention, or with
    /// `archive = "none"`.
    pub payload: Option<Payload>,
}

/// What the provider sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Payload {
    /// The headers that are kept.
    pub headers: Vec<(String, String)>,
    /// The body, where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body, byte for byte.
    pub body_base64: String,
}

impl DynamoTable {
    /// Lists events that the processor has seen, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_events(&self, query: &EventQuery) -> Result<Vec<EventSummary>, PortError> {
        let mut found = Vec::new();
        let mut day = query.until;
        while found.len() < query.limit && day + DAY > query.since {
            let partitions = query.sources.iter().flat_map(|source| {
                (0..SHARDS).map(move |shard| index_partition(source, day, shard))
            });
            let keys =
                try_join_all(partitions.map(|partition| self.keys(partition, query))).await?;
            let keys: Vec<String> = keys.into_iter().flatten().collect();
            let batches = keys.chunks(BATCH).map(|batch| self.ledger_items(batch));
            let items = try_join_all(batches).await?.into_iter().flatten();
            found.extend(items.filter_map(|item| Some((number(&item, "t0")?, summary(&item)?))));
            found.retain(|(_, event): &(u64, EventSummary)| {
                query.state.is_none_or(|state| state.name() == event.state)
                    && query
                        .event_type
                        .as_ref()
                        .is_none_or(|t| Some(t) == event.event_type.as_ref())
            });
            day = day.checked_sub(DAY).unwrap_or(UNIX_EPOCH);
            if day == UNIX_EPOCH {
                break;
            }
        }
        found.sort_by(|(a, _), (b, _)| b.cmp(a));
        found.truncate(query.limit);
        Ok(found.into_iter().map(|(_, event)| event).collect())
    }

    /// Shows one event; `None` where there is none of this key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn show_event(&self, key: &EventKey) -> Result<Option<EventDetail>, PortError> {
        let found = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(key.as_str()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await;
        let items =
            found.map_err(|error| PortError::new("read the event", error.into_service_error()))?;
        let event = items.iter().find(|item| text(item, SK) == Some(EVENT));
        Ok(event.and_then(summary).map(|summary| EventDetail {
            summary,
            payload: read_payload(&items).map(|kept| Payload {
                headers: kept.headers,
                body_base64: STANDARD.encode(&kept.body),
                body: String::from_utf8(kept.body).ok(),
            }),
        }))
    }

    /// The keys in one index partition. Without a filter, no more than the limit are read.
    async fn keys(&self, partition: String, query: &EventQuery) -> Result<Vec<String>, PortError> {
        let unfiltered = query.state.is_none() && query.event_type.is_none();
        let page = unfiltered.then(|| i32::try_from(query.limit).unwrap_or(i32::MAX));
        let time = |time| s(format!("{:013}", hookgate_gateway::unix_ms(time)));
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk AND #gsk BETWEEN :since AND :until")
            .expression_attribute_names("#gsk", INDEX_SK)
            .expression_attribute_values(":gpk", s(partition))
            .expression_attribute_values(":since", time(query.since))
            .expression_attribute_values(":until", time(query.until))
            .scan_index_forward(false)
            .set_limit(page)
            .into_paginator()
            .send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| PortError::new("list events", error.into_service_error()))?;
            keys.extend(
                page.items
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|item| text(item, PK).map(str::to_owned)),
            );
            if unfiltered && keys.len() >= query.limit {
                break;
            }
        }
        Ok(keys)
    }

    async fn ledger_items(&self, keys: &[String]) -> Result<Vec<Attributes>, PortError> {
        let failed = |error: BoxError| PortError::new("read events", error);
        let keys = keys
            .iter()
            .map(|key| [(PK.to_owned(), s(key)), (SK.to_owned(), s(EVENT))].into());
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .build()
            .map_err(|error| failed(error.into()))?;
        let mut wanted = Some([(self.name.clone(), wanted)].into());
        let mut items = Vec::new();
        while let Some(request) = wanted.take() {
            let output = self
                .client
                .batch_get_item()
                .set_request_items(Some(request))
                .send()
                .await
                .map_err(|error| failed(error.into_service_error().into()))?;
            items.extend(output.responses.unwrap_or_default().into_values().flatten());
            wanted = output.unprocessed_keys.filter(|keys| !keys.is_empty());
        }
        Ok(items)
    }
}

fn summary(item: &Attributes) -> Option<EventSummary> {
    let stored = stored_item(item)?;
    let some_text = |name| {
        text(item, name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    Some(EventSummary {
        key: some_text(PK)?,
        source: some_text("src")?,
        tenant: some_text("ten"),
        event_id: some_text("eid"),
        event_type: some_text("typ"),
        state: stored.state.name(),
        attempts: number(item, "att").unwrap_or(0),
        epoch: stored.epoch,
        received_at: rfc3339(number(item, "t0")?),
        completed_at: number(item, "t1").map(rfc3339),
        error: some_text("err"),
    })
}

fn rfc3339(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}
