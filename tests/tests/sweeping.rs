//! The sweep, once a minute: the outbox is emptied, and replays of ranges advance. On the embedded
//! engines.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::config::DEFAULT_RETENTION;
use hookgate::event::EventFilter;
use hookgate::event::Until;
use hookgate::metrics::Metric;
use hookgate::replay::{EventRange, Progress, Replay, ReplayId, ReplayState, Replayed};
use hookgate::{Body, Clock, DynamoTable, Event, Message, Number, SqsQueue, system_now, unix_ms};
use hookgate_admin::Admin;
use hookgate_sweeper::{Slice, Sweeper, run_once};
use hookgate_tests::archived::{SOURCE, archive, event, events_over_midnight, table_in_pages};
use hookgate_tests::gate::Gate;
use hookgate_tests::telemetry::Output;
use hookgate_twin::engines::{Engines, QUEUE, REPLAY_QUEUE};
use http::{Method, Request};

/// More than a queue takes: 1 MiB.
const TOO_LARGE: usize = 1_200_000;

async fn engines() -> Engines {
    Engines::in_memory(Box::new(system_now)).await.unwrap()
}

/// Enough time for any sweep.
fn later() -> SystemTime {
    system_now() + Duration::from_secs(600)
}

/// The engines' queue, asked at another URL.
fn queue_at(engines: &Engines, url: &str) -> SqsQueue {
    let config = engines.sqs_client().config().to_builder();
    let client = aws_sdk_sqs::Client::from_conf(config.endpoint_url(url).build());
    SqsQueue::new(client, format!("{url}/000000000000/{QUEUE}"))
}

/// Takes all messages out of the queue.
async fn queued(engines: &Engines) -> Vec<Message> {
    let mut messages = Vec::new();
    loop {
        let received = engines.sqs.receive(QUEUE, 10, Duration::ZERO, None);
        let received = received.await.unwrap();
        if received.is_empty() {
            return messages;
        }
        let texts = received.iter().map(|message| &message.body);
        messages.extend(texts.map(|text| Message::from_json(text).unwrap()));
    }
}

fn large(event: Event) -> Event {
    Event {
        body: Body::Inline(Bytes::from(vec![0; TOO_LARGE])),
        ..event
    }
}

/// Notes a replay of all these events, and returns it.
async fn asked(table: &DynamoTable, events: &[Event]) -> Replay {
    let now = system_now();
    let times = events.iter().map(|event| unix_ms(event.received));
    let replay = Replay {
        id: ReplayId::new(now, 1),
        reason: "a test".to_owned(),
        of: Replayed::Range(EventRange {
            source: SOURCE.to_owned(),
            filter: EventFilter::default(),
            since_ms: times.clone().min().unwrap(),
            until_ms: times.max().unwrap(),
        }),
        rate_per_s: 500,
        asked_ms: unix_ms(now),
        ended_ms: None,
        state: ReplayState::Running,
        progress: Progress::default(),
        version: 0,
    };
    table.add_replay(&replay, now).await.unwrap();
    replay
}

async fn read(table: &DynamoTable, replay: &Replay) -> Replay {
    table.replay(&replay.id).await.unwrap().unwrap()
}

fn keys<'a>(events: impl IntoIterator<Item = &'a Event>) -> HashSet<&'a str> {
    events.into_iter().map(|event| event.key.as_str()).collect()
}

#[tokio::test]
async fn a_range_of_many_pages_is_replayed_whole_and_each_event_once() {
    let engines = engines().await;
    let table = table_in_pages(&engines, 7);
    let events = events_over_midnight(&table, 250).await;
    let replay = asked(&table, &events).await;
    let sweeper = Sweeper::new(table.clone(), engines.queue(), Vec::new(), Clock::system());
    let slice = sweeper.replay(later()).await.unwrap();
    assert_eq!(slice, Slice { sent: 250, done: 1 });

    let messages = queued(&engines).await;
    assert_eq!(messages.len(), 250, "each once");
    let sent = messages.iter().map(|message| &message.event);
    assert_eq!(keys(sent), keys(&events));
    assert!(messages.iter().all(|message| message.number.epoch == 1));
    let replay = read(&table, &replay).await;
    assert_eq!(replay.state, ReplayState::Done);
    assert_eq!((replay.progress.found, replay.progress.sent), (250, 250));
    // What is done is not begun again.
    let slice = sweeper.replay(later()).await.unwrap();
    assert_eq!(slice, Slice::default());
}

