//! Events as operators ask for them: which came in, and what became of one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::{try_join, try_join_all};
use hookgate_api::{EventDetail, EventState, EventSummary};
use hookgate_ledger::State;
use tokio::time::sleep;

use crate::error::OrFailed;
use crate::event::archive::{ArchivePlace, payload};
use crate::event::history::attempts;
use crate::event::item::{EVENT, stored_item};
use crate::event::view::StoredEvent;
use crate::replay::Pending;
use crate::table::event_item::{
    ARCHIVED, BODY_SHA256, CLAIMS, COMPLETED, ERROR, EVENT_ID, EVENT_TYPE, NEXT_ATTEMPT, PLACE,
    RECEIVED, SOURCE, TARGET, TENANT,
};
use crate::table::{Attributes, DynamoTable, PK, SK, bytes, number, s, text};
use crate::{AwsError, Event, EventKey, chain, rfc3339, unix_ms};

/// The attributes of a summary.
const SUMMARY: &str =
    "pk, sk, st, ep, own, lu, exp, att, t0, t1, t2, nx, rp, tgt, src, ten, eid, typ, err, arc, bh";

/// The first and the longest wait before what the database did not read is asked for again.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const MAX_WAIT: Duration = Duration::from_secs(1);

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
        let item = self.event_item(key).await?;
        let event = item.and_then(|item| Some((summary(&item)?, item)));
        let Some((summary, item)) = event else {
            return Ok(None);
        };
        let archived = self.event_at(key, &item, None).await?;
        Ok(Some(EventDetail {
            summary,
            history: attempts(&item, now),
            payload: match archived {
                Some(event) => payload(self, event).await?,
                None => None,
            },
        }))
    }

    /// One event as it came in, to be sent again; `None` if there is none with this key. What was
    /// written before this call is seen by it. An event that the ledger has forgotten is found by its
    /// place in the archive alone, as one that was never replayed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stored_event(
        &self,
        key: &EventKey,
        place: Option<&ArchivePlace>,
    ) -> Result<Option<StoredEvent>, AwsError> {
        let item = self.event_item(key).await?;
        let ledger = item.and_then(|item| Some((stored_item(&item)?.number.epoch, item)));
        if let Some((epoch, item)) = ledger {
            let event = self.event_at(key, &item, place).await?;
            return Ok(Some(StoredEvent { epoch, event }));
        }
        let Some(place) = place else {
            return Ok(None);
        };
        let event = self.archived(place, key).await?;
        Ok(event.map(|event| StoredEvent {
            epoch: 0,
            event: Some(event),
        }))
    }

    /// Events as they came in, to be sent again, each `None` if its payload is gone. Places and items are read together.
    pub(crate) async fn planned_events(
        &self,
        planned: &[Pending],
    ) -> Vec<Result<Option<Event>, AwsError>> {
        let places: BTreeSet<&ArchivePlace> = planned
            .iter()
            .filter_map(|one| one.place.as_ref())
            .collect();
        let read = places
            .into_iter()
            .map(|place| async move { Ok((place, self.archived_at(place).await?)) });
        let read: Vec<_> = read.collect();
        let keys: Vec<&str> = planned.iter().map(|one| one.key.as_str()).collect();
        let read: Result<_, AwsError> = try_join(try_join_all(read), self.ledger_items(keys)).await;
        let (at, items): (BTreeMap<_, Vec<Event>>, _) = match read {
            Ok((at, items)) => (at.into_iter().collect(), items),
            Err(error) => {
                let why = chain(&error);
                let failed = |_| Err(AwsError::new(error.operation, why.clone()));
                return planned.iter().map(failed).collect();
            }
        };
        let mut events = Vec::with_capacity(planned.len());
        for one in planned {
            let found = one.place.as_ref().and_then(|place| at.get(place));
            let mut found = found.into_iter().flatten();
            let event = found.find(|event| event.key.as_str() == one.key);
            let item = items.get(&one.key);
            let is_signed = |event: &&Event| item.is_none_or(|item| is_signed(item, event));
            events.push(match event.filter(is_signed) {
                Some(event) => Ok(Some(event.clone())),
                None => self.event_elsewhere(one).await,
            });
        }
        events
    }

    /// A planned event that is not at the place that its range named.
    async fn event_elsewhere(&self, planned: &Pending) -> Result<Option<Event>, AwsError> {
        let Some(key) = EventKey::parse(&planned.key) else {
            return Ok(None);
        };
        let stored = self.stored_event(&key, planned.place.as_ref()).await?;
        Ok(stored.and_then(|stored| stored.event))
    }

    /// The event of a ledger's item, as it was archived: where the item says, or else where it may be.
    async fn event_at(
        &self,
        key: &EventKey,
        item: &Attributes,
        place: Option<&ArchivePlace>,
    ) -> Result<Option<Event>, AwsError> {
        let source = text(item, SOURCE).unwrap_or_default();
        let noted = [ARCHIVED, PLACE].into_iter().filter_map(|name| {
            Some(ArchivePlace {
                source: source.to_owned(),
                place: text(item, name)?.to_owned(),
            })
        });
        for place in noted.chain(place.cloned()) {
            let event = self.archived(&place, key).await?;
            if let Some(event) = event.filter(|event| is_signed(item, event)) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// The item of an event that the ledger works on.
    async fn event_item(&self, key: &EventKey) -> Result<Option<Attributes>, AwsError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(PK, s(key.as_str()))
            .key(SK, s(EVENT))
            .consistent_read(true)
            .send()
            .await;
        Ok(found.or_failed("read the event")?.item)
    }

    /// The ledger's items of up to 100 events by their keys, as they are now.
    pub(crate) async fn ledger_items(
        &self,
        keys: impl IntoIterator<Item = &str>,
    ) -> Result<HashMap<String, Attributes>, AwsError> {
        const OPERATION: &str = "read events";
        let keys: HashSet<&str> = keys.into_iter().collect();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = keys
            .into_iter()
            .map(|key| [(PK.to_owned(), s(key)), (SK.to_owned(), s(EVENT))].into());
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .projection_expression(SUMMARY)
            .consistent_read(true)
            .build()
            .or_failed(OPERATION)?;
        let mut wanted = Some([(self.name.clone(), wanted)].into());
        let (mut items, mut wait) = (HashMap::new(), FIRST_WAIT);
        while let Some(request) = wanted.take() {
            let output = self
                .client
                .batch_get_item()
                .set_request_items(Some(request))
                .send()
                .await
                .or_failed(OPERATION)?;
            let read = output.responses.unwrap_or_default();
            let named = |item: Attributes| Some((text(&item, PK)?.to_owned(), item));
            items.extend(read.into_values().flatten().filter_map(named));
            wanted = output.unprocessed_keys.filter(|keys| !keys.is_empty());
            if wanted.is_some() {
                sleep(wait.mul_f64(fastrand::f64())).await;
                wait = (wait * 2).min(MAX_WAIT);
            }
        }
        Ok(items)
    }
}

