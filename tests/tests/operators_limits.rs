//! The limits of the operators' API: what is just allowed, what is one too many, and what an answer that is not whole
//! says of itself. On the embedded engines.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::config::DEFAULT_RETENTION;
use hookgate::replay::{Progress, Replay, ReplayId, ReplayState, Replayed};
use hookgate::{Clock, DynamoTable, EventKey, rfc3339, system_now, unix_ms};
use hookgate_admin::{Admin, MAX_BODY_BYTES};
use hookgate_tests::archived::{SOURCE, archive, event, events_over_midnight};
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, Engines};
use http::{Method, Request};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn engines() -> Engines {
    let engines = Engines::in_memory(Box::new(system_now)).await;
    engines.expect("the engines start")
}

fn admin(engines: &Engines, clock: Clock) -> Admin {
    Admin::new(
        vec![SOURCE.to_owned()],
        Some(DEFAULT_RETENTION),
        engines.table(Some(DEFAULT_RETENTION)),
        engines.queue(),
        engines.dead_letters(),
        clock,
    )
}

async fn ask(admin: &Admin, method: Method, path: &str, body: Vec<u8>) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Bytes::from(body)).expect("a good request");
    let response = admin.handle(request).await;
    let answer = serde_json::from_slice(response.body()).expect("JSON");
    (response.status().as_u16(), answer)
}

async fn get(admin: &Admin, path: &str) -> (u16, Value) {
    ask(admin, Method::GET, path, Vec::new()).await
}

async fn post(admin: &Admin, path: &str, body: &Value) -> (u16, Value) {
    ask(admin, Method::POST, path, body.to_string().into_bytes()).await
}

/// Keys of no event.
fn strangers(count: usize) -> Vec<String> {
    let keys = (0..count).map(|n| EventKey::new(None, SOURCE, &format!("no_{n}")));
    keys.map(|key| key.to_string()).collect()
}

