//! The ledger: what ingest and the processor write of an event, under the conditions of `hookgate-ledger`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use hookgate_ledger::{
    CLAIM, COMPLETE, ClaimDecision, Item, MARK_ENQUEUED, OWNED, RECORD, RecordDecision, State,
    on_claim, on_record,
};

use crate::error::OrFailed;
use crate::table::event_item::{
    BODY_SHA256, CLAIMS, EPOCH, EVENT_ID, EVENT_TYPE, LEASE_UNTIL, OWNER, RECEIVED, SOURCE, STATE,
    TENANT, claims_at,
};
use crate::table::{
    Attributes, DynamoTable, EXPIRES, LEDGER_RETENTION, PK, SK, b, bytes, expires_s, n, names,
    number, s, text, values,
};
use crate::{AwsError, Event, EventKey, Message, unix_ms};

/// The sort key of the item that the ledger works on.
pub(crate) const EVENT: &str = "event";

/// The longest error text that is stored, in bytes.
const MAX_ERROR: usize = 300;

/// A claim that a processor asks for.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest<'a> {
    /// The message that was received.
    pub message: &'a Message,
    /// The claimant; another text for every receipt of a message.
    pub owner: &'a str,
    /// How long the claim is to hold.
    pub lease_until: SystemTime,
    /// Now.
    pub now: SystemTime,
}

/// The answer to a [`ClaimRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The event is yours.
    Granted(Grant),
    /// It is finished, or a newer replay took over.
    Settled,
    /// Another processor holds it until then.
    Busy(SystemTime),
}

/// How often an event was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// At this epoch, since the event was last done or dead: 1 is the first.
    pub attempt: u32,
    /// In all.
    pub claims: u32,
}

/// A claim that was granted.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The event.
    pub event: &'a Event,
    /// The epoch it was claimed at.
    pub epoch: u32,
    /// The claimant.
    pub owner: &'a str,
    /// How often the event was claimed.
    pub grant: Grant,
}