#[tokio::test]
async fn a_range_of_many_shards_is_replayed_at_the_highest_rate() {
    let engines = engines().await;
    let mut events = Vec::new();
    // Each has another shard, as each process of the processor has.
    for first in (0..1000).step_by(20) {
        let table = engines.table(Some(DEFAULT_RETENTION));
        for number in first..first + 20 {
            let event = event(number, system_now());
            table.record(&event, event.received).await.unwrap();
            archive(&table, &event).await;
            events.push(event);
        }
    }
    let table = engines.table(Some(DEFAULT_RETENTION));
    let mut replay = asked(&table, &events).await;
    replay.rate_per_s = 5_000;
    table.save_replay(&mut replay, system_now()).await.unwrap();
    let sweeper = Sweeper::new(table.clone(), engines.queue(), Vec::new(), Clock::system());
    let slice = sweeper.replay(later()).await.unwrap();
    assert_eq!(
        slice,
        Slice {
            sent: 1000,
            done: 1
        }
    );
    let messages = queued(&engines).await;
    let sent = messages.iter().map(|message| &message.event);
    assert_eq!((keys(sent), messages.len()), (keys(&events), 1000));
}

#[tokio::test]
async fn with_fewer_shards_than_before_every_row_is_still_sent() {
    let engines = engines().await;
    let many = engines.table(None).with_outbox_shards(200);
    let fewer = engines.table(None);
    for number in 0..300 {
        let table = if number % 2 == 0 { &many } else { &fewer };
        let message = Message {
            event: event(number, system_now()),
            number: Number::default(),
            replay: None,
            probe: false,
            held_ms: 0,
        };
        let due = Until::Due(system_now());
        table.add_to_outbox(&message, due).await.unwrap();
    }
    assert_eq!(fewer.outbox_depth(system_now()).await.unwrap(), 300);
    let sweeper = Sweeper::new(fewer, engines.queue(), Vec::new(), Clock::system());
    let swept = sweeper.sweep(later()).await.unwrap();
    assert_eq!((swept.sent, swept.left), (300, 0));
    assert_eq!(queued(&engines).await.len(), 300);
}

#[tokio::test]
async fn messages_of_replays_wait_in_a_queue_of_their_own() {
    let engines = engines().await;
    let table = engines.table(Some(DEFAULT_RETENTION));
    let events = events_over_midnight(&table, 15).await;
    let of_replay = |event: &Event, epoch: u32| Message {
        event: event.clone(),
        number: Number::first_of(epoch),
        replay: (epoch > 0).then(|| "199c82cc07b-00000007".to_owned()),
        probe: false,
        held_ms: 0,
    };
    // The outbox has both kinds in turn.
    for (event, epoch) in events.iter().zip([0, 1].into_iter().cycle()).take(10) {
        let due = Until::Due(system_now());
        let message = of_replay(event, epoch);
        table.add_to_outbox(&message, due).await.unwrap();
    }
    asked(&table, &events[10..]).await;
    let queue = engines.queue_with_replays();
    let sweeper = Sweeper::new(table, queue, Vec::new(), Clock::system());
    sweeper.sweep(later()).await.unwrap();
    sweeper.replay(later()).await.unwrap();
    let live = queued(&engines).await;
    assert_eq!(live.len(), 5);
    assert!(live.iter().all(|message| message.replay.is_none()));
    let replays = engines.sqs.depth(REPLAY_QUEUE).await.unwrap();
    assert_eq!(replays.visible, 10);
}

#[tokio::test]
async fn messages_of_a_fair_queue_have_a_group_per_source_and_tenant() {
    let engines = engines().await;
    let fair = engines.queue().fair(true);
    let of_tenant = |tenant: Option<&str>| Message {
        event: Event {
            tenant: tenant.map(str::to_owned),
            ..event(1, system_now())
        },
        number: Number::first_of(0),
        replay: None,
        probe: false,
        held_ms: 0,
    };
    fair.send(&of_tenant(Some("acme"))).await.unwrap();
    // SQS refuses a group with blanks or of more than 128 characters.
    let long = "t".repeat(256);
    let others = [
        None,
        Some("acme"),
        Some("Acme Ltd"),
        Some("M\u{fc}ller"),
        Some(long.as_str()),
    ]
    .map(of_tenant);
    let batch: Vec<_> = others
        .iter()
        .map(|message| (message, Duration::ZERO))
        .collect();
    for sent in fair.send_all(&batch).await {
        sent.unwrap();
    }
    engines
        .queue()
        .send(&of_tenant(Some("acme")))
        .await
        .unwrap();
    let mut groups = Vec::new();
    let received = engines
        .sqs
        .receive(QUEUE, 10, Duration::ZERO, None)
        .await
        .unwrap();
    for message in &received {
        groups.push(message.system_attributes.get("MessageGroupId").cloned());
    }
    assert_eq!(groups.len(), 7);
    let is_acme = |group: &&Option<String>| **group == Some(format!("{SOURCE}/acme"));
    assert_eq!(groups.iter().filter(is_acme).count(), 2);
    assert!(groups.contains(&Some(SOURCE.to_owned())));
    assert!(
        groups.contains(&None),
        "a queue that is not fair has no groups"
    );
    let apart: HashSet<_> = groups.into_iter().collect();
    assert_eq!(apart.len(), 6, "each tenant has a group of its own");
}

