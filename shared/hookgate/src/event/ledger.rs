//! The ledger: what ingest and the processor write of an event, under the conditions of `hookgate-ledger`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use hookgate_api::EventState;
use hookgate_ledger::{
    CLAIM, COMPLETE, ClaimDecision, MARK_ENQUEUED, Number, OWNED, RECORD, RecordDecision, State,
    on_claim, on_record,
};

use crate::error::OrFailed;
use crate::event::history::{AttemptEnd, EndedAttempt, slot};
use crate::event::item::{
    DESCRIBE, EVENT, described, new_item, replay_at, shortened, state, stored_item,
};
use crate::event::unwell::{LIST, UNLIST, listed};
use crate::table::event_item::{
    ARCHIVED, BEGAN_BEFORE, BODY_SHA256, CLAIMS, claims_at, failed_first_at,
};
use crate::table::{Attributes, DynamoTable, PK, SK, bytes, n, names, number, s, values};
use crate::{AwsError, Event, EventKey, Message, unix_ms};

/// A processor's request for a claim.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest<'a> {
    /// The message that was received.
    pub message: &'a Message,
    /// The claimant; another text for every receipt of a message.
    pub owner: &'a str,
    /// The end of the lease.
    pub lease_until: SystemTime,
    /// The place in the archive where the event is about to be written; `None` if there is no archive.
    pub place: Option<&'a str>,
    /// Now.
    pub now: SystemTime,
}

/// The response to a [`ClaimRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The event is yours.
    Granted(Grant),
    /// It is finished, or a newer replay took over.
    Settled,
    /// The event that is known under this key has another body, and that one counts.
    OtherBody,
    /// Another processor holds it until then.
    Busy(SystemTime),
}

/// The number of times that an event was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// At this epoch, since the event was last done or dead: 1 is the first.
    pub attempt: u32,
    /// In all.
    pub claims: u32,
    /// The time of the claim before; of this one, where it is the first.
    pub previous: SystemTime,
    /// True if the ledger knows where the event is in the archive.
    pub is_archived: bool,
    /// The time of the first failure at this epoch, since the event was last done or dead.
    pub failed_first: Option<SystemTime>,
}

/// A claim that was granted.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The event.
    pub event: &'a Event,
    /// The number of the message that claimed it.
    pub number: Number,
    /// The claimant.
    pub owner: &'a str,
    /// The number of times that the event was claimed.
    pub grant: Grant,
    /// The time of the claim.
    pub began: SystemTime,
    /// The target that the event is for; `None` if no route takes it.
    pub target: Option<&'a str>,
    /// The place in the archive where the event was written under this claim; `None` if it was not.
    pub archived: Option<&'a str>,
}