impl DynamoTable {
    /// Records an event, unless it is known: the answer says which, by the ledger's rules.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record(&self, event: &Event, now: SystemTime) -> Result<RecordDecision, AwsError> {
        const OPERATION: &str = "record the event";
        let now_ms = unix_ms(now);
        let written = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(new_item(event, now)))
            .condition_expression(RECORD)
            .set_expression_attribute_names(Some(names(&[RECORD])))
            .expression_attribute_values(":now_s", n(now_ms / 1000))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let old = match written.map_err(|error| error.into_service_error()) {
            Ok(_) => return Ok(RecordDecision::New),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => failed.item,
            Err(error) => return Err(AwsError::new(OPERATION, error)),
        };
        let old = old.unwrap_or_default();
        let same_body = bytes(&old, BODY_SHA256) == Some(&event.body.sha256()[..]);
        match stored_item(&old).map(|item| on_record(Some(&item), same_body, now_ms)) {
            Some(RecordDecision::New) | None => Err(AwsError::new(OPERATION, CONTRADICTION)),
            Some(decision) => Ok(decision),
        }
    }

    /// Notes that a message of an event that was recorded earlier was sent. Doing it twice is harmless.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark_enqueued(&self, key: &EventKey, epoch: u32) -> Result<(), AwsError> {
        let update = self
            .update(key, MARK_ENQUEUED, "SET #st = :enqueued")
            .set_expression_attribute_values(Some(values([
                (":received", state(State::Received)),
                (":enqueued", state(State::Enqueued)),
                (":ep", n(epoch)),
            ])));
        unless_overtaken("mark the event as enqueued", update).await
    }

    /// Asks for the event of a message.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim(&self, request: ClaimRequest<'_>) -> Result<ClaimOutcome, AwsError> {
        let event = &request.message.event;
        let epoch = request.message.epoch;
        let mut claim = values([
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
        ]);
        claim.extend(described(event));
        let updated = self
            .update(&event.key, CLAIM, &claiming(epoch))
            .set_expression_attribute_values(Some(claim))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated.map_err(|error| error.into_service_error()) {
            Ok(output) => {
                let item = output.attributes.unwrap_or_default();
                Ok(ClaimOutcome::Granted(grant(&item, epoch)))
            }
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                refused(&failed.item.unwrap_or_default(), request)
            }
            Err(error) => Err(AwsError::new(CLAIM_THE_EVENT, error)),
        }
    }

    /// Notes that the effect happened.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complete(&self, claim: Claim<'_>, now: SystemTime) -> Result<(), AwsError> {
        let update = self
            .update(&claim.event.key, COMPLETE, &completion(claim.epoch))
            .set_expression_attribute_values(Some(completion_values(claim, now)));
        unless_overtaken("complete the event", update).await
    }

    /// Ends a claim after a failure that may pass. Without effect when the claim is lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release(&self, claim: Claim<'_>, error: &str) -> Result<(), AwsError> {
        let update = self
            .update(&claim.event.key, OWNED, "SET #lu = :zero, #err = :err")
            .set_expression_attribute_values(Some(values([
                (":processing", state(State::Processing)),
                (":me", s(claim.owner)),
                (":err", s(shortened(error))),
                (":zero", n(0)),
            ])));
        unless_overtaken("release the event", update).await
    }

    /// Notes that the event was given up; its message is already in the dead-letter queue. Without
    /// effect when the claim is lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark_dead(
        &self,
        claim: Claim<'_>,
        error: &str,
        now: SystemTime,
    ) -> Result<(), AwsError> {
        let set = format!(
            "SET #st = :dead, #err = :err, #t1 = :now REMOVE #own, #lu, #{}",
            claims_at(claim.epoch)
        );
        let update = self
            .update(&claim.event.key, OWNED, &set)
            .set_expression_attribute_values(Some(values([
                (":processing", state(State::Processing)),
                (":dead", state(State::Dead)),
                (":me", s(claim.owner)),
                (":err", s(shortened(error))),
                (":now", n(unix_ms(now))),
            ])));
        unless_overtaken("mark the event as dead", update).await
    }

    /// Ends the claim on an event, no matter which claimant holds it: for when the claimant is known to be dead.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_lease(&self, key: &EventKey) -> Result<(), AwsError> {
        let update = self
            .update(key, "#st = :processing", "SET #lu = :zero")
            .set_expression_attribute_values(Some(values([
                (":processing", state(State::Processing)),
                (":zero", n(0)),
            ])));
        unless_overtaken("end the lease", update).await
    }

    fn update(&self, key: &EventKey, condition: &str, update: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key(PK, s(key.as_str()))
            .key(SK, s(EVENT))
            .condition_expression(condition)
            .update_expression(update)
            .set_expression_attribute_names(Some(names(&[condition, update])))
    }
}

const CLAIM_THE_EVENT: &str = "claim the event";
const CONTRADICTION: &str = "the stored item contradicts the refusal";

/// The update that writes `Processing`, under the condition [`CLAIM`].
///
/// It counts the claim twice: in all, and at its epoch, so that a replay begins to count anew even while an
/// attempt of the epoch before waits. What was left of that epoch goes, and so does the time of an earlier end.
fn claiming(epoch: u32) -> String {
    let of_this = claims_at(epoch);
    let before = epoch.checked_sub(1).map(claims_at);
    let before = before.map_or_else(String::new, |name| format!(", #{name}"));
    format!(
        "SET #st = :processing, #ep = :ep, #own = :me, #lu = :lu, {DESCRIBE} \
         REMOVE #t1{before} ADD #att :one, #{of_this} :one"
    )
}

/// The update that writes `Done`, under the condition [`COMPLETE`].
pub(crate) fn completion(epoch: u32) -> String {
    let claims = claims_at(epoch);
    format!("SET #st = :done, #ep = :ep, #t1 = :now, {DESCRIBE} REMOVE #own, #lu, #err, #{claims}")
}

