//! Every call of the functions' real code is crashed, failed, doubled and interrupted, one at a time, and
//! then at random several at once; what was accepted is never lost.

use std::time::Duration;

use hookgate_tests::crash::{
    Act, Fault, Plan, Replayed, Scenario, Violation, World, run, run_batch,
};

/// Tells a story with every fault at every call, in a test of its own.
macro_rules! stories {
    ($($name:ident: $story:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            strike($story).await;
        })*
    };
}

#[rustfmt::skip]
mod no_fault_at_any_call_loses_an_event_that {
    use super::*;

    stories! {
        is_handled_at_once: story(&[]);
        is_sent_twice: Scenario { double_send: true, ..story(&[]) };
        fails_and_then_is_handled: story(&[Act::Transient]);
        panics_and_then_is_handled: story(&[Act::Panic]);
        is_told_to_wait: story(&[Act::Throttled]);
        is_poison: story(&[Act::Permanent]);
        is_poison_and_redriven: Scenario { redrive: true, ..story(&[Act::Permanent]) };
        is_replayed_by_its_key: Scenario { replay: Some(Replayed::Key), ..story(&[]) };
        is_replayed_while_it_waits: Scenario { early_replay: true, ..story(&[Act::Transient]) };
        is_replayed_by_its_time: Scenario { replay: Some(Replayed::Range), ..story(&[]) };
        is_a_write: Scenario { double_send: true, ..story(&[Act::Write]) };
        fails_and_then_is_a_write: story(&[Act::Transient, Act::Write]);
        is_a_write_and_replayed: Scenario { replay: Some(Replayed::Key), ..story(&[Act::Write]) };
    }
}

#[rustfmt::skip]
mod no_fault_at_any_call_loses_or_alters_a_large_body_that {
    use super::*;

    stories! {
        fails_and_then_is_handled: Scenario { large: true, ..story(&[Act::Transient]) };
        is_sent_twice_and_replayed: Scenario {
            large: true, double_send: true, replay: Some(Replayed::Key), ..story(&[])
        };
    }
}

fn story(script: &[Act]) -> Scenario {
    Scenario {
        script: script.to_vec(),
        ..Scenario::default()
    }
}

/// Tells a story with every fault at every call.
async fn strike(story: Scenario) {
    let mut world = World::start().await;
    let untouched = run(&mut world, &story).await;
    let calls = untouched.unwrap_or_else(|found| panic!("{found}")).calls;
    println!("{} calls: {}", calls.len(), calls.join(", "));
    for call in 0..calls.len() {
        for fault in Fault::ALL {
            let plan = Plan::from([(call, fault)]);
            let scenario = Scenario {
                plan,
                ..story.clone()
            };
            if let Err(found) = run(&mut world, &scenario).await {
                panic!("{fault:?} at call {call}: {found}");
            }
        }
    }
}

/// A call that does not come back is answered by ingest itself, before its caller gives up: without a
/// 2xx, unless the event is carried.
#[tokio::test]
async fn a_call_that_hangs_costs_no_event() {
    let mut world = World::start().await;
    for call in 0..3 {
        let accepted = world.send_while_it_hangs(call).await;
        assert!(!accepted || world.is_carried().await, "call {call}");
    }
    assert!(!world.send_while_it_hangs(0).await, "the record hung");
}

#[tokio::test]
async fn a_message_whose_event_somebody_held_who_died_waits_and_is_handled() {
    let mut world = World::start().await;
    assert_eq!(world.meet_a_dead_holder().await, (0, 1));
    assert!(world.comes_to_its_end().await);
}

#[tokio::test]
async fn a_batch_that_is_half_done_at_its_deadline_is_done_in_the_end() {
    let mut world = World::start().await;
    let (short, long) = (Duration::from_secs(2), Duration::from_secs(30));
    let cut = run_batch(&mut world, 3, &[Act::Hang], short, Plan::new()).await;
    assert_eq!((cut.acknowledged, cut.effects), (2, 3), "{cut:?}");
    assert_eq!(cut.states, ["done"; 3]);
    // Too little time to begin with: nothing is claimed, nothing acknowledged.
    let cut = run_batch(&mut world, 3, &[], Duration::from_millis(500), Plan::new()).await;
    assert_eq!((cut.acknowledged, cut.effects), (0, 3), "{cut:?}");
    // Lambda ends the whole function at any of its calls: the batch comes again.
    for call in 0..cut.calls.max(12) {
        let plan = Plan::from([(call, Fault::TimeOut)]);
        let cut = run_batch(&mut world, 3, &[], long, plan).await;
        assert_eq!(cut.states, ["done"; 3], "call {call}: {cut:?}");
        assert!((3..=6).contains(&cut.effects), "call {call}: {cut:?}");
    }
}

/// Failures that may pass are tried eight times; the eighth message goes to the dead-letter queue.
#[tokio::test]
async fn after_eight_failures_an_event_is_given_up() {
    let mut world = World::start().await;
    let mut story = Scenario {
        script: vec![Act::Transient; 7],
        ..Scenario::default()
    };
    let ended = run(&mut world, &story)
        .await
        .unwrap_or_else(|found| panic!("{found}"));
    assert_eq!((ended.state, ended.attempts), ("done", 8));
    story.script = vec![Act::Panic; 8];
    let ended = run(&mut world, &story)
        .await
        .unwrap_or_else(|found| panic!("{found}"));
    assert_eq!((ended.state, ended.attempts), ("dead", 8));
    // A redrive begins to count anew: the ninth attempt is the first of eight.
    story.script = vec![Act::Transient; 15];
    story.redrive = true;
    let ended = run(&mut world, &story)
        .await
        .unwrap_or_else(|found| panic!("{found}"));
    assert_eq!((ended.state, ended.attempts), ("done", 16));
}

