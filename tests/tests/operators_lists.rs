//! Lists of the operators' API, page by page: nothing twice, nothing passed over.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::replay::{Progress, Replay, ReplayId, ReplayState, Replayed};
use hookgate::{Body, Clock, DynamoTable, Event, EventKey, rfc3339, system_now, unix_ms};
use hookgate_admin::Admin;
use hookgate_tests::archived::{archive, of_process};
use hookgate_twin::engines::Engines;
use http::Request;
use serde_json::Value;

const DAY: Duration = Duration::from_secs(24 * 3600);

struct World {
    engines: Engines,
    table: DynamoTable,
}

impl World {
    async fn new() -> World {
        let engines = Engines::in_memory(Box::new(system_now)).await.unwrap();
        let table = engines.table(Some(30 * DAY));
        World { engines, table }
    }

    /// The API, with this clock.
    fn admin(&self, clock: Clock) -> Admin {
        Admin::new(
            vec!["pakk".into(), "product".into()],
            Some(30 * DAY),
            self.table.clone(),
            self.engines.queue(),
            self.engines.dead_letters(),
            clock,
        )
    }

    /// Records and archives an event; its key.
    async fn add(&self, event: Event) -> String {
        self.table.record(&event, event.received).await.unwrap();
        let process = event.key.as_str().as_bytes()[0].into();
        archive(&of_process(&self.table, process), &event).await;
        event.key.to_string()
    }
}

fn event(number: u32, source: &str, event_type: &str, received: SystemTime) -> Event {
    let id = format!("evt_{number}");
    Event {
        key: EventKey::new(None, source, &format!("id:{id}")),
        source: source.into(),
        tenant: None,
        id: Some(id),
        event_type: Some(event_type.into()),
        received,
        headers: Vec::new(),
        trace: None,
        body: Body::Inline(Bytes::from_static(b"{}")),
    }
}

async fn get(admin: &Admin, path: &str) -> Value {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    let response = admin.handle(request).await;
    let answer = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(response.status(), 200, "{path}: {answer}");
    answer
}

/// The names in a list, page by page to its end, and the length of each page.
async fn all(admin: &Admin, path: &str, (list, name): (&str, &str)) -> (Vec<String>, Vec<usize>) {
    let (mut names, mut pages, mut next) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = get(admin, &format!("{path}{next}")).await;
        let items = page[list].as_array().unwrap();
        pages.push(items.len());
        names.extend(
            items
                .iter()
                .map(|item| item[name].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return (names, pages),
        }
        assert!(pages.len() < 1000, "{path} does not end");
    }
}

const EVENTS: (&str, &str) = ("events", "key");

/// Events of two sources over four days, several of them in each millisecond: the keys in the order of their
/// receipt, each with its type.
async fn four_days(world: &World) -> Vec<(u64, String, &'static str)> {
    let newest = system_now() - DAY;
    let mut events = Vec::new();
    for number in 0..120_u32 {
        let received = newest - Duration::from_secs(3600 * 16) * (number / 20);
        let source = if number % 3 == 0 { "product" } else { "pakk" };
        let event_type = if number % 10 == 0 { "rare" } else { "common" };
        let key = world.add(event(number, source, event_type, received)).await;
        events.push((unix_ms(received), key, event_type));
    }
    events.sort();
    events
}

#[tokio::test]
async fn pages_of_any_size_hold_every_event_once_and_in_order() {
    let world = World::new().await;
    let now = system_now();
    // No page ends because its time is over.
    let admin = world.admin(Clock::new(move || now));
    let events = four_days(&world).await;
    let oldest_first: Vec<String> = events.iter().map(|(_, key, _)| key.clone()).collect();
    let newest_first: Vec<String> = oldest_first.iter().rev().cloned().collect();
    for limit in [1, 7, 20, 50, 1000] {
        for (order, expected) in [("newest", &newest_first), ("oldest", &oldest_first)] {
            let path = format!("/admin/events?order={order}&limit={limit}");
            let (keys, pages) = all(&admin, &path, EVENTS).await;
            assert_eq!(keys, *expected, "pages of {limit}");
            let (last, whole) = pages.split_last().unwrap();
            assert!(whole.iter().all(|length| *length == limit), "{pages:?}");
            assert!(*last <= limit, "{pages:?}");
        }
    }
    let rare = events.iter().rev().filter(|(.., kind)| *kind == "rare");
    let rare: Vec<String> = rare.map(|(_, key, _)| key.clone()).collect();
    let (keys, _) = all(&admin, "/admin/events?type=rare&limit=5", EVENTS).await;
    assert_eq!(keys, rare);
}

