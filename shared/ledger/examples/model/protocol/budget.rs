use std::fmt;

use super::Mutation;

/// An event outside the functions' control, whose number is limited by the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// The provider sends its request: the first time, again, or while the first is answered.
    Send,
    /// A process dies before or after a call, or while a handler runs.
    Crash,
    /// A call fails, with or without its effect.
    Failure,
    /// A message is delivered and stays visible, or is delivered to no one, or becomes visible while
    /// its processor lives.
    Delivery,
    /// A lease runs out for others while its owner still works: clocks differ.
    Skew,
    /// The event's item is deleted.
    Deletion,
    /// A handler fails, and may succeed later.
    Transient,
    /// A handler fails for good, or for the last time.
    Permanent,
    /// A dead letter goes back to the queue: by the operator, or by the console.
    Redrive,
    /// The queue moves a message to the dead-letter queue by itself.
    GiveUp,
    /// The operator has the event replayed.
    Replay,
    /// The dead-letter queue forgets a message that no one redrove in time.
    Expiry,
    /// A message is received while its event's route is paused, or seems to be.
    Hold,
}

impl Fault {
    /// All of them, in the order of [`Budget`].
    pub(crate) const ALL: [Fault; 13] = [
        Fault::Send,
        Fault::Crash,
        Fault::Failure,
        Fault::Delivery,
        Fault::Skew,
        Fault::Deletion,
        Fault::Transient,
        Fault::Permanent,
        Fault::Redrive,
        Fault::GiveUp,
        Fault::Replay,
        Fault::Expiry,
        Fault::Hold,
    ];

    fn name(self) -> &'static str {
        match self {
            Fault::Send => "requests",
            Fault::Crash => "crashes",
            Fault::Failure => "failed calls",
            Fault::Delivery => "odd deliveries",
            Fault::Skew => "clock skews",
            Fault::Deletion => "deletions",
            Fault::Transient => "transient errors",
            Fault::Permanent => "permanent errors",
            Fault::Redrive => "redrives",
            Fault::GiveUp => "moves by the queue",
            Fault::Replay => "replays",
            Fault::Expiry => "dead letters forgotten",
            Fault::Hold => "messages held",
        }
    }
}

/// The number of times that each fault may happen, in the order of [`Fault::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Budget([u8; 13]);

impl Budget {
    /// So many requests and nothing else.
    pub(crate) const fn requests(count: u8) -> Budget {
        let mut counts = [0; 13];
        counts[Fault::Send as usize] = count;
        Budget(counts)
    }

    /// The same with so many of a fault.
    #[must_use]
    pub(crate) const fn with(mut self, fault: Fault, count: u8) -> Budget {
        self.0[fault as usize] = count;
        self
    }

    pub(super) fn left(&self, fault: Fault) -> u8 {
        self.0[fault as usize]
    }

    /// Takes one; `None` if none is left.
    pub(super) fn take(mut self, fault: Fault) -> Option<Budget> {
        let count = &mut self.0[fault as usize];
        *count = count.checked_sub(1)?;
        Some(self)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = Fault::ALL.into_iter().filter(|fault| self.left(*fault) > 0);
        let given: Vec<String> = given
            .map(|fault| format!("{} {}", self.left(fault), fault.name()))
            .collect();
        f.write_str(&given.join(", "))
    }
}

/// The budgets of the test. Together they cover everything, each with what matters to it.
pub(crate) const BUDGETS: [Budget; 7] = [
    Budget::requests(4)
        .with(Fault::Crash, 3)
        .with(Fault::Failure, 3),
    Budget::requests(2)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Delivery, 3)
        .with(Fault::Skew, 1),
    Budget::requests(2)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Deletion, 2)
        .with(Fault::Replay, 1),
    Budget::requests(2)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Transient, 1)
        .with(Fault::Permanent, 1)
        .with(Fault::Redrive, 1)
        .with(Fault::GiveUp, 1),
    Budget::requests(1)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Delivery, 1)
        .with(Fault::Replay, 2),
    Budget::requests(2)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Permanent, 1)
        .with(Fault::Redrive, 1)
        .with(Fault::GiveUp, 1)
        .with(Fault::Replay, 1)
        .with(Fault::Expiry, 1),
    Budget::requests(1)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Delivery, 1)
        .with(Fault::Transient, 2)
        .with(Fault::Hold, 1),
];

