//! The rules for an event's item, each beside the DynamoDB condition that says the same.
//!
//! In a condition `#st` stands for the attribute `st`: state, `ep` epoch, `own` owner, `lu` lease until (ms),
//! `exp` expiry (s). Its values: the states' codes under their names, `:ep` the caller's epoch, `:me` the caller,
//! `:now` the time in ms and `:now_s` in s. Tests hold each pair against each other on two engines.

use crate::{Item, State};

/// The meaning of a request that carries this event, seen by ingest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordDecision {
    /// Not seen before, or forgotten: record it, then send its message.
    New,
    /// Seen, and its message is known to be sent: nothing to do.
    Duplicate,
    /// Seen, but nothing proves that its message was sent: send it (again) at this epoch, then mark.
    SendAgain {
        /// The epoch of the stored item, which the message must carry.
        epoch: u32,
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
        State::Received | State::Processing => RecordDecision::SendAgain { epoch: old.epoch },
    }
}

/// [`on_record`] is [`RecordDecision::New`].
pub const RECORD: &str = "attribute_not_exists(pk) OR #exp < :now_s";

/// True where the marker "a message was sent" may be written: only over a record of the same epoch.
pub fn may_mark_enqueued<O>(old: Option<&Item<O>>, epoch: u32) -> bool {
    old.is_some_and(|item| item.state == State::Received && item.epoch == epoch)
}

/// [`may_mark_enqueued`].
pub const MARK_ENQUEUED: &str = "#st = :received AND #ep = :ep";

/// The right of a processor over a message's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimDecision {
    /// The event is yours: run the handler.
    Granted,
    /// It is finished, or a newer replay took over: acknowledge the message.
    Settled,
    /// Another invocation holds it: leave the message in the queue, and look again after this time.
    Busy {
        /// The end of the other's lease, in milliseconds since 1970.
        until_ms: u64,
    },
}

/// Decides whether the bearer of a message of `epoch` may handle the event.
///
/// A missing item does not matter: the message itself proves that the event was accepted.
pub fn on_claim<O: PartialEq>(
    old: Option<&Item<O>>,
    epoch: u32,
    me: &O,
    now_ms: u64,
) -> ClaimDecision {
    let Some(old) = old else {
        return ClaimDecision::Granted;
    };
    if old.epoch > epoch {
        return ClaimDecision::Settled;
    }
    match old.state {
        State::Received | State::Enqueued | State::Dead => ClaimDecision::Granted,
        State::Done if old.epoch < epoch => ClaimDecision::Granted,
        State::Done => ClaimDecision::Settled,
        State::Processing if old.lease_until_ms < now_ms || old.owner.as_ref() == Some(me) => {
            ClaimDecision::Granted
        }
        State::Processing => ClaimDecision::Busy {
            until_ms: old.lease_until_ms,
        },
    }
}

/// [`on_claim`] is [`ClaimDecision::Granted`].
pub const CLAIM: &str = "attribute_not_exists(pk) \
    OR (#st IN (:received, :enqueued, :dead) AND #ep <= :ep) \
    OR (#st = :processing AND #ep <= :ep AND (#lu < :now OR #own = :me)) \
    OR (#st = :done AND #ep < :ep)";

/// True where `Done` may be written after the handler succeeded.
///
/// An effect that happened is a fact, no matter which claimant holds the event by now: the write is not fenced, it
/// only never goes back to an older epoch. An older epoch's `Done` does not prevent it: it can be there
/// when the item was deleted while a replay was handled, and an older message then came late.
pub fn may_complete<O>(old: Option<&Item<O>>, epoch: u32) -> bool {
    old.is_none_or(|item| item.epoch < epoch || (item.epoch == epoch && item.state != State::Done))
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

/// Decides what happens to an event whose message of `epoch` is discarded.
///
/// The queue itself moves a message that was received too often. Its event is not dead then: it was never claimed, it
/// waits for an attempt, or its claimant died. `Dead` is safe there, because a late message may still claim it.
pub fn on_discard<O>(old: Option<&Item<O>>, epoch: u32, now_ms: u64) -> DiscardDecision {
    match old.filter(|item| item.epoch == epoch) {
        Some(item) if item.is_leased(now_ms) => DiscardDecision::Busy {
            until_ms: item.lease_until_ms,
        },
        Some(item) if item.state != State::Done => DiscardDecision::Dead,
        Some(_) | None => DiscardDecision::Settled,
    }
}

/// [`on_discard`] is [`DiscardDecision::Dead`].
pub const DISCARD: &str = "#ep = :ep AND (#st IN (:received, :enqueued, :dead) \
    OR (#st = :processing AND #lu < :now))";

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
