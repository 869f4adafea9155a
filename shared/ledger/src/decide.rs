use crate::{Item, State};

/// What a request means that carries this event, seen by ingest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// Not seen before, or forgotten: record it, then send its message.
    New,
    /// Seen, and a carrier is proven: nothing to do.
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
pub fn on_record<O>(old: Option<&Item<O>>, same_body: bool, now_ms: u64) -> Record {
    let Some(old) = old.filter(|item| !item.is_expired(now_ms)) else {
        return Record::New;
    };
    if !same_body {
        return Record::PayloadMismatch;
    }
    match old.state {
        State::Enqueued | State::Done | State::Dead => Record::Duplicate,
        State::Processing if old.is_leased(now_ms) => Record::Duplicate,
        State::Received | State::Processing => Record::SendAgain { epoch: old.epoch },
    }
}

/// Whether the marker "a message was sent" may be written: only over a record of the same epoch.
pub fn may_mark_enqueued<O>(old: Option<&Item<O>>, epoch: u32) -> bool {
    old.is_some_and(|item| item.state == State::Received && item.epoch == epoch)
}

/// What a processor may do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// The event is yours: run the handler.
    Granted,
    /// It is finished, or a newer replay took over: acknowledge the message.
    Settled,
    /// Somebody else holds it: leave the message, look again after this time.
    Busy {
        /// When the other's lease runs out, in milliseconds since 1970.
        until_ms: u64,
    },
}

/// Decides whether the bearer of a message of `epoch` may handle the event.
///
/// An item that is gone is no obstacle: the message itself proves that the event was accepted.
pub fn on_claim<O: PartialEq>(old: Option<&Item<O>>, epoch: u32, me: &O, now_ms: u64) -> Claim {
    let Some(old) = old else {
        return Claim::Granted;
    };
    if old.epoch > epoch {
        return Claim::Settled;
    }
    match old.state {
        State::Received | State::Enqueued | State::Dead => Claim::Granted,
        State::Done if old.epoch < epoch => Claim::Granted,
        State::Done => Claim::Settled,
        State::Processing if old.lease_until_ms < now_ms || old.owner.as_ref() == Some(me) => {
            Claim::Granted
        }
        State::Processing => Claim::Busy {
            until_ms: old.lease_until_ms,
        },
    }
}

/// Whether `Done` may be written after the handler succeeded.
///
/// An effect that happened is a fact, whoever holds the event by now: the write is not fenced, it
/// only never goes back to an older epoch. An older epoch's `Done` is no obstacle: it can be there
/// when the item was deleted while a replay was handled, and an older message then came late.
pub fn may_complete<O>(old: Option<&Item<O>>, epoch: u32) -> bool {
    old.is_none_or(|item| item.epoch < epoch || (item.epoch == epoch && item.state != State::Done))
}

/// Whether a claim may be given back after a transient failure: only by its owner.
pub fn may_release<O: PartialEq>(old: Option<&Item<O>>, me: &O) -> bool {
    old.is_some_and(|item| item.state == State::Processing && item.owner.as_ref() == Some(me))
}

/// Whether `Dead` may be written, once the message is in the dead-letter queue: only by the owner.
pub fn may_bury<O: PartialEq>(old: Option<&Item<O>>, me: &O) -> bool {
    may_release(old, me)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