#[tokio::test]
async fn a_replay_of_an_event_that_waits_begins_eight_new_attempts() {
    let mut world = World::start().await;
    let story = Scenario {
        script: vec![Act::Transient; 8],
        early_replay: true,
        ..Scenario::default()
    };
    let ended = run(&mut world, &story)
        .await
        .unwrap_or_else(|found| panic!("{found}"));
    assert_eq!((ended.state, ended.attempts), ("done", 9));
}

/// The queue is down at the first calls: the event goes by the outbox.
#[tokio::test]
async fn an_event_that_the_queue_does_not_take_goes_by_the_outbox() {
    let mut world = World::start().await;
    // PutItem event, SendMessage (fails), PutItem outbox#0.
    let down = Plan::from([(1, Fault::Fail)]);
    let scenario = Scenario {
        plan: down.clone(),
        ..Scenario::default()
    };
    let ended = run(&mut world, &scenario).await;
    let calls = ended.unwrap_or_else(|found| panic!("{found}")).calls;
    assert_eq!(
        calls[1..3],
        ["SendMessage hookgate-events", "PutItem outbox#0"]
    );
    for fault in Fault::ALL {
        for call in 2..calls.len() {
            let mut plan = down.clone();
            plan.insert(call, fault);
            let scenario = Scenario {
                plan,
                ..Scenario::default()
            };
            if let Err(found) = run(&mut world, &scenario).await {
                panic!("{fault:?} at call {call}: {found}");
            }
        }
    }
}

/// A replay that waits for its slice needs no item in the ledger, and is not undone by a redelivery that
/// makes a new one.
#[tokio::test]
async fn a_range_is_replayed_though_its_event_is_forgotten_and_sent_again_meanwhile() {
    let mut world = World::start().await;
    let story = Scenario {
        replay: Some(Replayed::Range),
        ..Scenario::default()
    };
    let untouched = run(&mut world, &story).await;
    let calls = untouched.unwrap_or_else(|found| panic!("{found}")).calls;
    let asked = calls.iter().position(|call| call == "PutItem replay");
    let sent = calls
        .iter()
        .rposition(|call| call.starts_with("SendMessage"));
    let waits = asked.expect("it is written down") + 1..=sent.expect("it is sent");
    for forgotten in waits {
        for sent_again in forgotten + 1..calls.len() {
            let plan = [
                (forgotten, Fault::Forget),
                (sent_again, Fault::MeetDuplicate),
            ];
            let scenario = Scenario {
                plan: Plan::from(plan),
                ..story.clone()
            };
            if let Err(found) = run(&mut world, &scenario).await {
                panic!("{found}");
            }
        }
    }
}

#[tokio::test]
async fn no_mixture_of_faults_loses_an_event() {
    for seed in seeds() {
        let scenario = random(seed);
        let mut world = World::numbered(seed).await;
        if let Err(found) = run(&mut world, &scenario).await {
            let (scenario, found) = shrunk(seed, scenario, found).await;
            panic!("seed {seed}: {found}\nwith {scenario:?}");
        }
    }
}

/// Else the seed that a failure prints would be of no use.
#[tokio::test]
async fn a_seed_repeats_its_run_whatever_ran_before() {
    let mut runs = Vec::new();
    for seed in [7, 132, 8, 7, 132] {
        let ended = run(&mut World::numbered(seed).await, &random(seed)).await;
        runs.push(ended.unwrap_or_else(|found| panic!("seed {seed}: {found}")));
    }
    assert!(runs[0].calls.len() > 10, "{runs:?}");
    assert_ne!(runs[0], runs[1]);
    assert_eq!(runs[0..2], runs[3..5]);
}

/// The seeds to try: `HOOKGATE_SEEDS=FROM..TO`, or some.
#[expect(
    clippy::disallowed_methods,
    reason = "a longer run, and the repetition of one, are asked for by hand"
)]
fn seeds() -> std::ops::Range<u64> {
    let wish = std::env::var("HOOKGATE_SEEDS").unwrap_or_else(|_| "0..400".to_owned());
    let (from, to) = wish.split_once("..").expect("HOOKGATE_SEEDS is FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}

fn random(seed: u64) -> Scenario {
    let mut random = fastrand::Rng::with_seed(seed);
    let acts = [Act::Transient, Act::Throttled, Act::Panic, Act::Permanent];
    let script = (0..random.usize(0..3))
        .map(|_| acts[random.usize(0..acts.len())])
        .collect();
    let faults = 1 + random.usize(0..4);
    Scenario {
        script,
        large: random.u8(0..4) == 0,
        double_send: random.bool(),
        redrive: random.bool(),
        replay: [None, Some(Replayed::Key), Some(Replayed::Range)][random.usize(0..3)],
        plan: (0..faults)
            .map(|_| {
                (
                    random.usize(0..30),
                    Fault::ALL[random.usize(0..Fault::ALL.len())],
                )
            })
            .collect(),
        early_replay: random.u8(0..4) == 0,
    }
}

/// Takes faults out as long as the invariant still does not hold.
async fn shrunk(seed: u64, mut scenario: Scenario, mut found: Violation) -> (Scenario, Violation) {
    let mut smaller = true;
    while smaller {
        smaller = false;
        for call in scenario.plan.clone().into_keys() {
            let mut less = scenario.clone();
            less.plan.remove(&call);
            let mut world = World::numbered(seed).await;
            if let Err(still) = run(&mut world, &less).await {
                (scenario, found, smaller) = (less, still, true);
                break;
            }
        }
    }
    (scenario, found)
}
