//! Every call of the functions' real code is crashed, failed, doubled and interrupted, one at a time, and
//! then at random several at once; what was accepted is never lost.

use std::time::Duration;

use hookgate::config::IngestOrder;
use hookgate_tests::crash::{
    Act, Fault, Plan, Replayed, Scenario, Size, Violation, World, run, run_batch, run_foreign,
};

/// Tells a story with every fault at every call after those of its plan, in a test of its own.
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
        is_told_to_wait_for_long: story(&[Act::Closed]);
        fails_after_it_waited_for_long: story(&[Act::Closed, Act::Transient]);
        waits_for_long_and_has_two_messages: Scenario { plan: Plan::from([(SEND, Fault::Twice)]), ..story(&[Act::Closed]) };
        is_held: Scenario { paused: true, ..story(&[]) };
        is_held_and_then_fails: Scenario { paused: true, ..story(&[Act::Transient]) };
        is_held_and_has_two_messages: Scenario { paused: true, plan: Plan::from([(SEND, Fault::Twice)]), ..story(&[]) };
        is_poison: story(&[Act::Permanent]);
        is_poison_and_redriven: Scenario { redrive: true, ..story(&[Act::Permanent]) };
        is_replayed_by_its_key: Scenario { replay: Some(Replayed::Key), ..story(&[]) };
        is_replayed_while_it_waits: Scenario { early_replay: true, ..story(&[Act::Transient]) };
        is_replayed_by_its_time: Scenario { replay: Some(Replayed::Range), ..story(&[]) };
        is_a_write: Scenario { double_send: true, ..story(&[Act::Write]) };
        fails_and_then_is_a_write: story(&[Act::Transient, Act::Write]);
        is_a_write_and_replayed: Scenario { replay: Some(Replayed::Key), ..story(&[Act::Write]) };
        is_a_write_and_replayed_by_its_time: Scenario { replay: Some(Replayed::Range), ..story(&[Act::Write]) };
        // The queue is down when it comes.
        goes_by_the_outbox: Scenario { plan: Plan::from([(SEND, Fault::Fail)]), ..story(&[]) };
        // Its first request dies when it is recorded, so that only the provider's next one sends a message.
        was_recorded_without_a_message: Scenario { plan: Plan::from([(RECORD, Fault::CrashAfter)]), ..story(&[]) };
        has_two_messages: Scenario { plan: Plan::from([(SEND, Fault::Twice)]), ..story(&[]) };
        fails_and_has_two_messages: Scenario { plan: Plan::from([(SEND, Fault::Twice)]), ..story(&[Act::Transient]) };
    }
}

#[rustfmt::skip]
mod no_fault_at_any_call_loses_or_alters_a_large_body_that {
    use super::*;

    const IN_BUCKET: Size = Size::InBucket;

    stories! {
        fails_and_then_is_handled: Scenario { size: IN_BUCKET, ..story(&[Act::Transient]) };
        is_sent_twice_and_replayed: Scenario {
            size: IN_BUCKET, double_send: true, replay: Some(Replayed::Key), ..story(&[])
        };
        was_recorded_without_a_message: Scenario {
            size: IN_BUCKET, plan: Plan::from([(RECORD, Fault::CrashAfter)]), ..story(&[])
        };
    }

    /// Strikes only while it is archived: what compresses it takes long in a build for tests.
    #[tokio::test]
    async fn is_archived_in_parts_and_replayed() {
        let story = Scenario { size: Size::InParts, replay: Some(Replayed::Key), ..story(&[]) };
        strike_where(story, |call| call.starts_with("PutItem archive")).await;
    }
}

#[rustfmt::skip]
mod no_fault_at_any_call_loses_an_event_that_is_sent_before_it_is_recorded_and {
    use super::*;

    stories! {
        is_handled_at_once: story(&[]);
        is_sent_twice: Scenario { double_send: true, ..story(&[]) };
        fails_and_then_is_handled: story(&[Act::Transient]);
        is_poison: story(&[Act::Permanent]);
        is_replayed_by_its_key: Scenario { replay: Some(Replayed::Key), ..story(&[]) };
        is_a_write: Scenario { double_send: true, ..story(&[Act::Write]) };
        goes_by_the_outbox: Scenario { plan: Plan::from([(0, Fault::Fail)]), ..story(&[]) };
        has_two_messages: Scenario { plan: Plan::from([(0, Fault::Twice)]), ..story(&[Act::Transient]) };
        has_a_large_body: Scenario { size: Size::InBucket, double_send: true, ..story(&[]) };
    }

    /// Strikes all but the sweeper's looks at the outbox, which are the same in either order.
    async fn strike(story: Scenario) {
        let story = Scenario { order: IngestOrder::QueueFirst, ..story };
        strike_where(story, |call| !call.starts_with("Query")).await;
    }
}

// The first calls of every story.
const RECORD: usize = 0;
const SEND: usize = 1;

