use hookgate_ledger::{Item, Number, State as Is};

use super::budget::Budget;

/// Epochs are 0, 1 and 2 here.
pub(super) const EPOCHS: usize = 3;

/// The number of carriers that one epoch can have.
pub(super) const SEQS: u8 = 4;

/// All numbers: those of epoch 0 come first.
const NUMBERS: usize = EPOCHS * SEQS as usize;

/// The first number of an epoch.
pub(super) fn first_of(epoch: u8) -> u8 {
    epoch * SEQS
}

/// The epoch of a number.
pub(super) fn epoch_of(number: u8) -> u8 {
    number / SEQS
}

/// A number as the ledger's decisions want it.
pub(super) fn number(number: u8) -> Number {
    Number {
        epoch: epoch_of(number).into(),
        seq: (number % SEQS).into(),
    }
}

/// A number of the ledger's decisions.
pub(super) fn small(number: Number) -> u8 {
    let small = number.epoch * u32::from(SEQS) + number.seq;
    u8::try_from(small).expect("the model's numbers are small")
}

/// The model's time, and leases before and after it.
pub(super) const NOW_MS: u64 = 10_000;
const LIVE_MS: u64 = 20_000;
const LAPSED_MS: u64 = 0;
const EXPIRES_S: u64 = 1_000_000;

/// Owns a claim and is dead, or works at something else: equal to no process.
pub(super) const NOBODY: u8 = 9;

/// The event's item, small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Stored {
    pub(super) is: Is,
    pub(super) number: u8,
    pub(super) owner: Option<u8>,
    pub(super) leased: bool,
}

impl Stored {
    /// The item as the ledger's decisions want it.
    pub(super) fn item(self) -> Item<u8> {
        Item {
            state: self.is,
            number: number(self.number),
            owner: self.owner,
            lease_until_ms: if self.leased { LIVE_MS } else { LAPSED_MS },
            expires_s: EXPIRES_S,
        }
    }
}

/// An ingest and the call that it makes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Ingest {
    #[default]
    Idle,
    Record,
    /// `marks`: a redelivery proved that the message was not known to be sent.
    Send {
        number: u8,
        marks: bool,
    },
    AddToOutbox {
        number: u8,
        marks: bool,
    },
    Mark {
        number: u8,
    },
}

/// A processor, its message, and the call that it makes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Processor {
    #[default]
    Idle,
    Claim(u8, Receipt),
    /// The handler runs.
    Handle(u8, Receipt),
    /// The handler's effect happened.
    Complete(u8, Receipt),
    /// The handler failed: the next message is sent.
    SendNext(u8, Receipt),
    /// The next message is written down, to be sent by the sweeper.
    KeepNext(u8, Receipt),
    /// The next message is durable: the failure is noted.
    Note(u8, Receipt),
    /// There is no next message: the claim ends, and this one comes again.
    Release(u8, Receipt),
    /// The event's route is paused: the next message is written down without a claim.
    Hold(u8, Receipt),
    SendDeadLetter(u8, Receipt),
    DeadLetter(u8, Receipt),
    Acknowledge(u8, Receipt),
}

impl Processor {
    /// The message that it holds.
    pub(super) fn message(self) -> Option<(u8, Receipt)> {
        match self {
            Processor::Idle => None,
            Processor::Claim(number, receipt)
            | Processor::Handle(number, receipt)
            | Processor::Complete(number, receipt)
            | Processor::SendNext(number, receipt)
            | Processor::KeepNext(number, receipt)
            | Processor::Note(number, receipt)
            | Processor::Release(number, receipt)
            | Processor::Hold(number, receipt)
            | Processor::SendDeadLetter(number, receipt)
            | Processor::DeadLetter(number, receipt)
            | Processor::Acknowledge(number, receipt) => Some((number, receipt)),
        }
    }

    pub(super) fn receipt_mut(&mut self) -> Option<&mut Receipt> {
        match self {
            Processor::Idle => None,
            Processor::Claim(_, receipt)
            | Processor::Handle(_, receipt)
            | Processor::Complete(_, receipt)
            | Processor::SendNext(_, receipt)
            | Processor::KeepNext(_, receipt)
            | Processor::Note(_, receipt)
            | Processor::Release(_, receipt)
            | Processor::Hold(_, receipt)
            | Processor::SendDeadLetter(_, receipt)
            | Processor::DeadLetter(_, receipt)
            | Processor::Acknowledge(_, receipt) => Some(receipt),
        }
    }

