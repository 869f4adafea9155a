use hookgate_ledger::{
    ClaimDecision, Item, State as Is, may_complete, may_dead_letter, may_release, on_claim,
};

use super::state::{NOBODY, NOW_MS, name};
use super::{Call, Emit, Fault, Mutation, Processor, Receipt, Reply, State, Stored};

const NAMES: [&str; 2] = ["processor A", "processor B"];

/// The next possible steps of the processors.
pub(super) fn steps(state: &State, mutation: Mutation, emit: &mut Emit<'_>) {
    for (slot, processor) in state.processors.into_iter().enumerate() {
        match processor {
            Processor::Idle => {}
            Processor::Claim(epoch, receipt) => claim(state, slot, epoch, receipt, mutation, emit),
            Processor::Handle(epoch, receipt) => handle(state, slot, epoch, receipt, emit),
            Processor::Complete(epoch, receipt) => {
                complete(state, slot, epoch, receipt, mutation, emit)
            }
            Processor::Release(..) => release(state, slot, emit),
            Processor::SendDeadLetter(epoch, receipt) => {
                send_dead_letter(state, slot, epoch, receipt, emit);
            }
            Processor::DeadLetter(epoch, receipt) => dead_letter(state, slot, epoch, receipt, emit),
            Processor::Acknowledge(epoch, receipt) => {
                acknowledge(state, slot, epoch, receipt, emit)
            }
        }
    }
    receive(state, emit);
}

/// An idle processor is handed a visible message.
fn receive(state: &State, emit: &mut Emit<'_>) {
    for (slot, _) in idle(state) {
        for epoch in epochs(&state.visible) {
            let mut next = *state;
            next.visible[usize::from(epoch)] -= 1;
            next.processors[slot] = Processor::Claim(epoch, Receipt::Fresh);
            emit(
                &|| format!("{} receives the message{}", NAMES[slot], of(epoch)),
                next,
            );
            if let Some(left) = state.left.take(Fault::Delivery) {
                let mut twice = State { left, ..next };
                twice.visible[usize::from(epoch)] += 1;
                let who = NAMES[slot];
                emit(
                    &|| format!("{who} receives a copy of the message{}", of(epoch)),
                    twice,
                );
            }
        }
    }
}