/// The failure of an attempt that another follows.
#[derive(Clone, Copy, Debug)]
pub struct Retry<'a> {
    /// The reason.
    pub error: &'a str,
    /// The time of the next attempt.
    pub next: SystemTime,
    /// The number of its message, which is durable; that of the claim, where its own message comes again.
    pub number: Number,
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
        let Number { epoch, seq } = request.message.number;
        let mut claim = values([
            (":processing", state(State::Processing)),
            (":done", state(State::Done)),
            (":ep", n(epoch)),
            (":sq", n(seq)),
            (":me", s(request.owner)),
            (":lu", n(unix_ms(request.lease_until))),
            (":now", n(unix_ms(request.now))),
            (":one", n(1)),
        ]);
        claim.extend(described(event));
        if let Some(place) = request.place {
            claim.insert(":at".to_owned(), s(place));
        }
        if let Some(replay) = &request.message.replay {
            claim.insert(":rp".to_owned(), s(replay_at(epoch, replay)));
        }
        let condition = format!("({CLAIM}) AND {SAME_BODY}");
        let updated = self
            .update(&event.key, &condition, &claiming(request))
            .set_expression_attribute_values(Some(claim))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated.map_err(|error| error.into_service_error()) {
            Ok(output) => {
                let item = output.attributes.unwrap_or_default();
                Ok(ClaimOutcome::Granted(grant(&item, request)))
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
            .update(&claim.event.key, COMPLETE, &completion(claim))
            .set_expression_attribute_values(Some(completion_values(claim, now)));
        unless_overtaken("complete the event", update).await
    }

    /// Ends a claim after a failure that may pass. Without effect when the claim is lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release(
        &self,
        claim: Claim<'_>,
        retry: Retry<'_>,
        now: SystemTime,
    ) -> Result<(), AwsError> {
        let (slot, arc) = (slot(claim.grant.claims), confirming(claim));
        let failed = failed_first_at(claim.number.epoch);
        let set = format!(
            "SET #lu = :zero, #sq = :sq, #err = :err, #nx = :nx, #{slot} = :entry, \
             #{failed} = if_not_exists(#{failed}, :now), {arc}{LIST} REMOVE #at"
        );
        let entry = entry(claim, AttemptEnd::Failed, retry.error, now);
        let mut release = waiting(claim, retry);
        release.insert(":entry".to_owned(), entry);
        release.insert(":sq".to_owned(), n(retry.number.seq));
        release.insert(":now".to_owned(), n(unix_ms(now)));
        let update = self
            .update(&claim.event.key, OWNED, &set)
            .set_expression_attribute_values(Some(release));
        unless_overtaken("release the event", update).await
    }

    /// Ends a claim whose target was not run, and uncounts it. Without effect when the claim is lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_back(&self, claim: Claim<'_>, retry: Retry<'_>) -> Result<(), AwsError> {
        let (claims, arc) = (claims_at(claim.number.epoch), confirming(claim));
        // Without its owner, the claim cannot be uncounted twice. The place in the archive stays noted: a write that
        // was not answered may have been done.
        let set = format!(
            "SET #lu = :zero, #err = :err, #nx = :nx, {arc}{LIST} \
             REMOVE #own ADD #att :less, #{claims} :less"
        );
        let mut back = waiting(claim, retry);
        back.insert(":less".to_owned(), n(-1));
        let update = self
            .update(&claim.event.key, OWNED, &set)
            .set_expression_attribute_values(Some(back));
        unless_overtaken("give the event back", update).await
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
        let (slot, claims) = (slot(claim.grant.claims), claims_at(claim.number.epoch));
        let (arc, failed) = (confirming(claim), failed_first_at(claim.number.epoch));
        let set = format!(
            "SET #st = :dead, #err = :err, #t1 = :now, #{slot} = :entry, {arc}{LIST} \
             REMOVE #own, #lu, #at, #{claims}, #{failed}"
        );
        let mut end = values([
            (":processing", state(State::Processing)),
            (":dead", state(State::Dead)),
            (":me", s(claim.owner)),
            (":err", s(shortened(error))),
            (":now", n(unix_ms(now))),
            (":entry", entry(claim, AttemptEnd::GivenUp, error, now)),
        ]);
        end.extend(listed(EventState::Dead, claim.event));
        end.extend(confirmed(claim));
        let update = self
            .update(&claim.event.key, OWNED, &set)
            .set_expression_attribute_values(Some(end));
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

/// The body that the ledger knows counts. Ingest compares it where it records events; where it sends them first, only
/// the claim can.
const SAME_BODY: &str = "(attribute_not_exists(#bh) OR #bh = :bh)";

const CLAIM_THE_EVENT: &str = "claim the event";
const CONTRADICTION: &str = "the stored item contradicts the refusal";

/// The update that writes `Processing`, under the condition [`CLAIM`].
///
/// It counts the claim twice: in all, and at its epoch, so that a replay begins to count anew even while an
/// attempt of the epoch before waits. What was left of that epoch goes, and so does what was noted of an earlier end
/// or of the wait for this attempt.
fn claiming(request: ClaimRequest<'_>) -> String {
    let epoch = request.message.number.epoch;
    let replay = request.message.replay.as_ref();
    let replay = replay.map_or("", |_| "#rp = :rp, ");
    let place = request.place.map_or("", |_| "#at = :at, ");
    let of_this = claims_at(epoch);
    let before = epoch.checked_sub(1);
    let before = before.map_or_else(String::new, |before| {
        format!(", #{}, #{}", claims_at(before), failed_first_at(before))
    });
    format!(
        "SET #st = :processing, #ep = :ep, #sq = :sq, #own = :me, #lu = :lu, \
         #t3 = if_not_exists(#t2, :now), #t2 = :now, {replay}{place}{DESCRIBE} \
         REMOVE #t1, #tgt, #nx{before} ADD #att :one, #{of_this} :one"
    )
}

/// The update that writes `Done`, under the condition [`COMPLETE`].
pub(crate) fn completion(claim: Claim<'_>) -> String {
    let (slot, claims) = (slot(claim.grant.claims), claims_at(claim.number.epoch));
    let (arc, failed) = (confirming(claim), failed_first_at(claim.number.epoch));
    let (list, unlist) = match claim.target {
        Some(_) => (String::new(), format!(", {UNLIST}")),
        None => (format!("{LIST}, "), String::new()),
    };
    format!(
        "SET #st = :done, #ep = :ep, #t1 = :now, #tgt = :tgt, #{slot} = :entry, {arc}{list}{DESCRIBE} \
         REMOVE #own, #lu, #err, #nx, #at, #{claims}, #{failed}{unlist}"
    )
}

