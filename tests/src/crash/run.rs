use std::fmt;
use std::time::Duration;

use hookgate::Message;
use hookgate_api::EventState;
use hookgate_ledger::MAX_ATTEMPTS;
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, QUEUE};
use serde_json::json;

use super::handler::Act;
use super::world::{LATE, message_of};
use super::{Effects, Fault, Fired, Plan, World};

/// How often the provider sends a request that is not answered with a 2xx.
const PROVIDER_TRIES: usize = 8;

/// How many rounds of waiting, sweeping and processing everything must end in.
const ROUNDS: usize = 60;

/// How often an operator asks for what was not done.
const OPERATOR_TRIES: usize = 4;

/// How an operator names the event to be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// By its key.
    Key,
    /// By its source and time.
    Range,
}

/// One event's story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// What the handler does, in order; afterwards it succeeds.
    pub script: Vec<Act>,
    /// The event's body is too large for a message.
    pub large: bool,
    /// The provider sends the event again after it was accepted.
    pub double_send: bool,
    /// An operator has dead letters sent again, once.
    pub redrive: bool,
    /// An operator has it replayed after its first attempt, which may have failed.
    pub early_replay: bool,
    /// An operator has it replayed, once it has ended.
    pub replay: Option<Replayed>,
    /// What goes wrong.
    pub plan: Plan,
}

