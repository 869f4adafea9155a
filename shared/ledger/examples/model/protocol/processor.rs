use hookgate_ledger::{
    ClaimDecision, Item, Number, State as Is, may_complete, may_dead_letter, on_claim,
};

use super::failure::{after_failure, hold, keep_next, note, release, send_next};
use super::state::{self, NOBODY, NOW_MS, epoch_of, first_of, name};
use super::{Call, Emit, Fault, Mutation, Processor, Receipt, Reply, State, Stored};

const NAMES: [&str; 2] = ["processor A", "processor B"];

/// The next possible steps of the processors.
pub(super) fn steps(state: &State, mutation: Mutation, emit: &mut Emit<'_>) {
    for (slot, processor) in state.processors.into_iter().enumerate() {
        match processor {
            Processor::Idle => {}
            Processor::Claim(number, receipt) => {
                claim(state, slot, number, receipt, mutation, emit)
            }
            Processor::Handle(number, receipt) => {
                handle(state, slot, number, receipt, mutation, emit)
            }
            Processor::Complete(number, receipt) => {
                complete(state, slot, number, receipt, mutation, emit)
            }
            Processor::SendNext(number, receipt) => {
                send_next(state, slot, number, receipt, mutation, emit);
            }
            Processor::KeepNext(number, receipt) => {
                keep_next(state, slot, number, receipt, mutation, emit);
            }
            Processor::Note(number, receipt) => note(state, slot, number, receipt, mutation, emit),
            Processor::Release(..) => release(state, slot, emit),
            Processor::Hold(number, receipt) => hold(state, slot, number, receipt, mutation, emit),
            Processor::SendDeadLetter(number, receipt) => {
                send_dead_letter(state, slot, number, receipt, emit);
            }
            Processor::DeadLetter(number, receipt) => {
                dead_letter(state, slot, number, receipt, emit)
            }
            Processor::Acknowledge(number, receipt) => {
                acknowledge(state, slot, number, receipt, emit)
            }
        }
    }
    receive(state, emit);
}

/// An idle processor is handed a visible message.
fn receive(state: &State, emit: &mut Emit<'_>) {
    for (slot, _) in idle(state) {
        for number in numbers(&state.visible) {
            let mut next = *state;
            next.visible[usize::from(number)] -= 1;
            next.processors[slot] = Processor::Claim(number, Receipt::Fresh);
            emit(
                &|| format!("{} receives the message{}", NAMES[slot], of(number)),
                next,
            );
            if let Some(left) = state.left.take(Fault::Hold) {
                let mut held = State { left, ..next };
                held.processors[slot] = Processor::Hold(number, Receipt::Fresh);
                let who = NAMES[slot];
                emit(
                    &|| {
                        format!(
                            "{who} receives the message{}; its route is paused",
                            of(number)
                        )
                    },
                    held,
                );
            }
            if let Some(left) = state.left.take(Fault::Delivery) {
                let mut twice = State { left, ..next };
                twice.visible[usize::from(number)] += 1;
                let who = NAMES[slot];
                emit(
                    &|| format!("{who} receives a copy of the message{}", of(number)),
                    twice,
                );
            }
        }
    }
}

fn claim(
    state: &State,
    slot: usize,
    number: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let take = |world: &mut State| {
        let decision = decide(world.item(), number, name(slot), mutation);
        if decision == ClaimDecision::Granted {
            world.overtaken |= world.item.is_some_and(|item| {
                item.number > number && epoch_of(item.number) == epoch_of(number)
            });
            world.item = Some(Stored {
                is: Is::Processing,
                number,
                owner: Some(name(slot)),
                leased: true,
            });
        }
        decision
    };
    let then = |world: &mut State, reply: Reply<ClaimDecision>| match reply {
        Reply::Is(ClaimDecision::Granted) => {
            world.processors[slot] = Processor::Handle(number, receipt);
            ", and runs the handler"
        }
        Reply::Is(ClaimDecision::Settled) => {
            finish(world, slot, number, receipt);
            ": it is settled"
        }
        Reply::Is(ClaimDecision::Busy { .. }) if mutation == Mutation::AcknowledgeWhenBusy => {
            finish(world, slot, number, receipt);
            ": another holds it"
        }
        Reply::Is(ClaimDecision::Busy { .. }) => {
            leave(world, slot);
            ": another holds it, so the message waits"
        }
        Reply::Failed => {
            leave(world, slot);
            ""
        }
    };
    call(state, slot, "claims the event", &take, &then, emit);
}