/// The values of [`completion`] and its condition.
pub(crate) fn completion_values(claim: Claim<'_>, now: SystemTime) -> Attributes {
    let mut completion = values([
        (":done", state(State::Done)),
        (":ep", n(claim.epoch)),
        (":now", n(unix_ms(now))),
    ]);
    completion.extend(described(claim.event));
    completion
}

/// Runs an update whose refusal means that another was there first, which is as good.
async fn unless_overtaken(
    operation: &'static str,
    update: UpdateItemFluentBuilder,
) -> Result<(), AwsError> {
    match update
        .send()
        .await
        .map_err(|error| error.into_service_error())
    {
        Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
        Err(error) => Err(error).or_failed(operation),
    }
}

fn refused(old: &Attributes, request: ClaimRequest<'_>) -> Result<ClaimOutcome, AwsError> {
    let epoch = request.message.epoch;
    let me = request.owner.to_owned();
    let decision =
        stored_item(old).map(|item| on_claim(Some(&item), epoch, &me, unix_ms(request.now)));
    match decision {
        Some(ClaimDecision::Settled) => Ok(ClaimOutcome::Settled),
        Some(ClaimDecision::Busy { until_ms }) => {
            let until = UNIX_EPOCH + Duration::from_millis(until_ms);
            Ok(ClaimOutcome::Busy(until))
        }
        Some(ClaimDecision::Granted) | None => Err(AwsError::new(CLAIM_THE_EVENT, CONTRADICTION)),
    }
}

fn grant(item: &Attributes, epoch: u32) -> Grant {
    Grant {
        attempt: number(item, &claims_at(epoch)).unwrap_or(1),
        claims: number(item, CLAIMS).unwrap_or(1),
    }
}

/// Sets what operators read, where it is not there: an item that was forgotten comes back whole.
const DESCRIBE: &str = "#exp = if_not_exists(#exp, :exp), #t0 = if_not_exists(#t0, :t0), \
    #src = if_not_exists(#src, :src), #bh = if_not_exists(#bh, :bh), \
    #ten = if_not_exists(#ten, :ten), #eid = if_not_exists(#eid, :eid), #typ = if_not_exists(#typ, :typ)";

/// The values of [`DESCRIBE`].
fn described(event: &Event) -> impl Iterator<Item = (String, AttributeValue)> {
    let expires = n(expires_s(event.received, LEDGER_RETENTION));
    let all = description(event).into_iter().chain([(EXPIRES, expires)]);
    all.map(|(name, value)| (format!(":{name}"), value))
}

/// The attributes that operators read. A tenant, id or type that an event has not is the empty text.
pub(crate) fn description(event: &Event) -> [(&'static str, AttributeValue); 6] {
    [
        (RECEIVED, n(unix_ms(event.received))),
        (SOURCE, s(&event.source)),
        (BODY_SHA256, b(event.body.sha256())),
        (TENANT, s(event.tenant.as_deref().unwrap_or_default())),
        (EVENT_ID, s(event.id.as_deref().unwrap_or_default())),
        (
            EVENT_TYPE,
            s(event.event_type.as_deref().unwrap_or_default()),
        ),
    ]
}

fn new_item(event: &Event, now: SystemTime) -> Attributes {
    let mut item = values([
        (PK, s(event.key.as_str())),
        (SK, s(EVENT)),
        (STATE, state(State::Received)),
        (EPOCH, n(0)),
        (EXPIRES, n(expires_s(now, LEDGER_RETENTION))),
    ]);
    item.extend(values(description(event)));
    item
}

/// The part of a stored item that the decisions need; `None` where it is not an event's.
pub(crate) fn stored_item(item: &Attributes) -> Option<Item<String>> {
    Some(Item {
        state: State::from_code(text(item, STATE)?)?,
        epoch: number(item, EPOCH)?,
        owner: text(item, OWNER).map(str::to_owned),
        lease_until_ms: number(item, LEASE_UNTIL).unwrap_or(0),
        expires_s: number(item, EXPIRES)?,
    })
}

fn state(state: State) -> AttributeValue {
    s(state.code())
}

pub(crate) fn shortened(error: &str) -> &str {
    &error[..error.floor_char_boundary(MAX_ERROR)]
}
