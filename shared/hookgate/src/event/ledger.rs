//! The ledger's decisions as DynamoDB conditions.
//!
//! Every condition says the same as the function of `hookgate-ledger` that is named beside it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ports::{ClaimRequest, Claimed, Claims, EventStore, Grant, Held, PortError};
use crate::{Body, Event, EventKey, unix_ms};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use hookgate_ledger::{Claim, Item, Record, State, on_claim, on_record};

use crate::attributes::{Attributes, b, bytes, n, number, s, text};
use crate::table::{DynamoTable, EXPIRES, LEDGER_RETENTION, PK, SK, expires_s};

/// The sort key of the item that the ledger works on.
pub(crate) const EVENT: &str = "event";

/// The longest error text that is kept, in bytes.
const MAX_ERROR: usize = 300;

/// `on_record`: nothing there, or only waiting for its deletion.
const RECORD: &str = "attribute_not_exists(pk) OR #exp < :now_s";

/// `may_mark_enqueued`.
const MARK: &str = "#st = :received AND #ep = :ep";

/// `on_claim`.
const CLAIM: &str = "attribute_not_exists(pk) \
    OR (#st IN (:received, :enqueued, :dead) AND #ep <= :ep) \
    OR (#st = :processing AND #ep <= :ep AND (#lu < :now OR #own = :me)) \
    OR (#st = :done AND #ep < :ep)";

/// `may_complete`.
pub(crate) const COMPLETE: &str = "attribute_not_exists(pk) \
    OR #ep < :ep OR (#ep = :ep AND #st <> :done)";

/// `may_release` and `may_bury`.
const MINE: &str = "#st = :processing AND #own = :me";

impl EventStore for DynamoTable {
    async fn record(&self, event: &Event<Body>, now: SystemTime) -> Result<Record, PortError> {
        let now_ms = unix_ms(now);
        let written = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(new_item(event, now)))
            .condition_expression(RECORD)
            .expression_attribute_names("#exp", EXPIRES)
            .expression_attribute_values(":now_s", n(now_ms / 1000))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let old = match written.map_err(|error| error.into_service_error()) {
            Ok(_) => return Ok(Record::New),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => failed.item,
            Err(error) => return Err(PortError::new("record the event", error)),
        };
        let old = old.unwrap_or_default();
        let same_body = bytes(&old, "bh") == Some(&event.body.sha256()[..]);
        match stored_item(&old).map(|item| on_record(Some(&item), same_body, now_ms)) {
            Some(Record::New) | None => Err(PortError::new(
                "record the event",
                "the stored item contradicts the refusal",
            )),
            Some(decision) => Ok(decision),
        }
    }

    async fn mark_enqueued(&self, key: &EventKey, epoch: u32) -> Result<(), PortError> {
        let update = self
            .update(key, MARK)
            .update_expression("SET #st = :enqueued")
            .expression_attribute_values(":received", state(State::Received))
            .expression_attribute_values(":enqueued", state(State::Enqueued))
            .expression_attribute_values(":ep", n(epoch))
            .expression_attribute_names("#st", "st")
            .expression_attribute_names("#ep", "ep");
        unless_overtaken("mark the event as enqueued", update).await
    }
}

