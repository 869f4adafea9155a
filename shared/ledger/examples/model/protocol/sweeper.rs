use hookgate_ledger::may_remove_row;

use super::state::{epoch_of, number};
use super::{Call, Emit, Mutation, Reply, State, Sweeper};

/// The next possible steps of the sweeper.
pub(super) fn steps(state: &State, mutation: Mutation, emit: &mut Emit<'_>) {
    let removes_first = mutation == Mutation::SweeperRemovesFirst;
    match state.sweeper {
        Sweeper::Idle => {
            for sent in state.outbox.into_iter().flatten() {
                let mut next = *state;
                next.sweeper = if removes_first {
                    Sweeper::Remove(sent)
                } else {
                    Sweeper::Send(sent)
                };
                emit(
                    &|| "the sweeper finds the row in the outbox".to_owned(),
                    next,
                );
            }
        }
        Sweeper::Send(sent) => {
            let send = |world: &mut State| world.visible[usize::from(sent)] += 1;
            let after = if removes_first {
                Sweeper::Idle
            } else {
                Sweeper::Remove(sent)
            };
            call(state, "sends its message", &send, after, emit);
        }
        Sweeper::Remove(sent) => {
            let remove = |world: &mut State| {
                let row = &mut world.outbox[usize::from(epoch_of(sent))];
                let blind = mutation == Mutation::RowRemovedBlindly;
                if blind || may_remove_row(row.map(number), number(sent)) {
                    *row = None;
                }
            };
            let after = if removes_first {
                Sweeper::Send(sent)
            } else {
                Sweeper::Idle
            };
            call(
                state,
                "removes the row, if it is as it was read",
                &remove,
                after,
                emit,
            );
        }
    }
}

fn call(
    state: &State,
    what: &str,
    effect: &dyn Fn(&mut State),
    after: Sweeper,
    emit: &mut Emit<'_>,
) {
    let then = |world: &mut State, reply: Reply<()>| {
        world.sweeper = match reply {
            Reply::Is(()) => after,
            Reply::Failed => Sweeper::Idle,
        };
        ""
    };
    let call = Call {
        who: "the sweeper",
        what,
        effect,
        then: &then,
        dies: &|world| world.sweeper = Sweeper::Idle,
    };
    call.emit(state, emit);
}