#[tokio::test]
async fn the_greatest_that_is_allowed_is_taken_and_one_more_is_not() {
    let engines = engines().await;
    let admin = admin(&engines, Clock::system());
    let range = |more: Value| {
        let mut asked = json!({ "source": SOURCE, "since": rfc3339(0) });
        let more = more.as_object().expect("an object").clone();
        asked.as_object_mut().expect("an object").extend(more);
        asked
    };
    let keys = |count, reason: &str| json!({ "keys": strangers(count), "reason": reason });
    let (replay, ranges, count) = ("/admin/replay", "/admin/replays", "/admin/replays/count");
    let (redrive, moves) = ("/admin/dead-letters/redrive", "/admin/dead-letters/moves");
    let discard = "/admin/dead-letters/discard";
    #[rustfmt::skip]
    let asked = [
        (replay, keys(100, "x"), 422),
        (replay, keys(101, "x"), 400),
        (replay, keys(1, &"x".repeat(500)), 422),
        (replay, keys(1, &"x".repeat(501)), 400),
        (count, range(json!({ "rate_per_s": 5000 })), 200),
        (count, range(json!({ "rate_per_s": 5001 })), 400),
        (count, range(json!({ "type": "x".repeat(256) })), 200),
        (count, range(json!({ "type": "x".repeat(257) })), 400),
        (ranges, range(json!({ "reason": "x", "rate_per_s": 5000 })), 202),
        (ranges, range(json!({ "reason": "x", "rate_per_s": 5001 })), 400),
        (redrive, json!({ "keys": strangers(100) }), 404),
        (redrive, json!({ "sent_before": "yesterday" }), 400),
        (redrive, json!({ "keys": strangers(1), "sent_before": rfc3339(0) }), 400),
        (redrive, json!({ "sent_before": rfc3339(0) }), 200),
        (redrive, json!({ "keys": strangers(101) }), 400),
        (discard, keys(100, "x"), 404),
        (discard, keys(101, "x"), 400),
        (moves, json!({ "rate_per_s": 0 }), 400),
        (moves, json!({ "rate_per_s": 501 }), 400),
        (moves, json!({ "rate_per_s": 500 }), 202),
    ];
    for (path, body, status) in asked {
        let (answered, answer) = post(&admin, path, &body).await;
        assert_eq!(answered, status, "{answer} to {body:.80}");
    }
    let body = |bytes| vec![b' '; bytes];
    let (status, _) = ask(&admin, Method::POST, replay, body(MAX_BODY_BYTES)).await;
    assert_eq!(status, 400, "that is no JSON, but not too large");
    let (status, _) = ask(&admin, Method::POST, replay, body(MAX_BODY_BYTES + 1)).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_range_begins_no_earlier_than_payloads_are_kept_and_ends_now() {
    let engines = engines().await;
    let now = system_now();
    let admin = admin(&engines, Clock::new(move || now));
    let asked =
        |since: &str, until: &str| json!({ "source": SOURCE, "since": since, "until": until });
    let text = |time: SystemTime| rfc3339(unix_ms(time));
    let wide = asked(&text(now - 365 * DAY), &text(now + 30 * DAY));
    let (status, answer) = post(&admin, "/admin/replays/count", &wide).await;
    assert_eq!(status, 200, "{answer}");
    // What has expired may stay for two days more.
    let oldest = text(now - DEFAULT_RETENTION - 2 * DAY);
    assert_eq!(
        (&answer["since"], &answer["until"]),
        (&json!(oldest), &json!(text(now)))
    );
    let (since, until) = (text(now - 3 * DAY), text(now - 2 * DAY));
    let (_, answer) = post(&admin, "/admin/replays/count", &asked(&since, &until)).await;
    assert_eq!(
        (&answer["since"], &answer["until"]),
        (&json!(since), &json!(until))
    );
}

#[tokio::test]
async fn a_count_that_has_no_time_for_everything_says_so() {
    let engines = engines().await;
    let events = events_over_midnight(&engines.table(Some(DEFAULT_RETENTION)), 40).await;
    let asked = json!({ "source": SOURCE, "since": rfc3339(0) });
    let unhurried = admin(&engines, Clock::system());
    let (_, whole) = post(&unhurried, "/admin/replays/count", &asked).await;
    assert_eq!(
        (&whole["found"], &whole["complete"]),
        (&json!(40), &json!(true))
    );
    let sample = whole["sample"].as_array().expect("keys");
    let known: BTreeSet<&str> = events.iter().map(|event| event.key.as_str()).collect();
    let sample: BTreeSet<&str> = sample.iter().filter_map(Value::as_str).collect();
    assert_eq!(sample.len(), 10, "some of them, each once");
    assert!(sample.is_subset(&known));

    // Each look at the clock takes twenty seconds, more than a request has.
    let (start, looks) = (system_now(), AtomicU32::new(0));
    let hurried =
        Clock::new(move || start + Duration::from_secs(20) * looks.fetch_add(1, Ordering::Relaxed));
    let (_, part) = post(&admin(&engines, hurried), "/admin/replays/count", &asked).await;
    assert_eq!(part["complete"], false, "{part}");
    assert!(part["found"].as_u64() < Some(40), "{part}");
}

#[tokio::test]
async fn a_list_is_as_long_as_is_asked_for_and_fifty_long_else() {
    let engines = engines().await;
    let table = engines.table(Some(DEFAULT_RETENTION));
    events_over_midnight(&table, 60).await;
    let admin = admin(&engines, Clock::system());
    for (query, length) in [
        ("", 50),
        ("?limit=3", 3),
        ("?limit=60", 60),
        ("?limit=999999", 60),
    ] {
        let (status, list) = get(&admin, &format!("/admin/events{query}")).await;
        assert_eq!((status, listed(&list, "events")), (200, length), "{query}");
    }
    add_replays(&table, 52).await;
    let (_, list) = get(&admin, "/admin/replays").await;
    let reasons = entries(&list, "replays")
        .iter()
        .map(|replay| replay["reason"].clone());
    let newest = (2..52).rev().map(|number| json!(number.to_string()));
    assert!(reasons.eq(newest), "{list}");
}

#[tokio::test]
async fn no_list_is_longer_than_its_limit_whatever_is_asked_for() {
    let engines = engines().await;
    let table = engines.table(Some(DEFAULT_RETENTION));
    let now = system_now();
    // No list ends because its time is over.
    let admin = admin(&engines, Clock::new(move || now));
    let received = now - Duration::from_secs(1);
    for number in 0..1001 {
        let event = event(number, received);
        let recorded = table.record(&event, now).await;
        recorded.expect("it is recorded");
        archive(&table, &event).await;
    }
    for number in 0..501 {
        let text = format!("dead {number}");
        let sent = engines.sqs.send(DEAD_LETTER_QUEUE, &text).await;
        sent.expect("the queue takes it");
    }
    add_replays(&table, 101).await;
    for (path, name, limit) in [
        ("/admin/events", "events", 1000),
        ("/admin/replays", "replays", 100),
        ("/admin/dead-letters", "dead_letters", 500),
    ] {
        let (status, list) = get(&admin, &format!("{path}?limit=999999")).await;
        assert_eq!((status, listed(&list, name)), (200, limit), "{path}");
    }
}

#[tokio::test]
async fn a_list_of_none_is_refused_as_it_would_look_like_the_end() {
    let engines = engines().await;
    let admin = admin(&engines, Clock::system());
    for path in ["/admin/events", "/admin/replays", "/admin/dead-letters"] {
        let (status, answer) = get(&admin, &format!("{path}?limit=0")).await;
        assert_eq!(status, 400, "{path}: {answer}");
        let told = answer["error"].as_str().unwrap_or_default();
        assert!(told.contains("`limit` must be at least 1"), "{told}");
        assert_eq!(get(&admin, &format!("{path}?limit=1")).await.0, 200);
    }
}

/// Notes replays a second apart, the last one now, each with its number as its reason.
async fn add_replays(table: &DynamoTable, count: u32) {
    for number in 0..count {
        let asked = system_now() - Duration::from_secs(u64::from(count - number));
        let replay = Replay {
            id: ReplayId::new(asked, number),
            reason: number.to_string(),
            of: Replayed::Keys(Vec::new()),
            rate_per_s: 1,
            asked_ms: unix_ms(asked),
            ended_ms: None,
            state: if number % 2 == 0 {
                ReplayState::Running
            } else {
                ReplayState::Done
            },
            progress: Progress::default(),
            version: 0,
        };
        table
            .add_replay(&replay, system_now())
            .await
            .expect("noted");
    }
}

/// The entries of a list.
fn entries<'a>(list: &'a Value, name: &str) -> &'a Vec<Value> {
    let entries = list.as_array().or_else(|| list[name].as_array());
    entries.unwrap_or_else(|| panic!("no list of {name}: {list}"))
}