fn decide(item: Option<Item<u8>>, number: u8, me: u8, mutation: Mutation) -> ClaimDecision {
    let number = state::number(number);
    match (mutation, item) {
        (Mutation::ClaimWithoutUpsert, None) => ClaimDecision::Settled,
        (Mutation::DeadIsFinal, Some(item)) if item.state == Is::Dead => ClaimDecision::Settled,
        (Mutation::NoLease, Some(item)) if item.state == Is::Processing => ClaimDecision::Granted,
        (Mutation::DoneIsClaimable, Some(item)) if item.state == Is::Done => ClaimDecision::Granted,
        (Mutation::StaleEpochClaims, Some(item)) => {
            let blind = Item {
                number: item.number.min(number),
                ..item
            };
            on_claim(Some(&blind), number, &me, NOW_MS)
        }
        (Mutation::StaleNumberClaims, Some(item)) => {
            let blind = Item {
                number: Number::first_of(item.number.epoch),
                ..item
            };
            on_claim(Some(&blind), number, &me, NOW_MS)
        }
        (_, item) => on_claim(item.as_ref(), number, &me, NOW_MS),
    }
}

/// Runs the handler, which is not a call to the ledger: it has its effect, or not, or dies.
fn handle(
    state: &State,
    slot: usize,
    number: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let who = NAMES[slot];
    let mut done = *state;
    happen(&mut done, number);
    done.processors[slot] = Processor::Complete(number, receipt);
    emit(
        &|| format!("{who}'s handler has its effect{}", of(number)),
        done,
    );
    if let Some(left) = state.left.take(Fault::Transient) {
        let mut next = State { left, ..*state };
        for (processor, when) in after_failure(number, receipt, mutation) {
            next.processors[slot] = processor;
            emit(
                &|| format!("{who}'s handler fails, and may succeed {when}"),
                next,
            );
        }
    }
    if let Some(left) = state.left.take(Fault::Permanent) {
        let mut next = State { left, ..*state };
        next.processors[slot] = Processor::SendDeadLetter(number, receipt);
        emit(&|| format!("{who}'s handler fails for good"), next);
    }
    let failed = state.left.take(Fault::Transient);
    if let Some(left) = failed.and_then(|left| left.take(Fault::Failure)) {
        let mut next = State { left, ..*state };
        happen(&mut next, number);
        next.credit += 1;
        for (processor, when) in after_failure(number, receipt, mutation) {
            next.processors[slot] = processor;
            emit(
                &|| {
                    format!(
                        "{who}'s handler has its effect, and says that it failed and may succeed {when}"
                    )
                },
                next,
            );
        }
    }
    if let Some(left) = state.left.take(Fault::Crash) {
        let mut dead = State { left, ..*state };
        leave(&mut dead, slot);
        emit(
            &|| format!("{who} dies before its handler has an effect"),
            dead,
        );
    }
}

fn happen(world: &mut State, number: u8) {
    world.effect = world.effect.max(Some(epoch_of(number)));
    world.credit -= 1;
}

fn complete(
    state: &State,
    slot: usize,
    number: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let write = |world: &mut State| {
        if may_complete(world.item().as_ref(), epoch_of(number).into()) {
            world.item = Some(Stored {
                is: Is::Done,
                number,
                owner: None,
                leased: false,
            });
        }
    };
    let then = |world: &mut State, reply: Reply<()>| match reply {
        Reply::Failed if mutation != Mutation::AcknowledgeUncompleted => {
            leave(world, slot);
            ""
        }
        _ => {
            finish(world, slot, number, receipt);
            ""
        }
    };
    call(
        state,
        slot,
        "writes that the event is done",
        &write,
        &then,
        emit,
    );
}

fn send_dead_letter(state: &State, slot: usize, number: u8, receipt: Receipt, emit: &mut Emit<'_>) {
    let send = |world: &mut State| world.dead_letters[usize::from(number)] += 1;
    let then = |world: &mut State, reply: Reply<()>| {
        match reply {
            Reply::Failed => leave(world, slot),
            Reply::Is(()) => world.processors[slot] = Processor::DeadLetter(number, receipt),
        }
        ""
    };
    call(
        state,
        slot,
        "sends the message to the dead-letter queue",
        &send,
        &then,
        emit,
    );
}

fn dead_letter(state: &State, slot: usize, number: u8, receipt: Receipt, emit: &mut Emit<'_>) {
    let write = |world: &mut State| {
        if may_dead_letter(world.item().as_ref(), &name(slot))
            && let Some(item) = &mut world.item
        {
            item.is = Is::Dead;
            item.owner = None;
            item.leased = false;
        }
    };
    let then = |world: &mut State, reply: Reply<()>| {
        match reply {
            Reply::Failed => leave(world, slot),
            // The message is in the dead-letter queue: right, even where another overtook the write.
            Reply::Is(()) => world.processors[slot] = Processor::Acknowledge(number, receipt),
        }
        ""
    };
    call(
        state,
        slot,
        "writes that the event is dead",
        &write,
        &then,
        emit,
    );
}

