use super::processor::{numbers, of};
use super::state::epoch_of;
use super::{Emit, Fault, Ingest, Operator, Receipt, State};

/// The next possible steps of queue, clocks and table.
pub(super) fn steps(state: &State, emit: &mut Emit<'_>) {
    lease(state, emit);
    visibility(state, emit);
    delivery(state, emit);
    deletion(state, emit);
    give_up(state, emit);
    forget(state, emit);
}

/// A lease runs out: freely when its owner is gone, by a wrong clock while it works.
fn lease(state: &State, emit: &mut Emit<'_>) {
    let Some(item) = state
        .item
        .filter(|item| item.item().is_leased(super::state::NOW_MS))
    else {
        return;
    };
    let mut next = *state;
    next.item = Some(super::Stored {
        leased: false,
        ..item
    });
    if !state.owner_works() {
        emit(&|| "the lease runs out".to_owned(), next);
    } else if let Some(left) = state.left.take(Fault::Skew) {
        next = State {
            left,
            excused: true,
            credit: next.credit + 1,
            ..next
        };
        emit(
            &|| "by others' clocks the lease runs out while its owner works".to_owned(),
            next,
        );
    }
}

/// A message that is in flight becomes visible: no one has it any more, or someone still has.
fn visibility(state: &State, emit: &mut Emit<'_>) {
    for number in numbers(&state.lost) {
        let mut next = *state;
        next.lost[usize::from(number)] -= 1;
        next.visible[usize::from(number)] += 1;
        emit(
            &|| format!("the message{} becomes visible again", of(number)),
            next,
        );
    }
    let Some(left) = state.left.take(Fault::Delivery) else {
        return;
    };
    for slot in 0..state.processors.len() {
        let mut next = State { left, ..*state };
        let Some((number, Receipt::Fresh)) = next.processors[slot].message() else {
            continue;
        };
        if let Some(receipt) = next.processors[slot].receipt_mut() {
            *receipt = Receipt::Stale;
        }
        next.visible[usize::from(number)] += 1;
        emit(
            &|| {
                format!(
                    "the message{} becomes visible while a processor has it",
                    of(number)
                )
            },
            next,
        );
    }
}

/// A message is handed to no one.
fn delivery(state: &State, emit: &mut Emit<'_>) {
    let Some(left) = state.left.take(Fault::Delivery) else {
        return;
    };
    for number in numbers(&state.visible) {
        let mut next = State { left, ..*state };
        next.visible[usize::from(number)] -= 1;
        next.lost[usize::from(number)] += 1;
        emit(
            &|| {
                format!(
                    "the message{} is delivered, and the delivery lost",
                    of(number)
                )
            },
            next,
        );
    }
}

/// The event's item is deleted, as its time to live may do. With it, that the event and each of its
/// replays had their effects is forgotten: each may have it once more.
fn deletion(state: &State, emit: &mut Emit<'_>) {
    if let (Some(item), Some(left)) = (state.item, state.left.take(Fault::Deletion)) {
        let next = State {
            item: None,
            excused: true,
            credit: state
                .credit
                .saturating_add_unsigned(1 + epoch_of(item.number)),
            left,
            ..*state
        };
        emit(&|| "the event's item is deleted".to_owned(), next);
    }
}

/// The queue gives a message up that was received too often.
fn give_up(state: &State, emit: &mut Emit<'_>) {
    let Some(left) = state.left.take(Fault::GiveUp) else {
        return;
    };
    for number in numbers(&state.visible) {
        let mut next = State { left, ..*state };
        next.visible[usize::from(number)] -= 1;
        next.dead_letters[usize::from(number)] += 1;
        emit(
            &|| {
                format!(
                    "the queue moves the message{} to the dead-letter queue",
                    of(number)
                )
            },
            next,
        );
    }
}

/// The dead-letter queue forgets a message, days after any request is over. What was promised until then is void,
/// because no one redrove the message in time; what is promised from now on holds.
fn forget(state: &State, emit: &mut Emit<'_>) {
    let answered = state.ingests == [Ingest::Idle; 2] && state.operator == Operator::Idle;
    let Some(left) = state.left.take(Fault::Expiry).filter(|_| answered) else {
        return;
    };
    for number in numbers(&state.dead_letters) {
        let mut next = State {
            left,
            accepted: false,
            replayed: 0,
            forgotten: true,
            ..*state
        };
        next.dead_letters[usize::from(number)] -= 1;
        emit(
            &|| format!("the dead-letter queue forgets the message{}", of(number)),
            next,
        );
    }
}