fn listed(list: &Value, name: &str) -> usize {
    entries(list, name).len()
}

#[tokio::test]
async fn a_list_of_some_dead_letters_says_that_there_are_more_and_hides_none() {
    let engines = engines().await;
    let admin = admin(&engines, Clock::system());
    for number in 0..25 {
        let message = hookgate::Message {
            replay: None,
            probe: false,
            held_ms: 0,
            event: event(number, system_now()),
            number: hookgate::Number::default(),
        };
        let text = message.to_json().expect("JSON");
        let sent = engines.sqs.send(DEAD_LETTER_QUEUE, &text).await;
        sent.expect("the queue takes it");
    }
    for _ in 0..2 {
        // The queue hands out ten at a time: more than are asked for, or as many.
        for limit in [3, 10] {
            let (_, some) = get(&admin, &format!("/admin/dead-letters?limit={limit}")).await;
            assert_eq!(
                (listed(&some, "dead_letters"), &some["complete"]),
                (limit, &json!(false))
            );
            assert_eq!(some["count"], 25, "{some}");
        }
        let (_, all) = get(&admin, "/admin/dead-letters").await;
        assert_eq!(
            (listed(&all, "dead_letters"), &all["complete"]),
            (25, &json!(true))
        );
    }
    let key = event(24, system_now()).key;
    let (status, shown) = get(&admin, &format!("/admin/dead-letters/{key}")).await;
    assert_eq!(
        (status, listed(&shown, "dead_letters")),
        (200, 1),
        "{shown}"
    );

    // All are redriven once at a time.
    let moves = "/admin/dead-letters/moves";
    let slowly = json!({ "rate_per_s": 1 });
    assert_eq!(post(&admin, moves, &slowly).await.0, 202);
    assert_eq!(post(&admin, moves, &slowly).await.0, 409);
}