#[tokio::test]
async fn a_day_whose_events_are_all_in_one_part_of_the_archive_is_listed_whole() {
    let world = World::new().await;
    let admin = world.admin(Clock::system());
    let now = system_now();
    let midnight = now - Duration::from_millis(unix_ms(now) % 86_400_000);
    let mut oldest_first = Vec::new();
    for number in 0..10 {
        let received = midnight - DAY / 2 + Duration::from_secs(number.into());
        let event = event(number, "pakk", "common", received);
        world.table.record(&event, received).await.unwrap();
        archive(&world.table, &event).await;
        oldest_first.push(event.key.to_string());
    }
    for limit in 1..5 {
        let path = format!("/admin/events?order=oldest&limit={limit}");
        let (keys, _) = all(&admin, &path, EVENTS).await;
        assert_eq!(keys, oldest_first, "pages of {limit}");
    }
}

#[tokio::test]
async fn more_events_of_one_millisecond_than_a_page_are_listed_once() {
    let world = World::new().await;
    let received = system_now() - DAY;
    let mut added = BTreeSet::new();
    for number in 0..450 {
        added.insert(world.add(event(number, "pakk", "common", received)).await);
    }
    for order in ["newest", "oldest"] {
        let path = format!("/admin/events?limit=30&order={order}");
        let (keys, _) = all(&world.admin(Clock::system()), &path, EVENTS).await;
        assert_eq!(keys.len(), 450);
        assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), added);
    }
}

#[tokio::test]
async fn a_list_whose_time_is_over_says_what_it_has_and_where_to_go_on() {
    let world = World::new().await;
    let events = four_days(&world).await;
    // Every look at this clock takes eleven seconds.
    let ticks = Arc::new(AtomicU64::new(0));
    let start = system_now();
    let clock = Clock::new(move || {
        start
            + Duration::from_secs(11)
                * u32::try_from(ticks.fetch_add(1, Ordering::Relaxed)).unwrap()
    });
    let admin = world.admin(clock);
    let (keys, pages) = all(&admin, "/admin/events?limit=1000", EVENTS).await;
    let newest_first: Vec<String> = events.into_iter().rev().map(|(_, key, _)| key).collect();
    assert_eq!(keys, newest_first);
    assert!(pages.len() > 1, "the time was over after the first page");
}

#[tokio::test]
async fn a_list_that_finds_nothing_for_a_second_says_how_far_it_has_searched() {
    let world = World::new().await;
    four_days(&world).await;
    // Every look at this clock takes a second.
    let ticks = Arc::new(AtomicU64::new(0));
    let start = system_now();
    let clock =
        Clock::new(move || start + Duration::from_secs(ticks.fetch_add(1, Ordering::Relaxed)));
    let admin = world.admin(clock);
    let (mut reached, mut next) = (Vec::new(), String::new());
    loop {
        let page = get(&admin, &format!("/admin/events?type=none{next}")).await;
        assert_eq!(page["events"], serde_json::json!([]));
        let Some(cursor) = page["next"].as_str() else {
            assert_eq!(page["searched_to"], Value::Null, "it is at its end");
            break;
        };
        reached.push(page["searched_to"].as_str().unwrap().to_owned());
        next = format!("&cursor={cursor}");
    }
    assert!(reached.len() > 1, "each day of the archive is a page");
    assert!(reached.is_sorted_by(|a, b| a > b), "{reached:?}");
}