impl Scenario {
    /// Whether the handler fails for good, or so often that it is given up.
    fn is_poison(&self) -> bool {
        let failures = self.script.iter().filter(|act| **act != Act::Write).count();
        // The attempts before a replay do not count.
        let failures = failures - usize::from(self.early_replay).min(failures);
        self.script.contains(&Act::Permanent) || failures >= MAX_ATTEMPTS as usize
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which, as the design numbers them.
    pub invariant: &'static str,
    /// What was found.
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

/// What a run remembers.
#[derive(Default)]
struct Run {
    accepted: bool,
    /// Effects that operators asked for.
    asked: usize,
    /// The newest epoch that a replay was accepted at.
    epoch: u32,
    /// Whether a replay is carried out slice by slice.
    slices: bool,
}

/// How a scenario ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The calls that were made.
    pub calls: Vec<String>,
    /// The event's state; empty where its item is gone.
    pub state: &'static str,
    /// How often it was claimed.
    pub attempts: u32,
}

/// Lives through a scenario and checks the invariants.
///
/// # Errors
/// The first invariant that did not hold.
pub async fn run(world: &mut World, scenario: &Scenario) -> Result<Ended, Violation> {
    world.large = scenario.large;
    world.next_event();
    world.faults.begin(scenario.plan.clone());
    *world.effects.lock().expect("no handler panics here") = Effects {
        script: scenario.script.iter().rev().copied().collect(),
        counter: world.key().to_string(),
        sent: world.body(),
        ..Effects::default()
    };
    let mut run = Run::default();
    deliver(world, &mut run).await?;
    if scenario.double_send {
        deliver(world, &mut run).await?;
    }
    if scenario.early_replay {
        world.process().await;
        replay(world, &mut run, Replayed::Key).await;
    }
    drain(world, &run).await?;
    if scenario.redrive {
        redrive(world, &mut run).await;
        drain(world, &run).await?;
    }
    if let Some(replayed) = scenario.replay {
        replay(world, &mut run, replayed).await;
        drain(world, &run).await?;
    }
    if scenario.script.contains(&Act::Write) {
        check_once(world, &run).await?;
    }
    if !scenario.is_poison() {
        check_effect(world, &run).await?;
    }
    check_end(world, &run).await?;
    clear(world).await;
    let event = world.event().await;
    Ok(Ended {
        calls: world.faults.calls(),
        state: event.as_ref().map_or("", |event| event.state.name()),
        attempts: event.map_or(0, |event| event.attempts),
    })
}

/// The provider sends until it is answered with a 2xx, as long as it has patience.
async fn deliver(world: &mut World, run: &mut Run) -> Result<(), Violation> {
    for _ in 0..PROVIDER_TRIES {
        if world.send().await {
            run.accepted = true;
            return check_carried(world).await;
        }
    }
    Ok(())
}

/// Lets everything that is due happen, and time pass, until nothing is left to do.
async fn drain(world: &mut World, run: &Run) -> Result<(), Violation> {
    for _ in 0..ROUNDS {
        world.sweep().await;
        if run.slices {
            world.replay_slice().await;
        }
        let finished = world.process().await;
        for record in &finished {
            if let Some(message) = message_of(record) {
                check_acknowledged(world, &message).await?;
            }
        }
        check_done(world).await?;
        let replaying = run.slices && world.is_replaying().await;
        if world.queued().await == 0 && world.outbox().await == 0 && !replaying {
            return Ok(());
        }
        if finished.is_empty() {
            world.clock.advance(LATE);
        }
    }
    Err(violation(
        world,
        "I8",
        format!("{} messages after {ROUNDS} rounds", world.queued().await),
    ))
}

/// An operator has the event's dead letters sent again.
async fn redrive(world: &mut World, run: &mut Run) {
    let asked = json!({ "keys": [world.key().as_str()] });
    for _ in 0..OPERATOR_TRIES {
        if world.dead_letters().await == 0 {
            return;
        }
        run.asked += 1;
        let answer = world.operate("/admin/dead-letters/redrive", &asked).await;
        if let Some((200, _)) = answer {
            return;
        }
        // What a redrive that died was looking at is hidden for a while.
        world.clock.advance(LATE);
    }
}

/// An operator's replay. One that was answered with 202 has to happen.
async fn replay(world: &mut World, run: &mut Run, replayed: Replayed) {
    let mut asked = match replayed {
        Replayed::Key => json!({ "keys": [world.key().as_str()] }),
        Replayed::Range => json!({ "source": "product", "since": world.began() }),
    };
    asked["reason"] = json!("a test");
    for _ in 0..OPERATOR_TRIES {
        let Some(event) = world.event().await else {
            return;
        };
        run.asked += 1;
        // A range ends now, and the event is to be in it.
        world.clock.advance(Duration::from_secs(1));
        match world.operate("/admin/replay", &asked).await {
            Some((202, _)) => {
                run.epoch = event.epoch + 1;
                run.slices = replayed == Replayed::Range;
                return;
            }
            Some((status, answer)) => assert!(status >= 500 || status == 422, "{answer}"),
            None => {}
        }
    }
}

/// I1: an accepted event without effect is in the queue, the outbox or the dead-letter queue.
async fn check_carried(world: &World) -> Result<(), Violation> {
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
async fn check_done(world: &World) -> Result<(), Violation> {
    match world.event().await {
        Some(event)
            if event.state == EventState::Done && effects(world) + world.count().await == 0 =>
        {
            Err(violation(world, "I2", "done without an effect".into()))
        }
        _ => Ok(()),
    }
}

/// I6: a message is acknowledged only when a terminal state was seen or written.
async fn check_acknowledged(world: &World, message: &Message) -> Result<(), Violation> {
    let event = world.event().await;
    let terminal = event.as_ref().is_none_or(|event| {
        matches!(event.state, EventState::Done | EventState::Dead) || event.epoch > message.epoch
    });
    if terminal || fired(world, &[Fault::Forget]) || world.queued().await > 0 {
        return Ok(());
    }
    Err(violation(
        world,
        "I6",
        format!("acknowledged while {event:?}"),
    ))
}

/// I8, where the handler would succeed: the effect comes, and no dead letter instead of it.
async fn check_effect(world: &World, run: &Run) -> Result<(), Violation> {
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
async fn check_once(world: &World, run: &Run) -> Result<(), Violation> {
    let count = world.count().await;
    world.effects.lock().expect("no handler panics here").count += count;
    // A replay whose answer was lost may have been carried out.
    let replayed = usize::try_from(run.epoch).expect("a small number");
    let right = (1 + replayed..=1 + run.asked).contains(&count);
    if run.accepted && !right && !fired(world, &[Fault::Forget]) {
        let found = format!(
            "{count} writes, {replayed} replays, {} asked for",
            run.asked
        );
        return Err(violation(world, "exactly once", found));
    }
    Ok(())
}

async fn check_end(world: &World, run: &Run) -> Result<(), Violation> {
    let effects_now = effects(world);
    let dead = world.dead_letters().await;
    if run.accepted && effects_now == 0 && dead == 0 {
        return Err(violation(
            world,
            "I1",
            "accepted, and without effect or dead letter".into(),
        ));
    }
    let altered = world
        .effects
        .lock()
        .expect("no handler panics here")
        .altered;
    if altered > 0 {
        let found = format!("{altered} handlers got a body that was not sent");
        return Err(violation(world, "I7", found));
    }
    let repeats = world.faults.fired().len() + run.asked;
    if effects_now > 1 + repeats {
        let found = format!("{effects_now} effects, {repeats} reasons for more than one");
        return Err(violation(world, "I4", found));
    }
    let most = world
        .effects
        .lock()
        .expect("no handler panics here")
        .most_running;
    if most > 1 && !fired(world, &[Fault::Late, Fault::Forget]) {
        return Err(violation(world, "I3", format!("{most} handlers at a time")));
    }
    match world.event().await {
        Some(event) if event.state == EventState::Dead && dead == 0 && effects_now == 0 => Err(
            violation(world, "I5", "dead, and the message is nowhere".into()),
        ),
        Some(event) if event.state == EventState::Done && event.epoch < run.epoch => Err(
            violation(world, "I1", "an accepted replay did not happen".into()),
        ),
        Some(event)
            if run.accepted && !matches!(event.state, EventState::Done | EventState::Dead) =>
        {
            Err(violation(world, "I8", format!("ended as {}", event.state)))
        }
        _ => Ok(()),
    }
}

/// Leaves nothing for the next run.
async fn clear(world: &World) {
    for queue in [QUEUE, DEAD_LETTER_QUEUE] {
        let sqs = &world.engines.sqs;
        loop {
            let rest = sqs.receive(queue, 10, Duration::ZERO, None).await;
            let rest = rest.expect("the queue answers");
            if rest.is_empty() {
                break;
            }
            for message in rest {
                sqs.delete(queue, &message.receipt_handle)
                    .await
                    .expect("the queue answers");
            }
        }
    }
}

fn effects(world: &World) -> usize {
    world.effects.lock().expect("no handler panics here").count
}

fn fired(world: &World, faults: &[Fault]) -> bool {
    world
        .faults
        .fired()
        .iter()
        .any(|(_, _, fault)| faults.contains(fault))
}

fn violation(world: &World, invariant: &'static str, found: String) -> Violation {
    Violation {
        invariant,
        found,
        fired: world.faults.fired(),
    }
}