/// A text; `None` for the empty one.
fn some_text(item: &Attributes, name: &str) -> Option<String> {
    let text = text(item, name).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

pub(crate) fn summary(item: &Attributes) -> Option<EventSummary> {
    let stored = stored_item(item)?;
    Some(EventSummary {
        key: some_text(item, PK)?,
        source: some_text(item, SOURCE)?,
        tenant: some_text(item, TENANT),
        event_id: some_text(item, EVENT_ID),
        event_type: some_text(item, EVENT_TYPE),
        received_at: rfc3339(number(item, RECEIVED)?),
        state: state(stored.state, item),
        attempts: number(item, CLAIMS).unwrap_or(0),
        epoch: stored.number.epoch,
        completed_at: number(item, COMPLETED).map(rfc3339),
        next_attempt_at: number(item, NEXT_ATTEMPT).map(rfc3339),
        target: some_text(item, TARGET),
        error: some_text(item, ERROR),
    })
}

/// An event that the ledger has forgotten: in no state, and never replayed.
pub(crate) fn forgotten(event: &Event) -> EventSummary {
    EventSummary {
        key: event.key.to_string(),
        source: event.source.clone(),
        tenant: event.tenant.clone(),
        event_id: event.id.clone(),
        event_type: event.event_type.clone(),
        state: EventState::Forgotten,
        attempts: 0,
        epoch: 0,
        received_at: rfc3339(unix_ms(event.received)),
        completed_at: None,
        next_attempt_at: None,
        target: None,
        error: None,
    }
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

/// True for the payload that was signed; another does not count.
fn is_signed(item: &Attributes, event: &Event) -> bool {
    bytes(item, BODY_SHA256) == Some(&event.body.sha256()[..])
}
