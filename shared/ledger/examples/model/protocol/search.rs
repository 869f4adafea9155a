use std::fmt;

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use indexmap::map::Entry;

use super::invariants::{Invariant, violated};
use super::{Budget, Emit, Mutation, State, environment, ingest, operator, processor, sweeper};

/// The size of a search.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// States that can be reached.
    pub(crate) states: usize,
    /// Steps between them.
    pub(crate) steps: usize,
    /// The most steps that a state is away from the beginning.
    pub(crate) depth: usize,
}

/// The result of a search.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// Every invariant holds in every state.
    Holds(Found),
    /// One does not; by a shortest way.
    Broken(Counterexample),
}

/// The shortest way to a state in which an invariant does not hold.
#[derive(Clone, Debug)]
pub(crate) struct Counterexample {
    /// The invariant that does not hold.
    pub(crate) invariant: Invariant,
    /// The steps that lead there, in order.
    pub(crate) steps: Vec<String>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:>4}. {step}")?;
        }
        write!(f, "      and this does not hold: {}", self.invariant)
    }
}

/// Everything that may come next.
pub(super) fn steps(state: &State, mutation: Mutation, emit: &mut Emit<'_>) {
    processor::steps(state, mutation, emit);
    environment::steps(state, emit);
    sweeper::steps(state, mutation, emit);
    ingest::steps(state, mutation, emit);
    operator::steps(state, mutation, emit);
}

/// Visits every state that can be reached, the nearest first, until an invariant does not hold.
pub(crate) fn search(budget: Budget, mutation: Mutation) -> Verdict {
    match visit(budget, mutation, State::sorted) {
        // Told again with everyone under one name from start to end.
        Verdict::Broken(_) => visit(budget, mutation, |state| state),
        holds => holds,
    }
}

/// States in the order of discovery, each with the index of the one that it was first reached from.
type Reached = IndexMap<State, u32, RandomState>;

fn visit(budget: Budget, mutation: Mutation, form: fn(State) -> State) -> Verdict {
    let mut reached = Reached::default();
    reached.insert(State::new(budget), 0);
    let (mut steps_made, mut depth, mut level_end) = (0, 0, 1);
    let mut at = 0;
    while at < reached.len() {
        if at == level_end {
            depth += 1;
            level_end = reached.len();
        }
        let (state, _) = reached_at(&reached, at);
        if let Some(invariant) = violated(&state, &budget, mutation) {
            return Verdict::Broken(Counterexample {
                invariant,
                steps: told(&reached, at, mutation, form),
            });
        }
        let from = u32::try_from(at).expect("fewer than four billion states");
        steps(&state, mutation, &mut |_, next| {
            steps_made += 1;
            if let Entry::Vacant(new) = reached.entry(form(next)) {
                new.insert(from);
            }
        });
        at += 1;
    }
    Verdict::Holds(Found {
        states: reached.len(),
        steps: steps_made,
        depth,
    })
}

/// The state at `at`, and the index of the one that it was reached from.
fn reached_at(reached: &Reached, at: usize) -> (State, u32) {
    let (state, from) = reached.get_index(at).expect("an index of a state");
    (*state, *from)
}

/// The path to the state at `at`.
fn told(
    reached: &Reached,
    mut at: usize,
    mutation: Mutation,
    form: fn(State) -> State,
) -> Vec<String> {
    let mut told = Vec::new();
    while at > 0 {
        let (state, from) = reached_at(reached, at);
        let from = from as usize;
        let (before, _) = reached_at(reached, from);
        let mut label = None;
        steps(&before, mutation, &mut |tell, next| {
            if label.is_none() && form(next) == state {
                label = Some(tell());
            }
        });
        told.push(label.expect("a step leads there"));
        at = from;
    }
    told.reverse();
    told
}
