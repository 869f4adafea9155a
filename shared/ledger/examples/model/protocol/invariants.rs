use std::fmt;

use hookgate_ledger::State as Is;

use super::state::{epoch_of, first_of};
use super::{Budget, Fault, Mutation, Processor, State, search};

/// The number of steps within which everything must end, once nothing goes wrong any more.
const PATIENCE: usize = 200;

/// A promise that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// I1, of the event.
    Carried,
    /// I1, of a replay.
    ReplayCarried,
    /// I2.
    DoneHasEffect,
    /// I3.
    OneHandler,
    /// I4.
    EffectsHaveReasons,
    /// I5.
    DeadHasLetter,
    /// I6.
    AcknowledgedLate,
    /// I7.
    RunForAReason,
    /// I8.
    Ends,
    /// I9.
    NotOvertaken,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::Carried => {
                "I1: an accepted event without effect has a message in the queue, in flight, in the outbox or in the dead-letter queue"
            }
            Invariant::ReplayCarried => {
                "I1: an accepted replay that did not happen has a message in the queue, in flight, in the outbox or in the dead-letter queue"
            }
            Invariant::DoneHasEffect => "I2: what is done had its effect",
            Invariant::OneHandler => {
                "I3: while clocks are right and no item is deleted, one handler at a time has the event"
            }
            Invariant::EffectsHaveReasons => {
                "I4: a second effect has a reason: an effect of which no note was made, a replay, a wrong clock, a deleted item"
            }
            Invariant::DeadHasLetter => {
                "I5: a dead event without effect has a message in the dead-letter queue, or a message"
            }
            Invariant::AcknowledgedLate => {
                "I6: a message is acknowledged only when its event is done or dead, or its successor or a newer replay took over"
            }
            Invariant::RunForAReason => {
                "I7: a handler runs only for a verified request or an accepted replay"
            }
            Invariant::Ends => {
                "I8: once nothing goes wrong any more, an accepted event comes to an effect or to the dead-letter queue"
            }
            Invariant::NotOvertaken => {
                "I9: a message is not handled once its successor is noted"
            }
        })
    }
}

/// The first invariant that does not hold here.
pub(super) fn violated(state: &State, budget: &Budget, mutation: Mutation) -> Option<Invariant> {
    let none = state.effect.is_none();
    if state.accepted && none && state.carriers(0) == 0 {
        return Some(Invariant::Carried);
    }
    let behind = state.effect.is_none_or(|epoch| epoch < state.replayed);
    if state.replayed > 0 && behind && state.carriers(state.replayed) == 0 {
        return Some(Invariant::ReplayCarried);
    }
    let item = state.item.map(|item| item.is);
    if item == Some(Is::Done) && none {
        return Some(Invariant::DoneHasEffect);
    }
    let handlers = state.processors.iter();
    let handlers = handlers
        .filter(|p| matches!(p, Processor::Handle(..)))
        .count();
    if handlers > 1 && !state.excused {
        return Some(Invariant::OneHandler);
    }
    if state.credit < 0 {
        return Some(Invariant::EffectsHaveReasons);
    }
    if item == Some(Is::Dead) && none && state.carriers(0) == 0 && !state.forgotten {
        return Some(Invariant::DeadHasLetter);
    }
    if state.early {
        return Some(Invariant::AcknowledgedLate);
    }
    if state.overtaken {
        return Some(Invariant::NotOvertaken);
    }
    if !has_reason(state, budget) {
        return Some(Invariant::RunForAReason);
    }
    (!ends(state, mutation)).then_some(Invariant::Ends)
}

/// True if everything that runs was requested: by a request, and by as many replays as its epoch says.
fn has_reason(state: &State, budget: &Budget) -> bool {
    let asked = |fault| budget.left(fault) - state.left.left(fault);
    state.processors.iter().all(|processor| match processor {
        Processor::Handle(number, _) => {
            asked(Fault::Send) > 0 && asked(Fault::Replay) >= epoch_of(*number)
        }
        _ => true,
    })
}

/// True if everything that was promised ends, provided that nothing goes wrong from now on.
fn ends(state: &State, mutation: Mutation) -> bool {
    let mut now = State {
        left: Budget::default(),
        ..*state
    };
    for _ in 0..PATIENCE {
        if is_fulfilled(&now) {
            return true;
        }
        let mut next = None;
        search::steps(&now, mutation, &mut |_, after| {
            next.get_or_insert(after);
        });
        match next {
            Some(after) => now = after,
            None => return false,
        }
    }
    false
}

/// True if everything that was promised has happened, or waits for an operator.
fn is_fulfilled(state: &State) -> bool {
    let from = usize::from(first_of(state.replayed));
    let dead_lettered = state.dead_letters[from..].iter().any(|count| *count > 0);
    let happened = state.effect.is_some_and(|epoch| epoch >= state.replayed);
    let promised = state.accepted || state.replayed > 0;
    !promised || happened || dead_lettered
}
