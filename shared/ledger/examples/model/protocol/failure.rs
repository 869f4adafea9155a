//! A handler that failed, and a route that is paused: the next message is made durable before this one goes.

use hookgate_ledger::{may_release, may_replace_row};

use super::processor::{call, finish, leave};
use super::state::{self, epoch_of, name};
use super::{Emit, Mutation, Processor, Receipt, Reply, State};

/// The steps that may follow a failure of a handler.
pub(super) fn after_failure(
    number: u8,
    receipt: Receipt,
    mutation: Mutation,
) -> [(Processor, &'static str); 2] {
    if mutation == Mutation::NoteBeforeNext {
        return [(Processor::Note(number, receipt), "later"); 2];
    }
    [
        (Processor::SendNext(number, receipt), "soon"),
        (Processor::KeepNext(number, receipt), "later"),
    ]
}

/// Sends the next message. If the queue does not accept it, it is written down.
pub(super) fn send_next(
    state: &State,
    slot: usize,
    number: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let send = |world: &mut State| {
        world.visible[usize::from(next_of(number, mutation))] += 1;
    };
    let then = |world: &mut State, reply: Reply<()>| {
        world.processors[slot] = match reply {
            Reply::Is(()) => after_next(number, receipt, mutation),
            Reply::Failed if mutation == Mutation::NoteWithoutNext => {
                Processor::Note(number, receipt)
            }
            Reply::Failed => Processor::KeepNext(number, receipt),
        };
        ""
    };
    call(state, slot, "sends the next message", &send, &then, emit);
}

/// Writes the next message down. If that fails too, the present one comes again.
pub(super) fn keep_next(
    state: &State,
    slot: usize,
    number: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let write = |world: &mut State| keep(world, next_of(number, mutation), mutation);
    let then = |world: &mut State, reply: Reply<()>| {
        world.processors[slot] = match reply {
            Reply::Is(()) => after_next(number, receipt, mutation),
            Reply::Failed => Processor::Release(number, receipt),
        };
        ""
    };
    let what = "writes the next message down";
    call(state, slot, what, &write, &then, emit);
}

fn next_of(number: u8, mutation: Mutation) -> u8 {
    match mutation {
        Mutation::NextKeepsNumber => number,
        _ => number + 1,
    }
}

/// The step after the next message is durable.
fn after_next(number: u8, receipt: Receipt, mutation: Mutation) -> Processor {
    match mutation {
        Mutation::NoteBeforeNext => Processor::Acknowledge(number, receipt),
        _ => Processor::Note(number, receipt),
    }
}

/// Writes a row of the outbox, unless a later one is there.
pub(super) fn keep(world: &mut State, number: u8, mutation: Mutation) {
    let row = &mut world.outbox[usize::from(epoch_of(number))];
    let blind = mutation == Mutation::RowReplacedBlindly;
    if blind || may_replace_row(row.map(state::number), state::number(number)) {
        *row = Some(number);
    }
}

/// Ends the claim, and notes the number of the next message. It is durable: this one is not needed, even where another
/// has overtaken the note.
pub(super) fn note(
    state: &State,
    slot: usize,
    number: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let note = |world: &mut State| {
        if may_release(world.item().as_ref(), &name(slot))
            && let Some(item) = &mut world.item
        {
            item.leased = false;
            item.number = next_of(number, mutation);
        }
    };
    let then = |world: &mut State, reply: Reply<()>| match reply {
        Reply::Is(()) if mutation == Mutation::NoteBeforeNext => {
            world.processors[slot] = Processor::SendNext(number, receipt);
            ""
        }
        Reply::Is(()) => {
            finish(world, slot, number, receipt);
            ""
        }
        Reply::Failed => {
            leave(world, slot);
            ""
        }
    };
    call(state, slot, "notes the failure", &note, &then, emit);
}

/// Keeps an event of a route that is paused, without a claim.
pub(super) fn hold(
    state: &State,
    slot: usize,
    number: u8,
    receipt: Receipt,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let held = match mutation {
        Mutation::HoldKeepsNumber => number,
        _ => number + 1,
    };
    let write = |world: &mut State| keep(world, held, mutation);
    let then = |world: &mut State, reply: Reply<()>| {
        match reply {
            Reply::Is(()) => world.processors[slot] = Processor::Acknowledge(number, receipt),
            Reply::Failed => leave(world, slot),
        }
        ""
    };
    call(state, slot, "writes the message down", &write, &then, emit);
}

pub(super) fn release(state: &State, slot: usize, emit: &mut Emit<'_>) {
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
