//! The rules for an event's item, each beside the DynamoDB condition that says the same.
//!
//! In a condition `#st` stands for the attribute `st`: state, `ep` and `sq` its number's epoch and place (absent: 0),
//! `own` owner, `lu` lease until (ms), `exp` expiry (s). Its values: the states' codes under their names, `:ep` and
//! `:sq` the caller's number, `:me` the caller, `:now` the time in ms and `:now_s` in s. Tests hold each pair against
//! each other on two engines.

use crate::{Item, Number, State};

/// The meaning of a request that carries this event, seen by ingest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordDecision {
    /// Not seen before, or forgotten: record it, then send its message.
    New,
    /// Seen, and its message is known to be sent: nothing to do.
    Duplicate,
    /// Seen, but nothing proves that its message was sent: send it (again) with this number, then mark.
    SendAgain {
        /// The number of the stored item, which the message must carry.
        number: Number,
    },
    /// The same event id came with another body: never a second effect under one id.
    PayloadMismatch,
}

/// Decides what a verified request means, given the item stored under its key.
pub fn on_record<O>(old: Option<&Item<O>>, same_body: bool, now_ms: u64) -> RecordDecision {
    let Some(old) = old.filter(|item| !item.is_expired(now_ms)) else {
        return RecordDecision::New;
    };
    if !same_body {
        return RecordDecision::PayloadMismatch;
    }
    match old.state {
        State::Enqueued | State::Done | State::Dead => RecordDecision::Duplicate,
        State::Processing if old.is_leased(now_ms) => RecordDecision::Duplicate,
        State::Received | State::Processing => RecordDecision::SendAgain { number: old.number },
    }
}

/// [`on_record`] is [`RecordDecision::New`].
pub const RECORD: &str = "attribute_not_exists(pk) OR #exp < :now_s";

/// True where the marker "a message was sent" may be written: only over a record of the same epoch.
pub fn may_mark_enqueued<O>(old: Option<&Item<O>>, epoch: u32) -> bool {
    old.is_some_and(|item| item.state == State::Received && item.number.epoch == epoch)
}

/// [`may_mark_enqueued`].
pub const MARK_ENQUEUED: &str = "#st = :received AND #ep = :ep";

/// The right of a processor over a message's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimDecision {
    /// The event is yours: run the handler.
    Granted,
    /// It is finished, or another message took over: acknowledge this one.
    Settled,
    /// Another invocation holds it: leave the message in the queue, and look again after this time.
    Busy {
        /// The end of the other's lease, in milliseconds since 1970.
        until_ms: u64,
    },
}

/// Decides whether the bearer of a message of this number may handle the event.
///
/// A missing item does not matter: the message itself proves that the event was accepted. A message with a lower number
/// than the item's is not needed: its successor is durable, or has ended the event.
pub fn on_claim<O: PartialEq>(
    old: Option<&Item<O>>,
    number: Number,
    me: &O,
    now_ms: u64,
) -> ClaimDecision {
    let Some(old) = old else {
        return ClaimDecision::Granted;
    };
    if old.number > number {
        return ClaimDecision::Settled;
    }
    match old.state {
        State::Received | State::Enqueued | State::Dead => ClaimDecision::Granted,
        State::Done if old.number.epoch < number.epoch => ClaimDecision::Granted,
        State::Done => ClaimDecision::Settled,
        State::Processing if !old.is_leased(now_ms) => ClaimDecision::Granted,
        // The claim is the caller's own: its reply was lost.
        State::Processing if old.owner.as_ref() == Some(me) && old.number == number => {
            ClaimDecision::Granted
        }
        State::Processing => ClaimDecision::Busy {
            until_ms: old.lease_until_ms,
        },
    }
}

/// [`on_claim`] is [`ClaimDecision::Granted`], and the caller does not hold the event already: a claim that is made
/// again because its reply was lost is not counted again.
pub const CLAIM: &str = "attribute_not_exists(pk) \
    OR ((#ep < :ep OR (#ep = :ep AND #st <> :done AND (attribute_not_exists(#sq) OR #sq <= :sq))) \
    AND (#st <> :processing OR #lu < :now))";