/// The budgets of the full search, which takes minutes and gigabytes.
pub(crate) const FULL: [Budget; 6] = [
    Budget::requests(4)
        .with(Fault::Crash, 3)
        .with(Fault::Failure, 3),
    Budget::requests(3)
        .with(Fault::Crash, 2)
        .with(Fault::Failure, 1)
        .with(Fault::Delivery, 3)
        .with(Fault::Skew, 1),
    Budget::requests(3)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Deletion, 2)
        .with(Fault::Replay, 1),
    Budget::requests(2)
        .with(Fault::Crash, 2)
        .with(Fault::Failure, 2)
        .with(Fault::Transient, 2)
        .with(Fault::Permanent, 2)
        .with(Fault::Redrive, 2)
        .with(Fault::GiveUp, 1),
    Budget::requests(2)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Delivery, 1)
        .with(Fault::Deletion, 1)
        .with(Fault::Permanent, 1)
        .with(Fault::Redrive, 1)
        .with(Fault::Replay, 1),
    Budget::requests(3)
        .with(Fault::Crash, 1)
        .with(Fault::Failure, 1)
        .with(Fault::Permanent, 1)
        .with(Fault::Redrive, 1)
        .with(Fault::GiveUp, 1)
        .with(Fault::Replay, 1)
        .with(Fault::Expiry, 1),
];

/// A little of everything: enough for a broken rule to show by a short way.
const TELLING: Budget = Budget::requests(2)
    .with(Fault::Crash, 1)
    .with(Fault::Failure, 2)
    .with(Fault::Delivery, 1)
    .with(Fault::Deletion, 1)
    .with(Fault::Permanent, 1)
    .with(Fault::Redrive, 1)
    .with(Fault::Replay, 1);

/// A budget in which a late message from before a replay can do harm, which takes many steps.
const TELLING_OF_EPOCHS: Budget = Budget::requests(1)
    .with(Fault::Crash, 1)
    .with(Fault::Failure, 1)
    .with(Fault::Delivery, 1)
    .with(Fault::Replay, 1);

/// Room for two ingests that die in turn.
const TELLING_OF_CRASHES: Budget = Budget::requests(3).with(Fault::Crash, 2);

/// A redelivery that has the only message, after a replay that no one can finish any more.
const TELLING_OF_EXPIRY: Budget = Budget::requests(2)
    .with(Fault::Crash, 1)
    .with(Fault::GiveUp, 1)
    .with(Fault::Replay, 1)
    .with(Fault::Expiry, 1);

/// An event whose attempts fail, and whose route is paused now and then.
const TELLING_OF_RETRIES: Budget = Budget::requests(1)
    .with(Fault::Crash, 1)
    .with(Fault::Failure, 1)
    .with(Fault::Delivery, 1)
    .with(Fault::Skew, 1)
    .with(Fault::Transient, 2)
    .with(Fault::Hold, 2);

/// A redelivery that has the only message, after a failure whose next attempt no one can make any more.
const TELLING_OF_FORGOTTEN_RETRIES: Budget = Budget::requests(2)
    .with(Fault::Transient, 1)
    .with(Fault::GiveUp, 1)
    .with(Fault::Expiry, 1);

impl Mutation {
    /// In which the broken rule shows.
    pub(crate) fn budget(self) -> Budget {
        match self {
            Mutation::StaleEpochClaims => TELLING_OF_EPOCHS,
            Mutation::MarkBeforeSend => TELLING_OF_CRASHES,
            Mutation::RedeliveryAtEpochZero => TELLING_OF_EXPIRY,
            Mutation::NoteBeforeNext
            | Mutation::NoteWithoutNext
            | Mutation::StaleNumberClaims
            | Mutation::NextKeepsNumber
            | Mutation::HoldKeepsNumber
            | Mutation::RowRemovedBlindly
            | Mutation::RowReplacedBlindly => TELLING_OF_RETRIES,
            Mutation::RedeliveryAtFirstNumber => TELLING_OF_FORGOTTEN_RETRIES,
            _ => TELLING,
        }
    }
}
