use hookgate_ledger::State as Is;

use super::processor::{numbers, of};
use super::state::{EPOCHS, epoch_of, first_of};
use super::{Call, Emit, Fault, Mutation, Operator, Reply, State};

/// The next possible steps of the operator: a replay, a redrive.
pub(super) fn steps(state: &State, mutation: Mutation, emit: &mut Emit<'_>) {
    match state.operator {
        Operator::Idle => ask(state, mutation, emit),
        Operator::Send(epoch) => send(state, epoch, mutation, emit),
    }
    redrive(state, emit);
}

/// A replay begins with the event's epoch.
fn ask(state: &State, mutation: Mutation, emit: &mut Emit<'_>) {
    let (Some(item), Some(left)) = (state.item, state.left.take(Fault::Replay)) else {
        return;
    };
    let epoch = match mutation {
        Mutation::ReplayKeepsEpoch => epoch_of(item.number),
        _ => epoch_of(item.number) + 1,
    };
    if usize::from(epoch) < EPOCHS {
        let mut next = State { left, ..*state };
        next.operator = Operator::Send(epoch);
        if mutation == Mutation::ReplayResetsFirst
            && let Some(item) = &mut next.item
        {
            item.is = Is::Received;
            item.number = first_of(epoch);
            item.owner = None;
            item.leased = false;
        }
        emit(
            &|| {
                format!(
                    "an operator asks for {}; the event's epoch is read",
                    replay(epoch)
                )
            },
            next,
        );
    }
}

fn send(state: &State, epoch: u8, mutation: Mutation, emit: &mut Emit<'_>) {
    let send = |world: &mut State| {
        world.visible[usize::from(first_of(epoch))] += 1;
        world.credit += 1;
    };
    let then = |world: &mut State, reply: Reply<()>| {
        world.operator = Operator::Idle;
        match reply {
            Reply::Is(()) => {
                // The epoch that the operator was promised, whatever the message carries.
                let promised = epoch + u8::from(mutation == Mutation::ReplayKeepsEpoch);
                world.replayed = world.replayed.max(promised);
                ", and answers with 202"
            }
            Reply::Failed => "",
        }
    };
    let what = [
        "sends the same message again",
        "sends the message of the replay",
        "sends the message of the second replay",
    ];
    let call = Call {
        who: "the operators' API",
        what: what[usize::from(epoch)],
        effect: &send,
        then: &then,
        dies: &|world| world.operator = Operator::Idle,
    };
    call.emit(state, emit);
}

/// A dead letter goes back: sent, then removed, with a crash in between or not.
fn redrive(state: &State, emit: &mut Emit<'_>) {
    let Some(left) = state.left.take(Fault::Redrive) else {
        return;
    };
    for number in numbers(&state.dead_letters) {
        let mut copied = State { left, ..*state };
        copied.visible[usize::from(number)] += 1;
        let mut moved = copied;
        moved.dead_letters[usize::from(number)] -= 1;
        emit(
            &|| format!("an operator redrives the dead letter{}", of(number)),
            moved,
        );
        if let Some(left) = left.take(Fault::Crash) {
            let copied = State { left, ..copied };
            emit(
                &|| {
                    format!(
                        "an operator redrives the dead letter{}; the redrive dies before it removes it",
                        of(number)
                    )
                },
                copied,
            );
        }
    }
}

fn replay(epoch: u8) -> &'static str {
    ["a replay", "a replay", "a second replay"][usize::from(epoch)]
}
