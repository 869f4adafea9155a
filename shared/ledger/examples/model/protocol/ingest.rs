use hookgate_ledger::{Number, RecordDecision, State as Is, may_mark_enqueued, on_record};

use super::failure::keep;
use super::state::{NOW_MS, epoch_of, small};
use super::{Call, Emit, Fault, Ingest, Mutation, Reply, State, Stored};

const NAMES: [&str; 2] = ["ingest A", "ingest B"];

/// The next possible steps of the ingests.
pub(super) fn steps(state: &State, mutation: Mutation, emit: &mut Emit<'_>) {
    for (slot, ingest) in state.ingests.into_iter().enumerate() {
        match ingest {
            Ingest::Idle if slot == 0 || state.ingests[0] != Ingest::Idle => {
                request(state, slot, emit);
            }
            // They are alike: one is enough.
            Ingest::Idle => {}
            Ingest::Record => record(state, slot, mutation, emit),
            Ingest::Send { number, marks } => send(state, slot, number, marks, mutation, emit),
            Ingest::AddToOutbox { number, marks } if mutation == Mutation::CompensatingDelete => {
                delete(state, slot, number, marks, emit);
            }
            Ingest::AddToOutbox { number, marks } => {
                add_to_outbox(state, slot, number, marks, mutation, emit)
            }
            Ingest::Mark { number } => mark(state, slot, number, mutation, emit),
        }
    }
}

fn request(state: &State, slot: usize, emit: &mut Emit<'_>) {
    if let Some(left) = state.left.take(Fault::Send) {
        let mut next = State { left, ..*state };
        next.ingests[slot] = Ingest::Record;
        emit(
            &|| {
                format!(
                    "the provider sends its request; {} verifies it",
                    NAMES[slot]
                )
            },
            next,
        );
    }
}

fn record(state: &State, slot: usize, mutation: Mutation, emit: &mut Emit<'_>) {
    let decide = |world: &mut State| {
        let decision = on_record(world.item().as_ref(), true, NOW_MS);
        if decision == RecordDecision::New {
            world.item = Some(Stored {
                is: Is::Received,
                number: 0,
                owner: None,
                leased: false,
            });
        }
        match decision {
            RecordDecision::SendAgain { .. } if mutation == Mutation::NaiveDrop => {
                RecordDecision::Duplicate
            }
            RecordDecision::SendAgain { .. } if mutation == Mutation::RedeliveryAtEpochZero => {
                RecordDecision::SendAgain {
                    number: Number::first_of(0),
                }
            }
            RecordDecision::SendAgain { number }
                if mutation == Mutation::RedeliveryAtFirstNumber =>
            {
                RecordDecision::SendAgain {
                    number: Number::first_of(number.epoch),
                }
            }
            decision => decision,
        }
    };
    let then = |world: &mut State, reply: Reply<RecordDecision>| match reply {
        Reply::Is(RecordDecision::New) => {
            world.accepted |= mutation == Mutation::AnswerBeforeSend;
            world.ingests[slot] = Ingest::Send {
                number: 0,
                marks: false,
            };
            ": it is new"
        }
        Reply::Is(RecordDecision::SendAgain { number }) => {
            let number = small(number);
            world.ingests[slot] = match mutation {
                Mutation::MarkBeforeSend => Ingest::Mark { number },
                _ => Ingest::Send {
                    number,
                    marks: true,
                },
            };
            ": its message may not have been sent"
        }
        Reply::Is(RecordDecision::Duplicate | RecordDecision::PayloadMismatch) => {
            // Of a message that the dead-letter queue forgot, a duplicate promises nothing.
            world.accepted |= !world.forgotten;
            world.ingests[slot] = Ingest::Idle;
            ": it is a duplicate, and answered with 200"
        }
        Reply::Failed => refuse(world, slot),
    };
    call(state, slot, "records the event", &decide, &then, emit);
}

fn send(
    state: &State,
    slot: usize,
    number: u8,
    marks: bool,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let enqueue = |world: &mut State| world.visible[usize::from(number)] += 1;
    let then = |world: &mut State, reply: Reply<()>| match reply {
        Reply::Is(()) => carried(world, slot, number, marks),
        Reply::Failed => {
            world.ingests[slot] = Ingest::AddToOutbox { number, marks };
            world.accepted |= mutation == Mutation::AnswerBeforeSend;
            ""
        }
    };
    call(state, slot, "sends the message", &enqueue, &then, emit);
}

fn add_to_outbox(
    state: &State,
    slot: usize,
    number: u8,
    marks: bool,
    mutation: Mutation,
    emit: &mut Emit<'_>,
) {
    let write = |world: &mut State| keep(world, number, mutation);
    let then = |world: &mut State, reply: Reply<()>| match reply {
        Reply::Is(()) => carried(world, slot, number, marks),
        Reply::Failed if mutation == Mutation::AnswerWithoutOutbox => {
            carried(world, slot, number, marks)
        }
        Reply::Failed => refuse(world, slot),
    };
    call(state, slot, "adds it to the outbox", &write, &then, emit);
}

/// The mutation that undoes its record instead.
fn delete(state: &State, slot: usize, _: u8, _: bool, emit: &mut Emit<'_>) {
    let delete = |world: &mut State| world.item = None;
    let then = |world: &mut State, _: Reply<()>| refuse(world, slot);
    call(state, slot, "deletes its record", &delete, &then, emit);
}

fn mark(state: &State, slot: usize, number: u8, mutation: Mutation, emit: &mut Emit<'_>) {
    let write = |world: &mut State| {
        if may_mark_enqueued(world.item().as_ref(), epoch_of(number).into())
            && let Some(item) = &mut world.item
        {
            item.is = Is::Enqueued;
        }
    };
    let then = |world: &mut State, _: Reply<()>| {
        if mutation == Mutation::MarkBeforeSend {
            let marks = false;
            world.ingests[slot] = Ingest::Send { number, marks };
            return "";
        }
        answer(world, slot);
        ", and answers with 200"
    };
    call(state, slot, "marks it as enqueued", &write, &then, emit);
}

/// A message is known to be sent.
fn carried(world: &mut State, slot: usize, number: u8, marks: bool) -> &'static str {
    if marks {
        world.ingests[slot] = Ingest::Mark { number };
        return "";
    }
    answer(world, slot);
    ", and answers with 200"
}

fn answer(world: &mut State, slot: usize) {
    world.accepted = true;
    world.ingests[slot] = Ingest::Idle;
}

fn refuse(world: &mut State, slot: usize) -> &'static str {
    world.ingests[slot] = Ingest::Idle;
    ", and answers with 503"
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
        dies: &|world| world.ingests[slot] = Ingest::Idle,
    };
    call.emit(state, emit);
}
