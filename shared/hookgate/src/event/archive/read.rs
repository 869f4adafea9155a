//! Reading from the archive.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookgate_api::Payload;

use super::pack::unpack;
use super::place::{ArchivePlace, GroupPlace};
use crate::error::OrFailed;
use crate::table::payload_item::{DATA, PARTS};
use crate::table::{Attributes, DynamoTable, SK, bytes, number, s, text};
use crate::{AwsError, BodyError, Event, EventKey};

/// The largest body that is also given as text: an answer of Lambda has at most 6 MB.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// The events of one place, the first received first.
#[derive(Debug)]
pub(crate) struct Group {
    /// The place's sort key.
    pub(crate) sort_key: String,
    pub(crate) events: Vec<Event>,
}

impl DynamoTable {
    /// The event of a key at a place; `None` if it is not there.
    pub(crate) async fn archived(
        &self,
        at: &ArchivePlace,
        key: &EventKey,
    ) -> Result<Option<Event>, AwsError> {
        let events = self.archived_at(at).await?;
        Ok(events.into_iter().find(|event| event.key == *key))
    }

    /// The events at a place.
    pub(crate) async fn archived_at(&self, at: &ArchivePlace) -> Result<Vec<Event>, AwsError> {
        let Some(place) = GroupPlace::parse(&at.place) else {
            return Ok(Vec::new());
        };
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s(place.partition(&at.source)))
            .expression_attribute_values(":sk", s(&place.sort_key))
            .consistent_read(true);
        let items = query.into_paginator().items().send();
        let mut items = items.try_collect().await.or_failed(READ)?;
        let groups = take_whole(&at.source, &mut items).into_iter();
        Ok(groups.flat_map(|group| group.events).collect())
    }

    /// A query for what a part of the archive has between two sort keys.
    pub(crate) fn archive_between(
        &self,
        partition: String,
        (since, until): (String, String),
    ) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :since AND :until")
            .expression_attribute_values(":pk", s(partition))
            .expression_attribute_values(":since", s(since))
            .expression_attribute_values(":until", s(until))
            .consistent_read(true)
    }
}

const READ: &str = "read the archive";

/// The groups whose items are all among these, in the order of their sort keys. Items of other groups stay.
pub(crate) fn take_whole(source: &str, items: &mut Vec<Attributes>) -> Vec<Group> {
    let mut by_place: BTreeMap<String, Vec<Attributes>> = BTreeMap::new();
    for item in items.drain(..) {
        let sort_key = text(&item, SK).unwrap_or_default();
        let place = sort_key.split('.').next().unwrap_or_default().to_owned();
        by_place.entry(place).or_default().push(item);
    }
    let mut groups = Vec::new();
    for (sort_key, mut parts) in by_place {
        parts.sort_by(|a, b| text(a, SK).cmp(&text(b, SK)));
        if parts.first().and_then(|first| number(first, PARTS)) != Some(parts.len()) {
            items.append(&mut parts);
            continue;
        }
        groups.extend(group(source, sort_key, &parts));
    }
    groups
}

fn group(source: &str, sort_key: String, parts: &[Attributes]) -> Option<Group> {
    let packed: Vec<u8> = parts
        .iter()
        .filter_map(|part| bytes(part, DATA))
        .flatten()
        .copied()
        .collect();
    let events = unpack(source, &packed);
    if events.is_none() {
        tracing::error!(source, sort_key, "archived events cannot be read");
    }
    Some(Group {
        sort_key,
        events: events?,
    })
}

/// The payload of an archived event, with its body from wherever that is; `None` if it is gone.
pub(crate) async fn payload(
    table: &DynamoTable,
    event: Event,
) -> Result<Option<Payload>, AwsError> {
    let body = match event.body.fetch(table.bodies.as_ref()).await {
        Ok(body) => body,
        Err(BodyError::Unavailable(error)) => return Err(error),
        Err(error) => {
            tracing::warn!(body = ?event.body, %error, "payload has no body");
            return Ok(None);
        }
    };
    Ok(Some(Payload {
        headers: event.headers,
        body_base64: STANDARD.encode(&body),
        body: as_text(&body),
    }))
}

/// A body as text, where it is text, and short enough to be answered both as text and as base64.
fn as_text(body: &[u8]) -> Option<String> {
    let short = body.len() <= MAX_TEXT_BYTES;
    let text = std::str::from_utf8(body).ok().filter(|_| short)?;
    Some(text.to_owned())
}