/// The values of [`completion`] and its condition.
pub(crate) fn completion_values(claim: Claim<'_>, now: SystemTime) -> Attributes {
    let end = match claim.target {
        Some(_) => AttemptEnd::Handled,
        None => AttemptEnd::Unhandled,
    };
    let mut completion = values([
        (":done", state(State::Done)),
        (":ep", n(claim.number.epoch)),
        (":now", n(unix_ms(now))),
        (":tgt", s(claim.target.unwrap_or_default())),
        (":entry", entry(claim, end, "", now)),
    ]);
    completion.extend(described(claim.event));
    completion.extend(confirmed(claim));
    if claim.target.is_none() {
        completion.extend(listed(EventState::Unhandled, claim.event));
    }
    completion
}

/// The values of an update that ends a claim which another follows.
fn waiting(claim: Claim<'_>, retry: Retry<'_>) -> Attributes {
    let mut waiting = values([
        (":processing", state(State::Processing)),
        (":me", s(claim.owner)),
        (":err", s(shortened(retry.error))),
        (":nx", n(unix_ms(retry.next))),
        (":zero", n(0)),
    ]);
    waiting.extend(listed(EventState::Waiting, claim.event));
    waiting.extend(confirmed(claim));
    waiting
}

/// Notes where the event is in the archive, if it was written there. The first such note stays.
fn confirming(claim: Claim<'_>) -> &'static str {
    claim
        .archived
        .map_or("", |_| "#arc = if_not_exists(#arc, :arc), ")
}

/// The value of [`confirming`].
fn confirmed(claim: Claim<'_>) -> Option<(String, AttributeValue)> {
    claim.archived.map(|place| (":arc".to_owned(), s(place)))
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

/// The response to a claim that the condition refused. A claimant that is told that it holds the event already made the
/// claim itself, in a request whose reply was lost.
fn refused(old: &Attributes, request: ClaimRequest<'_>) -> Result<ClaimOutcome, AwsError> {
    let body = bytes(old, BODY_SHA256);
    if body.is_some_and(|body| body != request.message.event.body.sha256()) {
        return Ok(ClaimOutcome::OtherBody);
    }
    let number = request.message.number;
    let me = request.owner.to_owned();
    let item = stored_item(old);
    let is_leased = item
        .as_ref()
        .is_some_and(|item| item.is_leased(unix_ms(request.now)));
    let decision = item.map(|item| on_claim(Some(&item), number, &me, unix_ms(request.now)));
    match decision {
        Some(ClaimDecision::Settled) => Ok(ClaimOutcome::Settled),
        Some(ClaimDecision::Busy { until_ms }) => {
            let until = UNIX_EPOCH + Duration::from_millis(until_ms);
            Ok(ClaimOutcome::Busy(until))
        }
        Some(ClaimDecision::Granted) if is_leased => Ok(ClaimOutcome::Granted(grant(old, request))),
        Some(ClaimDecision::Granted) | None => Err(AwsError::new(CLAIM_THE_EVENT, CONTRADICTION)),
    }
}

fn grant(item: &Attributes, request: ClaimRequest<'_>) -> Grant {
    let time = |name: &str| number(item, name).map(|ms| UNIX_EPOCH + Duration::from_millis(ms));
    let epoch = request.message.number.epoch;
    Grant {
        attempt: number(item, &claims_at(epoch)).unwrap_or(1),
        claims: number(item, CLAIMS).unwrap_or(1),
        previous: time(BEGAN_BEFORE).unwrap_or(request.now),
        failed_first: time(&failed_first_at(epoch)),
        is_archived: item.contains_key(ARCHIVED),
    }
}

/// The entry in the history of a claim that ends now.
fn entry(claim: Claim<'_>, end: AttemptEnd, reason: &str, now: SystemTime) -> AttributeValue {
    let began_ms = unix_ms(claim.began);
    let entry = EndedAttempt {
        number: claim.grant.claims,
        epoch: claim.number.epoch,
        end,
        began_ms,
        took_ms: unix_ms(now).saturating_sub(began_ms),
        previous_ms: unix_ms(claim.grant.previous),
        target: claim.target.unwrap_or_default().into(),
        reason: reason.into(),
    };
    s(entry.to_json())
}