fn claim(
    state: &State,
    slot: usize,
    epoch: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let take = |world: &mut State| {
        let decision = decide(world.item(), epoch, name(slot), mutation);
        if decision == ClaimDecision::Granted {
            world.item = Some(Stored {
                is: Is::Processing,
                epoch,
                owner: Some(name(slot)),
                leased: true,
            });
        }
        decision
    };
    let then = |world: &mut State, reply: Reply<ClaimDecision>| match reply {
        Reply::Is(ClaimDecision::Granted) => {
            world.processors[slot] = Processor::Handle(epoch, receipt);
            ", and runs the handler"
        }
        Reply::Is(ClaimDecision::Settled) => {
            finish(world, slot, epoch, receipt);
            ": it is settled"
        }
        Reply::Is(ClaimDecision::Busy { .. }) if mutation == Mutation::AcknowledgeWhenBusy => {
            finish(world, slot, epoch, receipt);
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

fn decide(item: Option<Item<u8>>, epoch: u8, me: u8, mutation: Mutation) -> ClaimDecision {
    let epoch = u32::from(epoch);
    match (mutation, item) {
        (Mutation::ClaimWithoutUpsert, None) => ClaimDecision::Settled,
        (Mutation::DeadIsFinal, Some(item)) if item.state == Is::Dead => ClaimDecision::Settled,
        (Mutation::NoLease, Some(item)) if item.state == Is::Processing => ClaimDecision::Granted,
        (Mutation::DoneIsClaimable, Some(item)) if item.state == Is::Done => ClaimDecision::Granted,
        (Mutation::StaleEpochClaims, Some(item)) => {
            let blind = Item {
                epoch: item.epoch.min(epoch),
                ..item
            };
            on_claim(Some(&blind), epoch, &me, NOW_MS)
        }
        (_, item) => on_claim(item.as_ref(), epoch, &me, NOW_MS),
    }
}

/// Runs the handler, which is not a call to the ledger: it has its effect, or not, or dies.
fn handle(state: &State, slot: usize, epoch: u8, receipt: Receipt, emit: &mut Emit<'_>) {
    let who = NAMES[slot];
    let mut done = *state;
    happen(&mut done, epoch);
    done.processors[slot] = Processor::Complete(epoch, receipt);
    emit(
        &|| format!("{who}'s handler has its effect{}", of(epoch)),
        done,
    );
    if let Some(left) = state.left.take(Fault::Transient) {
        let mut next = State { left, ..*state };
        next.processors[slot] = Processor::Release(epoch, receipt);
        emit(
            &|| format!("{who}'s handler fails, and may succeed later"),
            next,
        );
    }
    if let Some(left) = state.left.take(Fault::Permanent) {
        let mut next = State { left, ..*state };
        next.processors[slot] = Processor::SendDeadLetter(epoch, receipt);
        emit(&|| format!("{who}'s handler fails for good"), next);
    }
    if let Some(left) = state.left.take(Fault::Failure) {
        let mut next = State { left, ..*state };
        happen(&mut next, epoch);
        next.credit += 1;
        next.processors[slot] = Processor::Release(epoch, receipt);
        emit(
            &|| format!("{who}'s handler has its effect, and says that it failed"),
            next,
        );
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

fn happen(world: &mut State, epoch: u8) {
    world.effect = world.effect.max(Some(epoch));
    world.credit -= 1;
}

fn complete(
    state: &State,
    slot: usize,
    epoch: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let write = |world: &mut State| {
        if may_complete(world.item().as_ref(), epoch.into()) {
            world.item = Some(Stored {
                is: Is::Done,
                epoch,
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
            finish(world, slot, epoch, receipt);
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

fn release(state: &State, slot: usize, emit: &mut Emit<'_>) {
    let release = |world: &mut State| {
        if may_release(world.item().as_ref(), &name(slot))
            && let Some(item) = &mut world.item
        {
            item.leased = false;
        }
    };
    let then = |world: &mut State, _: Reply<()>| {
        leave(world, slot);
        ", and leaves the message"
    };
    call(state, slot, "releases its claim", &release, &then, emit);
}

fn send_dead_letter(state: &State, slot: usize, epoch: u8, receipt: Receipt, emit: &mut Emit<'_>) {
    let send = |world: &mut State| world.dead_letters[usize::from(epoch)] += 1;
    let then = |world: &mut State, reply: Reply<()>| {
        match reply {
            Reply::Failed => leave(world, slot),
            Reply::Is(()) => world.processors[slot] = Processor::DeadLetter(epoch, receipt),
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

fn dead_letter(state: &State, slot: usize, epoch: u8, receipt: Receipt, emit: &mut Emit<'_>) {
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
            Reply::Is(()) => world.processors[slot] = Processor::Acknowledge(epoch, receipt),
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

fn acknowledge(state: &State, slot: usize, epoch: u8, receipt: Receipt, emit: &mut Emit<'_>) {
    let delete = |world: &mut State| {
        if receipt == Receipt::Fresh {
            world.processors[slot] = Processor::Acknowledge(epoch, Receipt::Gone);
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
        for next in removals(state, slot, epoch) {
            let who = NAMES[slot];
            emit(
                &|| format!("{who} acknowledges the message that others see too; it is removed"),
                next,
            );
        }
    }
}

/// The states after the message that a processor holds is removed, wherever it is by now.
fn removals(state: &State, slot: usize, epoch: u8) -> Vec<State> {
    let at = usize::from(epoch);
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
    if state.processors[other].message() == Some((epoch, Receipt::Fresh)) {
        let mut next = gone;
        if let Some(receipt) = next.processors[other].receipt_mut() {
            *receipt = Receipt::Gone;
        }
        all.push(next);
    }
    all
}

/// Goes on to acknowledge. Right, where the event is settled for this message.
fn finish(world: &mut State, slot: usize, epoch: u8, receipt: Receipt) {
    let settled = world.item.is_some_and(|item| {
        item.epoch > epoch || (item.epoch == epoch && matches!(item.is, Is::Done | Is::Dead))
    });
    world.early |= !settled;
    world.processors[slot] = Processor::Acknowledge(epoch, receipt);
}

/// Ends the invocation: a message that is its own comes back later; no one owns its claim any more.
fn leave(world: &mut State, slot: usize) {
    let processor = std::mem::take(&mut world.processors[slot]);
    let Some((epoch, receipt)) = processor.message() else {
        return;
    };
    if receipt == Receipt::Fresh {
        world.lost[usize::from(epoch)] += 1;
    }
    let noted = world
        .item
        .is_some_and(|item| item.epoch > epoch || (item.epoch == epoch && item.is == Is::Done));
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

fn call<R: Copy>(
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

pub(super) fn epochs(places: &[u8]) -> Vec<u8> {
    let epochs = (0..).zip(places).filter(|(_, count)| **count > 0);
    epochs.map(|(epoch, _)| epoch).collect()
}

pub(super) fn of(epoch: u8) -> &'static str {
    ["", " of the replay", " of the second replay"][usize::from(epoch)]
}
