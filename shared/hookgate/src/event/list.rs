//! Events as operators ask for them: which came in, and what became of one.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use hookgate_api::{EventDetail, EventState, EventSummary};
use hookgate_ledger::State;

use crate::error::OrFailed;
use crate::event::archive::{ArchivedPayload, PAYLOAD, read_payload};
use crate::event::history::attempts;
use crate::event::item::{EVENT, stored_item};
use crate::event::view::StoredEvent;
use crate::table::event_item::{
    BODY_SHA256, CLAIMS, COMPLETED, ERROR, EVENT_ID, EVENT_TYPE, NEXT_ATTEMPT, RECEIVED, SOURCE,
    TARGET, TENANT,
};
use crate::table::{Attributes, DynamoTable, PK, SK, bytes, number, s, text};
use crate::{AwsError, Event, EventKey, rfc3339};

/// The attributes of a summary.
const SUMMARY: &str =
    "pk, sk, st, ep, own, lu, exp, att, t0, t1, t2, nx, rp, tgt, src, ten, eid, typ, err";

impl DynamoTable {
    /// One event; `None` if there is none with this key.
    ///
    /// # Errors
    /// When the database or S3 does not answer.
    pub async fn show_event(
        &self,
        key: &EventKey,
        now: SystemTime,
    ) -> Result<Option<EventDetail>, AwsError> {
        let items = self.event_items(key).await?;
        let event = find(&items, EVENT).and_then(|item| Some((item, summary(item)?)));
        let Some((item, summary)) = event else {
            return Ok(None);
        };
        Ok(Some(EventDetail {
            summary,
            history: attempts(item, now),
            payload: self.payload(&items).await?,
        }))
    }

    /// One event as it came in, to be sent again; `None` if there is none with this key. What was
    /// written before this call is seen by it. An event that the ledger has forgotten is found by its
    /// payload, as one that was never replayed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stored_event(&self, key: &EventKey) -> Result<Option<StoredEvent>, AwsError> {
        let items = self.event_items(key).await?;
        let ledger =
            find(&items, EVENT).and_then(|item| Some((item, stored_item(item)?.number.epoch)));
        let Some((item, epoch)) = ledger.or_else(|| Some((find(&items, PAYLOAD)?, 0))) else {
            return Ok(None);
        };
        // A payload other than the one that was signed does not count.
        let event = read_payload(&items)
            .and_then(|payload| event(key, item, payload))
            .filter(|event| bytes(item, BODY_SHA256) == Some(&event.body.sha256()[..]));
        Ok(Some(StoredEvent { epoch, event }))
    }

    /// An event's items: what the ledger works on, and the payload.
    async fn event_items(&self, key: &EventKey) -> Result<Vec<Attributes>, AwsError> {
        self.client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(key.as_str()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .or_failed("read the event")
    }

    /// The ledger's items of up to 100 events, in no order, as they are now.
    pub(crate) async fn ledger_items(&self, keys: &[String]) -> Result<Vec<Attributes>, AwsError> {
        self.items(keys, EVENT).await
    }

    /// Summaries of up to 100 events: from the ledger, or from the payload if the ledger has forgotten the event.
    pub(crate) async fn summaries(
        &self,
        keys: &[String],
    ) -> Result<HashMap<String, EventSummary>, AwsError> {
        let named = |event: EventSummary| (event.key.clone(), event);
        let items = self.ledger_items(keys).await?;
        let mut known: HashMap<_, _> = items.iter().filter_map(summary).map(named).collect();
        let forgotten = keys.iter().filter(|key| !known.contains_key(*key));
        let forgotten: Vec<String> = forgotten.cloned().collect();
        if !forgotten.is_empty() {
            let items = self.items(&forgotten, PAYLOAD).await?;
            known.extend(items.iter().filter_map(described).map(named));
        }
        Ok(known)
    }

    /// Up to 100 events' items of this sort key, as they are now, without bodies.
    async fn items(&self, keys: &[String], sort_key: &str) -> Result<Vec<Attributes>, AwsError> {
        const OPERATION: &str = "read events";
        let keys = keys
            .iter()
            .map(|key| [(PK.to_owned(), s(key)), (SK.to_owned(), s(sort_key))].into());
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .projection_expression(SUMMARY)
            .consistent_read(true)
            .build()
            .or_failed(OPERATION)?;
        let mut wanted = Some([(self.name.clone(), wanted)].into());
        let mut items = Vec::new();
        while let Some(request) = wanted.take() {
            let output = self
                .client
                .batch_get_item()
                .set_request_items(Some(request))
                .send()
                .await
                .or_failed(OPERATION)?;
            items.extend(output.responses.unwrap_or_default().into_values().flatten());
            wanted = output.unprocessed_keys.filter(|keys| !keys.is_empty());
        }
        Ok(items)
    }
}

fn find<'a>(items: &'a [Attributes], sort_key: &str) -> Option<&'a Attributes> {
    let mut items = items.iter();
    items.find(|item| text(item, SK) == Some(sort_key))
}

/// The event as it came in.
fn event(key: &EventKey, item: &Attributes, payload: ArchivedPayload) -> Option<Event> {
    Some(Event {
        key: key.clone(),
        source: some_text(item, SOURCE)?,
        tenant: some_text(item, TENANT),
        id: some_text(item, EVENT_ID),
        event_type: some_text(item, EVENT_TYPE),
        received: UNIX_EPOCH.checked_add(Duration::from_millis(number(item, RECEIVED)?))?,
        headers: payload.headers,
        trace: payload.trace,
        body: payload.body,
    })
}

/// A text; `None` for the empty one.
fn some_text(item: &Attributes, name: &str) -> Option<String> {
    let text = text(item, name).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

pub(crate) fn summary(item: &Attributes) -> Option<EventSummary> {
    let stored = stored_item(item)?;
    Some(EventSummary {
        state: state(stored.state, item),
        attempts: number(item, CLAIMS).unwrap_or(0),
        epoch: stored.number.epoch,
        completed_at: number(item, COMPLETED).map(rfc3339),
        next_attempt_at: number(item, NEXT_ATTEMPT).map(rfc3339),
        target: some_text(item, TARGET),
        error: some_text(item, ERROR),
        ..described(item)?
    })
}

/// An event as its payload describes it: in no state of the ledger's, and never replayed.
fn described(item: &Attributes) -> Option<EventSummary> {
    Some(EventSummary {
        key: some_text(item, PK)?,
        source: some_text(item, SOURCE)?,
        tenant: some_text(item, TENANT),
        event_id: some_text(item, EVENT_ID),
        event_type: some_text(item, EVENT_TYPE),
        state: EventState::Forgotten,
        attempts: 0,
        epoch: 0,
        received_at: rfc3339(number(item, RECEIVED)?),
        completed_at: None,
        next_attempt_at: None,
        target: None,
        error: None,
    })
}

/// The state that operators see, which tells apart more than the ledger's decisions have to.
fn state(state: State, item: &Attributes) -> EventState {
    match state {
        State::Processing if item.contains_key(NEXT_ATTEMPT) => EventState::Waiting,
        State::Done if text(item, TARGET) == Some("") => EventState::Unhandled,
        State::Received => EventState::Received,
        State::Enqueued => EventState::Enqueued,
        State::Processing => EventState::Processing,
        State::Done => EventState::Done,
        State::Dead => EventState::Dead,
    }
}
