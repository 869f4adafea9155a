use std::time::Duration;

use hookgate::config::IngestOrder;
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, QUEUE, REPLAY_QUEUE};
use serde_json::json;

use super::acts::message_of;
use super::checks::{
    check_acknowledged, check_archived, check_carried, check_done, check_effect, check_end,
    check_once, violation,
};
use super::handler::Act;
use super::world::{ATTEMPTS, LATE};
use super::{Plan, Violation, World};

/// The number of times that the provider sends a request that is not answered with a 2xx.
const PROVIDER_TRIES: usize = 8;

/// Number of rounds of waiting, sweeping and processing within which everything must end.
const ROUNDS: usize = 60;

/// The number of times that an operator repeats a request that failed.
const OPERATOR_TRIES: usize = 4;

/// An operator's way to name the event to be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// By its key.
    Key,
    /// By its source and time.
    Range,
}

/// The size of an event's body, which decides where it travels and is archived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// In its message, and in one item.
    #[default]
    Small,
    /// In the bucket.
    InBucket,
    /// In its message, because there is no bucket, and in two items.
    InParts,
}

/// One event's story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// The handler's acts, in order; afterwards it succeeds.
    pub script: Vec<Act>,
    /// The size of the event's body.
    pub size: Size,
    /// The order in which ingest makes it durable.
    pub order: IngestOrder,
    /// The provider sends the event again after it was accepted.
    pub double_send: bool,
    /// Its route is paused when it comes, and resumed once its message was received.
    pub paused: bool,
    /// An operator has dead letters sent again, once.
    pub redrive: bool,
    /// An operator has it replayed after its first attempt, which may have failed.
    pub early_replay: bool,
    /// An operator has it replayed, once it has ended.
    pub replay: Option<Replayed>,
    /// The faults.
    pub plan: Plan,
}

impl Scenario {
    /// True if the handler fails permanently, or so often that the event is given up.
    fn is_poison(&self) -> bool {
        let failures = self.script.iter().filter(|act| **act != Act::Write).count();
        // The attempts before a replay do not count.
        let failures = failures - usize::from(self.early_replay).min(failures);
        self.script.contains(&Act::Permanent) || failures >= ATTEMPTS as usize
    }
}

/// The state of a run.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) accepted: bool,
    /// Effects that operators asked for.
    pub(crate) asked: usize,
    /// The newest epoch that a replay was accepted at.
    pub(crate) epoch: u32,
    /// Accepted replays of an event that had ended: each is to have an effect of its own.
    pub(crate) repeats: usize,
    /// The number of replays' messages that were acknowledged before the newest replay was requested.
    pub(crate) replays: usize,
    /// True if a replay is run slice by slice.
    slices: bool,
    /// True if the sweeper looks for held messages.
    releases: bool,
}

/// The result of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The calls that were made.
    pub calls: Vec<String>,
    /// The event's state; empty where its item is gone.
    pub state: &'static str,
    /// The number of times that it was claimed.
    pub attempts: u32,
}

/// Lives through a scenario and checks the invariants.
///
/// # Errors
/// The first invariant that did not hold.
pub async fn run(world: &mut World, scenario: &Scenario) -> Result<Ended, Violation> {
    (world.size, world.order) = (scenario.size, scenario.order);
    world.begin(&scenario.script, scenario.plan.clone());
    let mut run = Run::default();
    deliver(world, &mut run).await?;
    if scenario.double_send {
        deliver(world, &mut run).await?;
    }
    if scenario.paused {
        world.pause().await;
        world.process().await;
        world.resume().await;
        run.releases = true;
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
        let before = run.epoch;
        replay(world, &mut run, replayed).await;
        run.repeats = usize::from(run.epoch > before);
        drain(world, &run).await?;
    }
    if scenario.script.contains(&Act::Write) {
        check_once(world, &run, scenario.is_poison()).await?;
    }
    if !scenario.is_poison() {
        check_effect(world, &run).await?;
    }
    check_archived(world).await?;
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
    for round in 0..ROUNDS {
        // Another sweep of an empty outbox would only repeat what the first has shown.
        if round == 0 || world.outbox().await > 0 {
            world.sweep().await;
        }
        if run.releases {
            world.release().await;
        }
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
    let (path, mut asked) = match replayed {
        Replayed::Key => ("/admin/replay", json!({ "keys": [world.key().as_str()] })),
        Replayed::Range => (
            "/admin/replays",
            json!({ "source": "product", "since": world.began() }),
        ),
    };
    asked["reason"] = json!("a test");
    for _ in 0..OPERATOR_TRIES {
        let Some(event) = world.event().await else {
            return;
        };
        let replays = world.effects().replays;
        run.asked += 1;
        // A range ends now, and the event is to be in it.
        world.clock.advance(Duration::from_secs(1));
        match world.operate(path, &asked).await {
            Some((202, _)) => {
                run.epoch = event.epoch + 1;
                run.replays = replays;
                run.slices = replayed == Replayed::Range;
                return;
            }
            Some((status, answer)) => assert!(status >= 500 || status == 422, "{answer}"),
            None => {}
        }
    }
}

/// Leaves nothing for the next run.
pub(crate) async fn clear(world: &World) {
    for queue in [QUEUE, REPLAY_QUEUE, DEAD_LETTER_QUEUE] {
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