fn story(script: &[Act]) -> Scenario {
    Scenario {
        script: script.to_vec(),
        ..Scenario::default()
    }
}

/// Tells a story with every fault at every call after those of its plan.
async fn strike(story: Scenario) {
    strike_where(story, |_| true).await;
}

async fn strike_where(story: Scenario, struck: impl Fn(&str) -> bool) {
    let mut world = World::start().await;
    let calls = calls(&mut world, &story).await;
    println!("{} calls: {}", calls.len(), calls.join(", "));
    let first = story.plan.keys().last().map_or(0, |last| last + 1);
    for call in (first..calls.len()).filter(|call| struck(&calls[*call])) {
        for fault in Fault::ALL {
            let mut scenario = story.clone();
            scenario.plan.insert(call, fault);
            if let Err(found) = run(&mut world, &scenario).await {
                panic!("{fault:?} at call {call}: {found}");
            }
        }
    }
}

/// The calls of a story with no faults but its own.
async fn calls(world: &mut World, story: &Scenario) -> Vec<String> {
    let ended = run(world, story).await;
    ended.unwrap_or_else(|found| panic!("{found}")).calls
}

/// Else the stories would not strike what they are told for.
#[tokio::test]
async fn what_the_stories_mean_to_strike_is_called() {
    const DAY: &str = "PutItem archive-days";
    let mut world = World::start().await;
    let refused = Scenario {
        plan: Plan::from([(SEND, Fault::Fail)]),
        ..Scenario::default()
    };
    let expected = [
        "PutItem event",
        "SendMessage hookgate-events",
        "PutItem outbox#0",
    ];
    assert_eq!(calls(&mut world, &refused).await[..3], expected);
    let sent_first = Scenario {
        order: IngestOrder::QueueFirst,
        ..refused.clone()
    };
    let sent_first = Scenario {
        plan: Plan::from([(0, Fault::Fail)]),
        ..sent_first
    };
    let calls_of_ingest = calls(&mut world, &sent_first).await;
    assert_eq!(calls_of_ingest[..2], expected[1..]);
    for (size, expected) in [
        (Size::Small, &[DAY, "PutItem archive"][..]),
        (Size::InBucket, &[DAY, "PutItem archive", "GET"]),
        (
            Size::InParts,
            &[DAY, "PutItem archive.0001", "PutItem archive"],
        ),
    ] {
        let story = Scenario {
            size,
            ..Scenario::default()
        };
        let calls = calls(&mut world, &story).await;
        let claim = calls.iter().position(|call| call == "UpdateItem event");
        let archived = &calls[claim.expect("it is claimed") + 1..][..expected.len()];
        assert_eq!(archived, expected, "{size:?}");
    }
}

/// The answer, or a failure where there is none within a minute: a test is not to hang with what it tests.
async fn in_time(answer: impl Future<Output = bool>) -> bool {
    let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
    answer.expect("an answer before the provider gives up")
}

/// A call that does not come back is answered by ingest itself, before its caller gives up: without a
/// 2xx, unless the event is carried.
#[tokio::test]
async fn a_call_that_hangs_costs_no_event() {
    let mut world = World::start().await;
    for call in 0..3 {
        let accepted = in_time(world.send_while_it_hangs(call)).await;
        assert!(!accepted || world.is_carried().await, "call {call}");
    }
    let accepted = in_time(world.send_while_it_hangs(0)).await;
    assert!(!accepted, "the record hung");
}

#[tokio::test]
async fn a_message_whose_event_somebody_held_who_died_waits_and_is_handled() {
    let mut world = World::start().await;
    assert_eq!(world.meet_a_dead_holder().await, (0, 1));
    assert!(world.comes_to_its_end().await);
}

/// A lease holds until five seconds after the invocation must have ended, which is after 30 s.
const LEASE: Duration = Duration::from_secs(35);

/// The template's visibility timeout.
const VISIBILITY: Duration = Duration::from_secs(240);

const MOMENT: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_lease_outlasts_every_handler_and_no_longer() {
    let mut world = World::start().await;
    for time in [Duration::ZERO, Duration::from_secs(30), LEASE] {
        let handlers = world.handlers_when_one_runs_for(time).await;
        assert_eq!(handlers, 1, "after {time:?}");
        assert!(!world.is_taken_over_after(time).await, "after {time:?}");
    }
    assert!(world.is_taken_over_after(LEASE + MOMENT).await);
}

#[tokio::test]
async fn a_message_whose_processor_died_comes_again_when_the_lease_is_over() {
    let mut world = World::start().await;
    let early = world.comes_again_after(VISIBILITY - MOMENT).await;
    assert_eq!(early, (false, false));
    assert_eq!(world.comes_again_after(VISIBILITY).await, (true, true));
}

#[tokio::test]
async fn a_message_of_an_event_that_is_held_waits_for_the_rest_of_the_lease() {
    let mut world = World::start().await;
    world.meet_a_dead_holder().await;
    // One second, and up to two more, so that not all come at once.
    let delays = world.delays();
    assert!(matches!(delays[..], [36..=38]), "{delays:?}");
}