    /// True if it works under a claim.
    pub(super) fn works(self) -> bool {
        !matches!(
            self,
            Processor::Idle
                | Processor::Claim(..)
                | Processor::Hold(..)
                | Processor::Acknowledge(..)
        )
    }
}

/// The validity of a processor's receipt handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Receipt {
    /// The message is its own until it gives it back.
    Fresh,
    /// The message became visible again: another may have it too.
    Stale,
    /// Another removed the message.
    Gone,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Sweeper {
    #[default]
    Idle,
    Send(u8),
    Remove(u8),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Operator {
    #[default]
    Idle,
    /// Read the event's epoch; will send this one.
    Send(u8),
}

/// Everything that is, and what was promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) item: Option<Stored>,
    pub(super) ingests: [Ingest; 2],
    pub(super) processors: [Processor; 2],
    pub(super) sweeper: Sweeper,
    pub(super) operator: Operator,
    /// Messages by number: visible in the queue, in flight with no one, in the dead-letter queue.
    pub(super) visible: [u8; NUMBERS],
    pub(super) lost: [u8; NUMBERS],
    pub(super) dead_letters: [u8; NUMBERS],
    /// The outbox: one row an epoch, with its number.
    pub(super) outbox: [Option<u8>; EPOCHS],
    /// A request was answered with a 2xx.
    pub(super) accepted: bool,
    /// The newest epoch of a replay that was answered with 202.
    pub(super) replayed: u8,
    /// Effects happened, up to this epoch.
    pub(super) effect: Option<u8>,
    /// The number of further effects that are allowed: one, and one for each reason for another.
    pub(super) credit: i8,
    /// True if a clock was wrong or an item was deleted, so that two handlers at a time are allowed.
    pub(super) excused: bool,
    /// The dead-letter queue forgot a message of the event.
    pub(super) forgotten: bool,
    /// A message was acknowledged too early.
    pub(super) early: bool,
    /// A message was handled though its successor was noted.
    pub(super) overtaken: bool,
    /// The rest of the budget.
    pub(super) left: Budget,
}

impl State {
    pub(super) fn new(budget: Budget) -> State {
        State {
            credit: 1,
            left: budget,
            ..State::default()
        }
    }

    pub(super) fn item(&self) -> Option<Item<u8>> {
        self.item.map(Stored::item)
    }

    /// The messages of an epoch or a later one, wherever something brings them back.
    pub(super) fn carriers(&self, epoch: u8) -> usize {
        self.carriers_from(first_of(epoch))
    }

    /// The messages of a number or a later one.
    pub(super) fn carriers_from(&self, number: u8) -> usize {
        let from = usize::from(number);
        let count = |places: &[u8; NUMBERS]| -> usize {
            places[from..].iter().map(|n| usize::from(*n)).sum()
        };
        let held = self.processors.iter().filter_map(|p| p.message());
        let held = held.filter(|(of, receipt)| *of >= number && *receipt == Receipt::Fresh);
        let stored = self.outbox.iter().flatten().filter(|of| **of >= number);
        count(&self.visible)
            + count(&self.lost)
            + count(&self.dead_letters)
            + held.count()
            + stored.count()
    }

    /// True if the owner of the claim still works under it.
    pub(super) fn owner_works(&self) -> bool {
        let owner = self.item.and_then(|item| item.owner);
        let mut processors = self.processors.iter().enumerate();
        processors.any(|(slot, p)| p.works() && owner == Some(name(slot)))
    }

    /// The same for every order of the ingests and processors, which are alike.
    #[must_use]
    pub(super) fn sorted(mut self) -> State {
        self.ingests.sort_unstable();
        let owner = self.item.and_then(|item| item.owner);
        let rank = |slot: usize| (self.processors[slot], owner == Some(name(slot)));
        if rank(1) < rank(0) {
            self.processors.swap(0, 1);
            if let Some(item) = &mut self.item {
                item.owner = match owner {
                    Some(1) => Some(2),
                    Some(2) => Some(1),
                    other => other,
                };
            }
        }
        self
    }
}

/// The name of a processor in a claim.
pub(super) fn name(slot: usize) -> u8 {
    if slot == 0 { 1 } else { 2 }
}