#[tokio::test]
async fn a_replay_that_stands_within_a_day_goes_on_there() {
    let engines = engines().await;
    let table = table_in_pages(&engines, 7);
    let events = events_over_midnight(&table, 60).await;
    let mut replay = asked(&table, &events).await;
    let Replayed::Range(range) = replay.of.clone() else {
        panic!("a range");
    };
    // As a sweeper left it that read one part at a time.
    let page = table.page(&range, None, 7).await.unwrap();
    let done: HashSet<String> = page.events.iter().map(|at| at.key.to_string()).collect();
    replay.progress.next = page.next;
    assert!(!done.is_empty() && replay.progress.next.is_some());
    table.save_replay(&mut replay, system_now()).await.unwrap();
    let sweeper = Sweeper::new(table.clone(), engines.queue(), Vec::new(), Clock::system());
    sweeper.replay(later()).await.unwrap();
    let messages = queued(&engines).await;
    let sent = messages.iter().map(|message| &message.event);
    let rest = events
        .iter()
        .filter(|event| !done.contains(event.key.as_str()));
    assert_eq!(keys(sent), keys(rest));
    assert_eq!(messages.len(), 60 - done.len());
}

#[tokio::test]
async fn a_replay_that_is_cancelled_while_a_slice_sends_stays_cancelled() {
    let engines = engines().await;
    let table = engines.table(Some(DEFAULT_RETENTION));
    let events = events_over_midnight(&table, 40).await;
    let mut replay = asked(&table, &events).await;
    replay.rate_per_s = 20;
    table.save_replay(&mut replay, system_now()).await.unwrap();
    let gate = Gate::holding(&engines.sqs_endpoint).await;
    let slow = queue_at(&engines, &gate.url());
    let sweeper = Sweeper::new(table.clone(), slow, Vec::new(), Clock::system());
    let slice = tokio::spawn(async move { sweeper.replay(later()).await });
    gate.someone_came().await;

    let admin = Admin::new(
        vec![SOURCE.to_owned()],
        Some(DEFAULT_RETENTION),
        table.clone(),
        engines.queue(),
        engines.dead_letters(),
        Clock::system(),
    );
    let cancel = Request::builder()
        .method(Method::DELETE)
        .uri(format!("/admin/replays/{}", replay.id));
    let answer = admin.handle(cancel.body(Bytes::new()).unwrap()).await;
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
    gate.open();
    slice.await.unwrap().unwrap();

    let replay = read(&table, &replay).await;
    assert_eq!(replay.state, ReplayState::Cancelled);
    assert!(
        replay.progress.pending.is_empty(),
        "nothing is left to send"
    );
    let sent = queued(&engines).await.len();
    assert!(sent < 40, "{sent} of 40 were sent");
    let sweeper = Sweeper::new(table, engines.queue(), Vec::new(), Clock::system());
    let slice = sweeper.replay(later()).await.unwrap();
    assert_eq!(slice, Slice::default());
    assert!(queued(&engines).await.is_empty(), "and none afterwards");
}