/// The ceilings double from two seconds on; each wait is drawn evenly from nothing to that.
#[tokio::test]
async fn a_failure_that_may_pass_waits_up_to_its_ceiling_and_half_of_it_on_average() {
    const CEILINGS: [u64; 7] = [2, 4, 8, 16, 32, 64, 128];
    let story = story(&[Act::Transient; 7]);
    let mut sum = 0;
    for number in 0..10 {
        let mut world = World::numbered(number).await;
        calls(&mut world, &story).await;
        let delays = world.delays();
        assert_eq!(delays.len(), CEILINGS.len(), "{delays:?}");
        let waits = delays.iter().zip(CEILINGS);
        assert!(
            waits
                .clone()
                .all(|(wait, ceiling)| (1..=ceiling).contains(wait)),
            "{delays:?}"
        );
        sum += delays.iter().sum::<u64>();
    }
    let all = 10 * CEILINGS.iter().sum::<u64>();
    assert!((all / 4..all * 3 / 4).contains(&sum), "{sum} of {all}");
}

#[tokio::test]
async fn an_event_whose_handler_says_when_waits_until_then() {
    let mut world = World::start().await;
    calls(&mut world, &story(&[Act::Throttled])).await;
    assert_eq!(world.delays(), [60]);
}

#[tokio::test]
async fn an_event_that_the_dead_letter_queue_does_not_take_waits_up_to_half_a_minute() {
    let mut sum = 0;
    for number in 0..10 {
        let mut world = World::numbered(number).await;
        let mut poison = story(&[Act::Permanent, Act::Permanent]);
        let untouched = calls(&mut world, &poison).await;
        let letter = |call: &String| call == "SendMessage hookgate-dead-letters";
        let letter = untouched.iter().position(letter).expect("a dead letter");
        poison.plan.insert(letter, Fault::Fail);
        calls(&mut world, &poison).await;
        let delays = world.delays();
        assert!(matches!(delays[..], [0..=30]), "{delays:?}");
        sum += delays[0];
    }
    assert!(
        (75..225).contains(&sum),
        "ten waits of up to half a minute: {sum} s"
    );
}

/// A message that cannot be read belongs to someone: it is dead-lettered unchanged, or stays in the queue.
#[tokio::test]
async fn no_fault_at_any_call_loses_a_message_of_somebody_else() {
    let mut world = World::start().await;
    let calls = run_foreign(&mut world, Plan::new()).await;
    let calls = calls.unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(
        calls,
        [
            "receive",
            "SendMessage hookgate-dead-letters",
            "acknowledge"
        ]
    );
    for call in 0..calls.len() {
        for fault in Fault::ALL {
            let plan = Plan::from([(call, fault)]);
            if let Err(found) = run_foreign(&mut world, plan).await {
                panic!("{found}");
            }
        }
    }
}

#[tokio::test]
async fn an_outbox_entry_that_cannot_be_read_stays_and_holds_nothing_up() {
    let mut world = World::start().await;
    assert_eq!(world.sweep_past_an_unreadable_entry().await, (1, 1));
}

#[tokio::test]
async fn a_batch_that_is_half_done_at_its_deadline_is_done_in_the_end() {
    let mut world = World::start().await;
    let (short, long) = (Duration::from_secs(6), Duration::from_secs(30));
    let cut = run_batch(&mut world, 3, &[Act::Hang], short, Plan::new()).await;
    // The message of the one that did not end is acknowledged too: its next attempt has a message of its own.
    assert_eq!((cut.acknowledged, cut.effects), (3, 3), "{cut:?}");
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

/// A replay that waits for its slice needs no item in the ledger, and is not undone by a redelivery that
/// makes a new one.
#[tokio::test]
async fn a_range_is_replayed_though_its_event_is_forgotten_and_sent_again_meanwhile() {
    let mut world = World::start().await;
    let story = Scenario {
        replay: Some(Replayed::Range),
        ..Scenario::default()
    };
    let calls = calls(&mut world, &story).await;
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
    let acts = [
        Act::Transient,
        Act::Throttled,
        Act::Closed,
        Act::Panic,
        Act::Permanent,
    ];
    let script = (0..random.usize(0..3))
        .map(|_| acts[random.usize(0..acts.len())])
        .collect();
    let faults = 1 + random.usize(0..4);
    let large = random.u8(0..4) == 0;
    let mut scenario = Scenario {
        script,
        size: if large { Size::InBucket } else { Size::Small },
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
        paused: random.u8(0..4) == 0,
        order: IngestOrder::default(),
    };
    if random.u8(0..4) == 0 {
        scenario.order = IngestOrder::QueueFirst;
    }
    // In the end it writes, again and again.
    if random.u8(0..4) == 0 {
        scenario.script.push(Act::Write);
    }
    scenario
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
