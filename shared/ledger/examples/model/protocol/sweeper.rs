use super::{Call, Emit, Mutation, Reply, State, Sweeper};

/// The next possible steps of the sweeper.
pub(super) fn steps(state: &State, mutation: Mutation, emit: &mut Emit<'_>) {
    let removes_first = mutation == Mutation::SweeperRemovesFirst;
    match state.sweeper {
        Sweeper::Idle => {
            for (epoch, _) in (0..).zip(state.outbox).filter(|(_, stored)| *stored) {
                let mut next = *state;
                next.sweeper = if removes_first {
                    Sweeper::Remove(epoch)
                } else {
                    Sweeper::Send(epoch)
                };
                emit(
                    &|| "the sweeper finds the entry in the outbox".to_owned(),
                    next,
                );
            }
        }
        Sweeper::Send(epoch) => {
            let send = |world: &mut State| world.visible[usize::from(epoch)] += 1;
            let after = if removes_first {
                Sweeper::Idle
            } else {
                Sweeper::Remove(epoch)
            };
            call(state, "sends its message", &send, after, emit);
        }
        Sweeper::Remove(epoch) => {
            let remove = |world: &mut State| world.outbox[usize::from(epoch)] = false;
            let after = if removes_first {
                Sweeper::Send(epoch)
            } else {
                Sweeper::Idle
            };
            call(state, "removes the entry", &remove, after, emit);
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