impl Claims for DynamoTable {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, PortError> {
        let event = &request.message.event;
        let epoch = request.message.epoch;
        let (names, values) = description(event);
        let mut update = self
            .update(&event.key, CLAIM)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .update_expression(format!(
                "SET #st = :processing, #ep = :ep, #own = :me, #lu = :lu, {} ADD #att :one",
                DESCRIBE
            ))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, attribute) in [
            ("#st", "st"),
            ("#ep", "ep"),
            ("#own", "own"),
            ("#lu", "lu"),
            ("#att", "att"),
        ] {
            update = update.expression_attribute_names(name, attribute);
        }
        for (name, value) in [
            (":received", state(State::Received)),
            (":enqueued", state(State::Enqueued)),
            (":processing", state(State::Processing)),
            (":done", state(State::Done)),
            (":dead", state(State::Dead)),
            (":ep", n(epoch)),
            (":me", s(request.owner)),
            (":lu", n(unix_ms(request.lease_until))),
            (":now", n(unix_ms(request.now))),
            (":one", n(1)),
        ] {
            update = update.expression_attribute_values(name, value);
        }
        let old = match update
            .send()
            .await
            .map_err(|error| error.into_service_error())
        {
            Ok(output) => {
                return Ok(Claimed::Granted(grant(
                    &output.attributes.unwrap_or_default(),
                )));
            }
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item,
            Err(error) => return Err(PortError::new("claim the event", error)),
        };
        refused(&old.unwrap_or_default(), request)
    }

    async fn complete(&self, held: Held<'_>, now: SystemTime) -> Result<(), PortError> {
        let Completion {
            expression,
            names,
            values,
        } = completion(held, now);
        let update = self
            .update(&held.event.key, COMPLETE)
            .update_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        unless_overtaken("complete the event", update).await
    }

    async fn release(&self, held: Held<'_>, error: &str) -> Result<(), PortError> {
        let update = self
            .mine(held, error)
            .update_expression("SET #lu = :zero, #err = :err")
            .expression_attribute_names("#lu", "lu")
            .expression_attribute_values(":zero", n(0));
        unless_overtaken("release the event", update).await
    }

    async fn bury(&self, held: Held<'_>, error: &str, now: SystemTime) -> Result<(), PortError> {
        let update = self
            .mine(held, error)
            .update_expression(
                "SET #st = :dead, #err = :err, #t1 = :now, #base = :claims REMOVE #own, #lu",
            )
            .expression_attribute_names("#lu", "lu")
            .expression_attribute_names("#t1", "t1")
            .expression_attribute_names("#base", "base")
            .expression_attribute_values(":dead", state(State::Dead))
            .expression_attribute_values(":now", n(unix_ms(now)))
            .expression_attribute_values(":claims", n(held.grant.claims));
        unless_overtaken("bury the event", update).await
    }
}

impl DynamoTable {
    /// Ends the claim on an event, whoever holds it: for when the claimant is known to be dead.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_lease(&self, key: &EventKey) -> Result<(), PortError> {
        let update = self
            .update(key, "#st = :processing")
            .update_expression("SET #lu = :zero")
            .expression_attribute_names("#st", "st")
            .expression_attribute_names("#lu", "lu")
            .expression_attribute_values(":processing", state(State::Processing))
            .expression_attribute_values(":zero", n(0));
        unless_overtaken("end the lease", update).await
    }

    fn update(&self, key: &EventKey, condition: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key(PK, s(key.as_str()))
            .key(SK, s(EVENT))
            .condition_expression(condition)
    }

    fn mine(&self, held: Held<'_>, error: &str) -> UpdateItemFluentBuilder {
        self.update(&held.event.key, MINE)
            .expression_attribute_names("#st", "st")
            .expression_attribute_names("#own", "own")
            .expression_attribute_names("#err", "err")
            .expression_attribute_values(":processing", state(State::Processing))
            .expression_attribute_values(":me", s(held.owner))
            .expression_attribute_values(":err", s(shortened(error)))
    }
}

/// How `Done` is written, under the condition [`COMPLETE`].
pub(crate) struct Completion {
    pub(crate) expression: String,
    pub(crate) names: Names,
    pub(crate) values: Attributes,
}

pub(crate) fn completion(held: Held<'_>, now: SystemTime) -> Completion {
    let (mut names, mut values) = description(held.event);
    for name in ["st", "ep", "t1", "base", "own", "lu", "err"] {
        names.insert(format!("#{name}"), name.to_owned());
    }
    for (name, value) in [
        (":done", state(State::Done)),
        (":ep", n(held.epoch)),
        (":now", n(unix_ms(now))),
        (":claims", n(held.grant.claims)),
    ] {
        values.insert(name.to_owned(), value);
    }
    let expression = format!(
        "SET #st = :done, #ep = :ep, #t1 = :now, #base = :claims, {DESCRIBE} REMOVE #own, #lu, #err"
    );
    Completion {
        expression,
        names,
        values,
    }
}