#[tokio::test]
async fn an_event_that_no_queue_takes_is_named_and_the_replay_goes_on_without_it() {
    let engines = engines().await;
    let table = engines.table(Some(DEFAULT_RETENTION));
    let mut events = events_over_midnight(&table, 4).await;
    let unsendable = large(event(4, events[3].received));
    table.record(&unsendable, system_now()).await.unwrap();
    archive(&table, &unsendable).await;
    events.push(unsendable.clone());
    let replay = asked(&table, &events).await;
    let sweeper = Sweeper::new(table.clone(), engines.queue(), Vec::new(), Clock::system());
    let mut sweeps = 0;
    while read(&table, &replay).await.state == ReplayState::Running {
        sweeps += 1;
        assert!(sweeps < 20, "the replay does not end");
        sweeper.replay(later()).await.unwrap();
    }
    let progress = read(&table, &replay).await.progress;
    assert_eq!((progress.found, progress.sent, progress.failed), (5, 4, 1));
    assert_eq!(progress.failed_keys, [unsendable.key.as_str()]);
    assert!(progress.error.is_some(), "the operator reads why");
    assert!(sweeps > 5, "it was tried often");
    let messages = queued(&engines).await;
    let sent = messages.iter().map(|message| &message.event);
    assert_eq!((keys(sent), messages.len()), (keys(&events[..4]), 4));
}

/// Adds so many messages to the outbox.
async fn waiting(table: &DynamoTable, count: usize) {
    for number in 0..count {
        let event = event(number, system_now());
        let message = Message {
            event,
            number: hookgate::Number::default(),
            replay: None,
            probe: false,
            held_ms: 0,
        };
        table
            .add_to_outbox(&message, Until::Due(message.event.received))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_sweep_ends_before_its_time_is_over_and_the_rest_waits_for_the_next() {
    let engines = engines().await;
    let table = engines.table(None);
    waiting(&table, 30).await;
    // Each look at the clock takes a second.
    let (start, seconds) = (system_now(), AtomicU32::new(0));
    let clock = move || {
        let passed = seconds.fetch_add(1, Ordering::Relaxed);
        start + Duration::from_secs(passed.into())
    };
    let sweeper = Sweeper::new(
        table.clone(),
        engines.queue(),
        Vec::new(),
        Clock::new(clock),
    );
    let swept = sweeper
        .sweep(start + Duration::from_secs(14))
        .await
        .unwrap();
    assert!((1..30).contains(&swept.sent), "{swept:?}");
    let left = table.outbox_depth(system_now()).await.unwrap();
    assert_eq!(swept.sent as u64 + left, 30);

    let sweeper = Sweeper::new(table.clone(), engines.queue(), Vec::new(), Clock::system());
    let rest = sweeper.sweep(later()).await.unwrap();
    assert_eq!(rest.sent as u64, left);
    assert_eq!(table.outbox_depth(system_now()).await.unwrap(), 0);
    assert_eq!(queued(&engines).await.len(), 30);
}

#[tokio::test]
async fn replays_go_on_while_the_outbox_cannot_be_swept() {
    let engines = engines().await;
    let table = engines.table(Some(DEFAULT_RETENTION));
    let event = large(event(100, system_now()));
    let unsendable = Message {
        event,
        number: hookgate::Number::default(),
        replay: None,
        probe: false,
        held_ms: 0,
    };
    table
        .add_to_outbox(&unsendable, Until::Due(system_now()))
        .await
        .unwrap();
    let events = events_over_midnight(&table, 4).await;
    let replay = asked(&table, &events).await;
    let sweeper = Sweeper::new(table.clone(), engines.queue(), Vec::new(), Clock::system());
    assert_eq!(sweeper.sweep(later()).await.unwrap().left, 1);
    run_once(&sweeper, later()).await;
    assert_eq!(read(&table, &replay).await.state, ReplayState::Done);
    assert_eq!(queued(&engines).await.len(), 4);
    assert_eq!(
        table.outbox_depth(system_now()).await.unwrap(),
        1,
        "it is not lost"
    );
}

#[tokio::test]
async fn the_depth_of_the_outbox_is_what_waits_there() {
    let (output, _taken) = Output::take("info");
    let engines = engines().await;
    let table = engines.table(None);
    waiting(&table, 5).await;
    let down = queue_at(&engines, "http://127.0.0.1:9");
    let sweeper = Sweeper::new(table.clone(), down, Vec::new(), Clock::system());
    run_once(&sweeper, later()).await;
    assert_eq!(output.sum(Metric::OutboxDepth), 5);
    assert_eq!(output.sum(Metric::SweeperRuns), 0, "that one failed");
    let sweeper = Sweeper::new(table, engines.queue(), Vec::new(), Clock::system());
    run_once(&sweeper, later()).await;
    assert_eq!(output.sum(Metric::OutboxDepth), 5, "and nothing more");
    assert_eq!(output.sum(Metric::SweeperRuns), 1);
}
