//! Several events in one batch, whose time is short.

use std::time::Duration;

use hookgate_ledger::State;

use super::handler::Act;
use super::limits::CLAIM;
use super::world::LATE;
use super::{Effects, Plan, World};

/// Number of rounds of waiting and processing within which everything must end.
const ROUNDS: usize = 40;

/// The result of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The number of its messages that were acknowledged at once.
    pub acknowledged: usize,
    /// The number of effects in the end.
    pub effects: usize,
    /// The events' states in the end.
    pub states: Vec<&'static str>,
    /// The number of calls that the batch made.
    pub calls: usize,
}

/// Has so many events handled as one batch, with so much time and these faults; then as often as it
/// takes.
pub async fn run_batch(
    world: &mut World,
    events: usize,
    script: &[Act],
    timeout: Duration,
    plan: Plan,
) -> Cut {
    *world.effects() = Effects {
        script: script.to_vec(),
        ..Effects::default()
    };
    world.faults.begin(Plan::new());
    let mut keys = Vec::new();
    for _ in 0..events {
        world.next_event();
        assert!(world.send().await, "nothing is wrong yet");
        keys.push(world.key());
    }
    world.faults.begin(plan);
    let acknowledged = world.process_within(timeout).await.len();
    let calls = world.faults.calls().len();
    world.faults.begin(Plan::new());
    for _ in 0..ROUNDS {
        if world.queued().await == 0 {
            break;
        }
        if world.process().await.is_empty() {
            world.clock.advance(LATE);
        }
    }
    let mut states = Vec::new();
    for key in &keys {
        states.push(
            world
                .event_of(key)
                .await
                .map_or("", |event| event.state.name()),
        );
    }
    let effects = world.effects().count;
    Cut {
        acknowledged,
        effects,
        states,
        calls,
    }
}

impl World {
    /// Sends a request while the call of this number does not come back; whether ingest's own answer
    /// is a 2xx.
    pub async fn send_while_it_hangs(&mut self, call: usize) -> bool {
        self.next_event();
        self.faults.begin(Plan::from([(call, super::Fault::Hang)]));
        self.send().await
    }

    /// A processor dies under its claim; its message comes again at once, before the lease is over. How
    /// many messages were acknowledged then, and how many are left.
    pub async fn meet_a_dead_holder(&mut self) -> (usize, usize) {
        self.next_event();
        self.faults.begin(Plan::new());
        assert!(self.send().await, "nothing is wrong yet");
        self.faults
            .begin(Plan::from([(CLAIM, super::Fault::CrashAfter)]));
        self.process().await;
        self.faults.begin(Plan::new());
        self.deliver_again().await;
        let acknowledged = self.process().await.len();
        (acknowledged, self.queued().await)
    }

    /// True if the event of the last request has its effect in the end.
    pub async fn comes_to_its_end(&mut self) -> bool {
        for _ in 0..ROUNDS {
            self.clock.advance(LATE);
            self.process().await;
        }
        self.event()
            .await
            .is_some_and(|event| event.state == State::Done)
    }

    /// True if the event of the last request is in the queue or the outbox.
    pub async fn is_carried(&self) -> bool {
        self.queued().await + self.outbox().await > 0
    }
}