/// True where `Done` may be written after the handler succeeded.
///
/// An effect that happened is a fact, no matter which claimant holds the event by now: the write is not fenced, it
/// only never goes back to an older epoch. An older epoch's `Done` does not prevent it: it can be there
/// when the item was deleted while a replay was handled, and an older message then came late.
pub fn may_complete<O>(old: Option<&Item<O>>, epoch: u32) -> bool {
    old.is_none_or(|item| {
        let at = item.number.epoch;
        at < epoch || (at == epoch && item.state != State::Done)
    })
}

/// [`may_complete`].
pub const COMPLETE: &str = "attribute_not_exists(pk) OR #ep < :ep OR (#ep = :ep AND #st <> :done)";

/// True where a claim may be released after a transient failure: only by its owner.
pub fn may_release<O: PartialEq>(old: Option<&Item<O>>, me: &O) -> bool {
    old.is_some_and(|item| item.state == State::Processing && item.owner.as_ref() == Some(me))
}

/// True where `Dead` may be written, once the message is in the dead-letter queue: only by the owner.
pub fn may_dead_letter<O: PartialEq>(old: Option<&Item<O>>, me: &O) -> bool {
    may_release(old, me)
}

/// [`may_release`] and [`may_dead_letter`].
pub const OWNED: &str = "#st = :processing AND #own = :me";

/// The meaning of an operator's order to discard the message of an event that is in the dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiscardDecision {
    /// Nothing else will end the event: mark it as dead, then remove the message.
    Dead,
    /// The event is done, or not at the message's epoch: remove the message alone.
    Settled,
    /// An attempt is running, and may need the message: leave both, and look again after this time.
    Busy {
        /// The end of its lease, in milliseconds since 1970.
        until_ms: u64,
    },
}

/// Decides what happens to an event whose message of this number is discarded. One with a lower number than the item's
/// has a successor, which ends the event.
///
/// The queue itself moves a message that was received too often. Its event is not dead then: it was never claimed, it
/// waits for an attempt, or its claimant died. `Dead` is safe there, because a late message may still claim it.
pub fn on_discard<O>(old: Option<&Item<O>>, number: Number, now_ms: u64) -> DiscardDecision {
    let is_last = |item: &&Item<O>| item.number.epoch == number.epoch && item.number <= number;
    match old.filter(is_last) {
        Some(item) if item.is_leased(now_ms) => DiscardDecision::Busy {
            until_ms: item.lease_until_ms,
        },
        Some(item) if item.state != State::Done => DiscardDecision::Dead,
        Some(_) | None => DiscardDecision::Settled,
    }
}

/// [`on_discard`] is [`DiscardDecision::Dead`].
pub const DISCARD: &str = "#ep = :ep AND (attribute_not_exists(#sq) OR #sq <= :sq) \
    AND (#st IN (:received, :enqueued, :dead) OR (#st = :processing AND #lu < :now))";

/// True where a row of the outbox may be written over: only one with a lower number, whose successor this is. One with
/// the same number is as good, and may have another body, where nothing recorded which body came first.
pub fn may_replace_row(old: Option<Number>, number: Number) -> bool {
    old.is_none_or(|old| old < number)
}

/// [`may_replace_row`], where both are of one epoch.
pub const REPLACE_ROW: &str = "attribute_not_exists(#sq) OR #sq < :sq";

/// [`may_remove_row`], where both are of one epoch.
pub const REMOVE_ROW: &str = "attribute_not_exists(#sq) OR #sq = :sq";

/// True where a row may be removed after its message was sent: only as it was read. Meanwhile, whoever received that
/// message may have written the next one there.
pub fn may_remove_row(old: Option<Number>, sent: Number) -> bool {
    old.is_none_or(|old| old == sent)
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