fn acknowledge(state: &State, slot: usize, number: u8, receipt: Receipt, emit: &mut Emit<'_>) {
    let delete = |world: &mut State| {
        if receipt == Receipt::Fresh {
            world.processors[slot] = Processor::Acknowledge(number, Receipt::Gone);
        }
    };
    let then = |world: &mut State, _: Reply<()>| {
        leave(world, slot);
        ""
    };
    call(
        state,
        slot,
        "acknowledges the message",
        &delete,
        &then,
        emit,
    );
    // A receipt that is no longer the newest may still remove the message.
    if receipt == Receipt::Stale {
        for next in removals(state, slot, number) {
            let who = NAMES[slot];
            emit(
                &|| format!("{who} acknowledges the message that others see too; it is removed"),
                next,
            );
        }
    }
}

/// The states after the message that a processor holds is removed, wherever it is by now.
fn removals(state: &State, slot: usize, number: u8) -> Vec<State> {
    let at = usize::from(number);
    let mut all = Vec::new();
    let mut gone = *state;
    leave(&mut gone, slot);
    if state.visible[at] > 0 {
        let mut next = gone;
        next.visible[at] -= 1;
        all.push(next);
    }
    if state.lost[at] > 0 {
        let mut next = gone;
        next.lost[at] -= 1;
        all.push(next);
    }
    let other = 1 - slot;
    if state.processors[other].message() == Some((number, Receipt::Fresh)) {
        let mut next = gone;
        if let Some(receipt) = next.processors[other].receipt_mut() {
            *receipt = Receipt::Gone;
        }
        all.push(next);
    }
    all
}

/// Goes on to acknowledge. Right, where the event is settled for this message.
pub(super) fn finish(world: &mut State, slot: usize, number: u8, receipt: Receipt) {
    let epoch = epoch_of(number);
    let settled = world.item.is_some_and(|item| {
        let at = epoch_of(item.number);
        at > epoch || (at == epoch && matches!(item.is, Is::Done | Is::Dead))
    });
    let has_successor =
        world.item.is_some_and(|item| item.number > number) || world.carriers_from(number + 1) > 0;
    world.early |= !settled && !has_successor;
    world.processors[slot] = Processor::Acknowledge(number, receipt);
}

/// Ends the invocation: a message that is its own comes back later; no one owns its claim any more.
pub(super) fn leave(world: &mut State, slot: usize) {
    let processor = std::mem::take(&mut world.processors[slot]);
    let Some((number, receipt)) = processor.message() else {
        return;
    };
    if receipt == Receipt::Fresh {
        world.lost[usize::from(number)] += 1;
    }
    let epoch = epoch_of(number);
    let noted = world.item.is_some_and(|item| {
        let at = epoch_of(item.number);
        at > epoch || (at == epoch && item.is == Is::Done)
    });
    if matches!(processor, Processor::Complete(..)) && !noted {
        // Its effect happened and is not known: the one reason of its own for another.
        world.credit += 1;
    }
    if let Some(item) = &mut world.item
        && item.owner == Some(name(slot))
    {
        item.owner = Some(NOBODY);
    }
}

pub(super) fn call<R: Copy>(
    state: &State,
    slot: usize,
    what: &str,
    effect: &dyn Fn(&mut State) -> R,
    then: &dyn Fn(&mut State, Reply<R>) -> &'static str,
    emit: &mut Emit<'_>,
) {
    let call = Call {
        who: NAMES[slot],
        what,
        effect,
        then,
        dies: &|world| leave(world, slot),
    };
    call.emit(state, emit);
}

fn idle(state: &State) -> impl Iterator<Item = (usize, Processor)> {
    let slots = state.processors.into_iter().enumerate();
    // They are alike: one is enough.
    slots.filter(|(_, p)| *p == Processor::Idle).take(1)
}

pub(super) fn numbers(places: &[u8]) -> Vec<u8> {
    let numbers = (0..).zip(places).filter(|(_, count)| **count > 0);
    numbers.map(|(number, _)| number).collect()
}

pub(super) fn of(number: u8) -> &'static str {
    let epoch = ["", " of the replay", " of the second replay"];
    let after_failures = [
        " after a failure",
        " of the replay after a failure",
        " of the second replay after a failure",
    ];
    let at = usize::from(epoch_of(number));
    if number == first_of(epoch_of(number)) {
        epoch[at]
    } else {
        after_failures[at]
    }
}