/// Runs an update whose refusal means that somebody else was there first, which is as good.
async fn unless_overtaken(
    operation: &'static str,
    update: UpdateItemFluentBuilder,
) -> Result<(), PortError> {
    match update
        .send()
        .await
        .map_err(|error| error.into_service_error())
    {
        Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
        Err(error) => Err(PortError::new(operation, error)),
    }
}

fn refused(old: &Attributes, request: ClaimRequest<'_>) -> Result<Claimed, PortError> {
    let epoch = request.message.epoch;
    let me = request.owner.to_owned();
    let decision =
        stored_item(old).map(|item| on_claim(Some(&item), epoch, &me, unix_ms(request.now)));
    match decision {
        Some(Claim::Settled) => Ok(Claimed::Settled),
        Some(Claim::Busy { until_ms }) => {
            Ok(Claimed::Busy(UNIX_EPOCH + Duration::from_millis(until_ms)))
        }
        Some(Claim::Granted) | None => Err(PortError::new(
            "claim the event",
            "the stored item contradicts the refusal",
        )),
    }
}

fn grant(item: &Attributes) -> Grant {
    let claims: u32 = number(item, "att").unwrap_or(1);
    let before: u32 = number(item, "base").unwrap_or(0);
    Grant {
        attempt: claims.saturating_sub(before).max(1),
        claims,
    }
}

/// Sets what operators read, where it is not there: an item that was forgotten comes back whole.
const DESCRIBE: &str = "#exp = if_not_exists(#exp, :exp), #t0 = if_not_exists(#t0, :t0), \
    #src = if_not_exists(#src, :src), #bh = if_not_exists(#bh, :bh), \
    #ten = if_not_exists(#ten, :ten), #eid = if_not_exists(#eid, :eid), #typ = if_not_exists(#typ, :typ)";

type Names = std::collections::HashMap<String, String>;

fn description(event: &Event<Body>) -> (Names, Attributes) {
    let mut names = Names::new();
    let mut values = Attributes::new();
    let expires = n(expires_s(event.received, LEDGER_RETENTION));
    for (name, value) in describing(event).into_iter().chain([(EXPIRES, expires)]) {
        names.insert(format!("#{name}"), name.to_owned());
        values.insert(format!(":{name}"), value);
    }
    (names, values)
}

/// What operators read of an event. A tenant, id or type that it has not is the empty text.
fn describing(event: &Event<Body>) -> [(&'static str, aws_sdk_dynamodb::types::AttributeValue); 6] {
    [
        ("t0", n(unix_ms(event.received))),
        ("src", s(&event.source)),
        ("bh", b(event.body.sha256())),
        ("ten", s(event.tenant.as_deref().unwrap_or_default())),
        ("eid", s(event.id.as_deref().unwrap_or_default())),
        ("typ", s(event.event_type.as_deref().unwrap_or_default())),
    ]
}

fn new_item(event: &Event<Body>, now: SystemTime) -> Attributes {
    let mut item: Attributes = describing(event)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for (name, value) in [
        (PK, s(event.key.as_str())),
        (SK, s(EVENT)),
        ("st", state(State::Received)),
        ("ep", n(0)),
        (EXPIRES, n(expires_s(now, LEDGER_RETENTION))),
    ] {
        item.insert(name.to_owned(), value);
    }
    item
}

/// What the decisions need of a stored item; `None` where it is none of ours.
pub(crate) fn stored_item(item: &Attributes) -> Option<Item<String>> {
    Some(Item {
        state: State::from_code(text(item, "st")?)?,
        epoch: number(item, "ep")?,
        owner: text(item, "own").map(str::to_owned),
        lease_until_ms: number(item, "lu").unwrap_or(0),
        expires_s: number(item, EXPIRES)?,
    })
}

fn state(state: State) -> aws_sdk_dynamodb::types::AttributeValue {
    s(state.code())
}

fn shortened(error: &str) -> &str {
    let mut end = error.len().min(MAX_ERROR);
    while !error.is_char_boundary(end) {
        end -= 1;
    }
    &error[..end]
}