#[tokio::test]
async fn an_event_is_found_by_its_id_and_by_its_tenant() {
    let world = World::new().await;
    let admin = world.admin(Clock::system());
    let received = system_now() - DAY;
    let plain = world.add(event(1, "product", "common", received)).await;
    let mut other = event(1, "product", "common", received);
    other.tenant = Some("acme".into());
    other.key = EventKey::new(Some("acme"), "product", "id:evt_1");
    let tenants = world.add(other).await;
    // Not archived yet: it has a key, and is in no list.
    let waiting = event(2, "product", "common", received);
    world.table.record(&waiting, received).await.unwrap();
    for (query, found) in [
        ("event_id=evt_1", vec![&plain, &tenants]),
        ("event_id=evt_1&tenant=acme", vec![&tenants]),
        ("event_id=evt_1&tenant=acme&source=product", vec![&tenants]),
        ("event_id=evt_1&source=product", vec![&plain, &tenants]),
        ("tenant=acme", vec![&tenants]),
        (
            "event_id=evt_2&source=product",
            vec![&waiting.key.to_string()],
        ),
        ("event_id=evt_2", vec![]),
        ("event_id=evt_1&source=pakk", vec![]),
        ("event_id=evt_1&source=product&state=dead", vec![]),
    ] {
        let path = format!("/admin/events?limit=10&{query}");
        let (mut keys, _) = all(&admin, &path, EVENTS).await;
        keys.sort();
        let mut found: Vec<String> = found.into_iter().cloned().collect();
        found.sort();
        assert_eq!(keys, found, "{query}");
    }
    // The event without a tenant comes at once, before the archive is searched.
    let path = "/admin/events?event_id=evt_1&source=product&limit=1";
    assert_eq!(all(&admin, path, EVENTS).await.0, [plain, tenants]);
}

#[tokio::test]
async fn an_event_that_is_found_by_its_id_was_received_in_the_time_asked_for() {
    let world = World::new().await;
    let admin = world.admin(Clock::system());
    let received = system_now() - 3 * DAY;
    let archived = world.add(event(1, "product", "common", received)).await;
    let mut waiting = event(2, "product", "common", received);
    waiting.tenant = Some("acme".into());
    waiting.key = EventKey::new(Some("acme"), "product", "id:evt_2");
    world.table.record(&waiting, received).await.unwrap();
    let waiting = waiting.key.to_string();
    let days_ago = |days: u32| rfc3339(unix_ms(system_now() - days * DAY));
    for (key, query) in [
        (&archived, "event_id=evt_1"),
        (&waiting, "event_id=evt_2&tenant=acme"),
    ] {
        for (since, until, is_found) in [(4, 2, true), (2, 1, false), (5, 4, false)] {
            let (since, until) = (days_ago(since), days_ago(until));
            let path = format!("/admin/events?source=product&{query}&since={since}&until={until}");
            let (keys, _) = all(&admin, &path, EVENTS).await;
            let expected: Vec<String> = is_found.then(|| key.clone()).into_iter().collect();
            assert_eq!(keys, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn every_replay_is_listed_once_the_newest_first() {
    let world = World::new().await;
    let now = system_now();
    let mut ids = Vec::new();
    for number in 0..9_u32 {
        // Three of each millisecond; every other one is under way.
        let asked = now - Duration::from_millis(u64::from(number / 3));
        let state = match number % 2 {
            0 => ReplayState::Running,
            _ => ReplayState::Done,
        };
        let replay = Replay {
            id: ReplayId::new(asked, number),
            reason: "a test".into(),
            of: Replayed::Keys(Vec::new()),
            rate_per_s: 1,
            asked_ms: unix_ms(asked),
            ended_ms: None,
            state,
            progress: Progress::default(),
            version: 0,
        };
        world.table.add_replay(&replay, now).await.unwrap();
        ids.push(replay.id.to_string());
    }
    ids.sort();
    ids.reverse();
    let admin = world.admin(Clock::system());
    for limit in [1, 2, 4, 9, 50] {
        let path = format!("/admin/replays?limit={limit}");
        assert_eq!(
            all(&admin, &path, ("replays", "id")).await.0,
            ids,
            "pages of {limit}"
        );
    }
}
