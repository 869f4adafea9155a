use std::fmt;

/// The state of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Recorded; whether its message was sent is not known.
    Received,
    /// Recorded, and a message is known to have been sent. Written only when a redelivery proved it.
    Enqueued,
    /// Claimed by a handler until its lease runs out.
    Processing,
    /// The handler's effect happened.
    Done,
    /// Given up: the message is in the dead-letter queue.
    Dead,
}

impl State {
    /// All states, in the order of an event's life.
    pub const ALL: [State; 5] = [
        State::Received,
        State::Enqueued,
        State::Processing,
        State::Done,
        State::Dead,
    ];

    /// The one-letter code that is stored.
    pub fn code(self) -> &'static str {
        match self {
            State::Received => "R",
            State::Enqueued => "E",
            State::Processing => "P",
            State::Done => "D",
            State::Dead => "X",
        }
    }

    /// The state with this stored code.
    pub fn from_code(code: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.code() == code)
    }

    /// The word that operators see: `received`, `enqueued`, `processing`, `done` or `dead`.
    pub fn name(self) -> &'static str {
        match self {
            State::Received => "received",
            State::Enqueued => "enqueued",
            State::Processing => "processing",
            State::Done => "done",
            State::Dead => "dead",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The number of a carrier of an event: a message in the queue, or a row of the outbox that becomes one.
///
/// A carrier gets a number that is not below the event's: the provider's first message has the
/// lowest, the message of a failed attempt's successor the next, a replay the first of a new epoch. The item keeps the
/// highest that claimed it or was noted, so that a message below it is known to have a successor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number {
    /// The number of replays: 0 for the provider's own delivery.
    pub epoch: u32,
    /// The number of carriers of this epoch before it.
    pub seq: u32,
}

impl Number {
    /// The first number of an epoch.
    pub const fn first_of(epoch: u32) -> Number {
        Number { epoch, seq: 0 }
    }

    /// The number of the next carrier at the same epoch.
    #[must_use]
    pub const fn next(self) -> Number {
        Number {
            seq: self.seq.saturating_add(1),
            ..self
        }
    }
}

/// The part of a stored event that the decisions need. `O` names the owner of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item<O> {
    /// The state of the event.
    pub state: State,
    /// The highest number that claimed it or was noted.
    pub number: Number,
    /// The last claimant; `None` before the first claim.
    pub owner: Option<O>,
    /// Until when the claim holds, in milliseconds since 1970; 0 when it was given back.
    pub lease_until_ms: u64,
    /// The time at which the item may be deleted, in seconds since 1970.
    pub expires_s: u64,
}

impl<O> Item<O> {
    /// True while a claimant holds the event at `now_ms`.
    pub fn is_leased(&self, now_ms: u64) -> bool {
        self.state == State::Processing && self.lease_until_ms >= now_ms
    }

    /// True where the item only waits for its deletion at `now_ms`.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_s < now_ms / 1000
    }
}
