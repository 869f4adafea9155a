//! The invariants of the protocol, as the design numbers them.

use std::fmt;

use hookgate::Message;
use hookgate_ledger::State;

use super::run::Run;
use super::{Fault, Fired, World};

/// An invariant that did not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The invariant's number in the design.
    pub invariant: &'static str,
    /// The finding.
    pub found: String,
    /// The faults that happened: number and name of the call, and the fault.
    pub fired: Vec<Fired>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; after {:?}",
            self.invariant, self.found, self.fired
        )
    }
}

/// I1: an accepted event without effect is in the queue, the outbox or the dead-letter queue.
pub(crate) async fn check_carried(world: &World) -> Result<(), Violation> {
    let carried = world.queued().await + world.outbox().await + world.dead_letters().await;
    if carried == 0 && effects(world) + world.count().await == 0 {
        return Err(violation(
            world,
            "I1",
            "a 2xx, and the event is nowhere".into(),
        ));
    }
    Ok(())
}

/// I2: `done` implies an effect.
pub(crate) async fn check_done(world: &World) -> Result<(), Violation> {
    match world.event().await {
        Some(event) if event.state == State::Done && effects(world) + world.count().await == 0 => {
            Err(violation(world, "I2", "done without an effect".into()))
        }
        _ => Ok(()),
    }
}

/// I6: a message is acknowledged only when a terminal state was seen or written, or its successor is durable.
pub(crate) async fn check_acknowledged(world: &World, message: &Message) -> Result<(), Violation> {
    let event = world.event().await;
    let terminal = event.as_ref().is_none_or(|event| {
        matches!(event.state, State::Done | State::Dead) || event.epoch > message.number.epoch
    });
    let carried = world.queued().await + world.outbox().await;
    if terminal || fired(world, &[Fault::Forget]) || carried > 0 {
        return Ok(());
    }
    Err(violation(
        world,
        "I6",
        format!("acknowledged while {event:?}"),
    ))
}

/// I8, where the handler would succeed: the effect comes, and no dead letter instead of it.
pub(crate) async fn check_effect(world: &World, run: &Run) -> Result<(), Violation> {
    let (effects, dead) = (
        effects(world) + world.count().await,
        world.dead_letters().await,
    );
    if run.accepted && (effects == 0 || dead > 0) {
        let found = format!("{effects} effects and {dead} dead letters, though nothing is poison");
        return Err(violation(world, "I8", found));
    }
    Ok(())
}

/// The exactly-once option: whatever happened, the write happened once, and once more for each replay
/// that was carried out.
pub(crate) async fn check_once(world: &World, run: &Run, poison: bool) -> Result<(), Violation> {
    let count = world.count().await;
    world.effects().count += count;
    // A replay whose answer was lost may have been carried out. What is given up may have no effect.
    let least = if poison { 0 } else { 1 + run.repeats };
    let right = (least..=1 + run.asked).contains(&count);
    if run.accepted && !right && !fired(world, &[Fault::Forget]) {
        let found = format!(
            "{count} writes, {} replays, {} asked for",
            run.repeats, run.asked
        );
        return Err(violation(world, "exactly once", found));
    }
    Ok(())
}

/// An event that was handled is listed once, and can be shown and replayed.
pub(crate) async fn check_archived(world: &World) -> Result<(), Violation> {
    if effects(world) == 0 {
        return Ok(());
    }
    let listed = world.listed().await;
    if listed != 1 {
        let found = format!("an effect, and listed {listed} times");
        return Err(violation(world, "archived", found));
    }
    if !fired(world, &[Fault::Forget]) && !world.is_archived().await {
        let found = "an effect, and no payload".to_owned();
        return Err(violation(world, "archived", found));
    }
    Ok(())
}

pub(crate) async fn check_end(world: &World, run: &Run) -> Result<(), Violation> {
    let effects_now = effects(world);
    let dead = world.dead_letters().await;
    if run.accepted && effects_now == 0 && dead == 0 {
        return Err(violation(
            world,
            "I1",
            "accepted, and without effect or dead letter".into(),
        ));
    }
    let altered = world.effects().altered;
    if altered > 0 {
        let found = format!("{altered} handlers got a body that was not sent");
        return Err(violation(world, "I7", found));
    }
    let repeats = reasons(&world.faults.fired()) + run.asked;
    if effects_now > 1 + repeats {
        let found = format!("{effects_now} effects, {repeats} reasons for more than one");
        return Err(violation(world, "I4", found));
    }
    let most = world.effects().most_running;
    if most > 1 && !fired(world, &[Fault::Late, Fault::Forget]) {
        return Err(violation(world, "I3", format!("{most} handlers at a time")));
    }
    match world.event().await {
        Some(event) if event.state == State::Dead && dead == 0 && effects_now == 0 => Err(
            violation(world, "I5", "dead, and the message is nowhere".into()),
        ),
        // The epoch proves that a replay happened, but not where the event was forgotten: there a replay begins
        // at epoch 1, an older message that comes late makes a new item, and a replay's message has to be gone.
        Some(event)
            if event.state == State::Done
                && event.epoch < run.epoch
                && (!fired(world, &[Fault::Forget]) || world.effects().replays == run.replays) =>
        {
            Err(violation(
                world,
                "I1",
                "an accepted replay did not happen".into(),
            ))
        }
        Some(event) if run.accepted && !matches!(event.state, State::Done | State::Dead) => {
            Err(violation(world, "I8", format!("ended as {}", event.state)))
        }
        _ => Ok(()),
    }
}

fn effects(world: &World) -> usize {
    world.effects().count
}

fn fired(world: &World, faults: &[Fault]) -> bool {
    world
        .faults
        .fired()
        .iter()
        .any(|(_, _, fault)| faults.contains(fault))
}

pub(crate) fn violation(world: &World, invariant: &'static str, found: String) -> Violation {
    Violation {
        invariant,
        found,
        fired: world.faults.fired(),
    }
}

/// The number of these faults that are a reason for a second effect: those that strike between an effect and its
/// completion, and all of them if an item was deleted or a claim ran out while its holder lived. Sending an
/// event twice is not a reason.
fn reasons(fired: &[Fired]) -> usize {
    let strikes = |faults: &[Fault]| fired.iter().any(|(_, _, fault)| faults.contains(fault));
    if strikes(&[Fault::Forget, Fault::Late]) {
        return fired.len();
    }
    let repeats = fired.iter().filter(|(_, call, fault)| match fault {
        Fault::CrashAfter | Fault::LoseReply | Fault::Twice => call == "effect",
        Fault::CrashBefore | Fault::Fail | Fault::TimeOut | Fault::Hang => {
            call == "UpdateItem event"
        }
        _ => false,
    });
    repeats.count()
}
