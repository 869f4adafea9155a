//! The table's contents and queries: lists and ranges of more events than a page, how long items stay,
//! and what two writers of one item may not do to each other. On the embedded engines.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use hookgate::event::{ClaimRequest, EventFilter, EventSearch, Rows, Until};
use hookgate::replay::{
    EventRange, Pending, Progress, Replay, ReplayId, ReplayState, Replayed, Saved, Sent, send_again,
};
use hookgate::table::SK;
use hookgate::{Body, DynamoTable, Event, Message, rfc3339, system_now, unix_ms};
use hookgate_api::Order;
use hookgate_tests::archived::{
    SOURCE, archive, event, events_over_midnight, handle, item_of, table_in_pages,
};
use hookgate_tests::outbox;
use hookgate_twin::engines::{Engines, TABLE};

/// 35 days, in seconds.
const LEDGER_RETENTION_S: u64 = 3_024_000;

async fn engines() -> Engines {
    Engines::in_memory(Box::new(system_now)).await.unwrap()
}

async fn list(
    table: &DynamoTable,
    all: &[Event],
    event_type: Option<&str>,
    limit: usize,
) -> Vec<String> {
    let search = EventSearch {
        sources: vec![SOURCE.to_owned()],
        filter: EventFilter {
            event_type: event_type.map(str::to_owned),
            ..EventFilter::default()
        },
        tenant: None,
        event_id: None,
        since_ms: unix_ms(all[0].received),
        until_ms: unix_ms(all[all.len() - 1].received),
        order: Order::Newest,
    };
    let (mut listed, mut after, mut rounds) = (Vec::new(), None, 0);
    while listed.len() < limit {
        rounds += 1;
        assert!(rounds < 1000, "the list does not end");
        let left = limit - listed.len();
        let round = table.search(&search, after.as_ref(), left).await.unwrap();
        listed.extend(round.events.into_iter().map(|event| event.key));
        after = round.next;
        if after.is_none() {
            break;
        }
    }
    listed
}

/// The times at which these events were received, in the order of the keys.
fn times(all: &[Event], keys: &[String]) -> Vec<SystemTime> {
    let times: HashMap<&str, SystemTime> = all
        .iter()
        .map(|event| (event.key.as_str(), event.received))
        .collect();
    keys.iter().map(|key| times[key.as_str()]).collect()
}

fn sorted(keys: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut keys: Vec<String> = keys.into_iter().collect();
    keys.sort();
    keys
}

fn keys_of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<String> {
    sorted(
        events
            .into_iter()
            .map(|event| event.key.as_str().to_owned()),
    )
}

#[tokio::test]
async fn a_list_of_more_events_than_a_page_holds_has_the_newest_first_and_each_once() {
    let engines = engines().await;
    let table = table_in_pages(&engines, 7);
    let all = events_over_midnight(&table, 250).await;
    for limit in [1, 10, 100, 249, 250, 1000] {
        let listed = list(&table, &all, None, limit).await;
        let listed = times(&all, &listed);
        let newest = all.iter().rev().map(|event| event.received).take(limit);
        assert_eq!(listed, newest.collect::<Vec<_>>(), "the newest {limit}");
    }
    let listed = list(&table, &all, None, 1000).await;
    assert_eq!(sorted(listed), keys_of(&all), "each once");
}

#[tokio::test]
async fn a_list_of_one_type_looks_beyond_the_pages_of_others() {
    let engines = engines().await;
    let table = table_in_pages(&engines, 7);
    let all = events_over_midnight(&table, 250).await;
    let odd: Vec<&Event> = all.iter().skip(1).step_by(2).collect();
    for limit in [1, 10, 124, 125, 1000] {
        let listed = list(&table, &all, Some("odd"), limit).await;
        let newest = odd.iter().rev().map(|event| event.key.as_str());
        assert_eq!(listed, newest.take(limit).collect::<Vec<_>>(), "{limit}");
    }
}

fn range(all: &[Event], event_type: Option<&str>) -> EventRange {
    EventRange {
        source: SOURCE.to_owned(),
        filter: EventFilter {
            event_type: event_type.map(str::to_owned),
            ..EventFilter::default()
        },
        since_ms: unix_ms(all[0].received),
        until_ms: unix_ms(all[all.len() - 1].received),
    }
}

/// The pages of a range, each with at most `limit` events.
async fn pages(table: &DynamoTable, range: &EventRange, limit: u32) -> Vec<Vec<String>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = table.page(range, cursor.as_ref(), limit).await.unwrap();
        let events = page.events.iter();
        pages.push(
            events
                .map(|found| found.key.to_string())
                .collect::<Vec<_>>(),
        );
        assert!(pages.last().unwrap().len() <= limit as usize);
        let Some(next) = page.next else {
            return pages;
        };
        assert!(pages.len() < 2000, "the pages do not end");
        cursor = Some(next);
    }
}

#[tokio::test]
async fn a_range_of_more_events_than_a_page_holds_has_each_once_over_midnight() {
    let engines = engines().await;
    let table = table_in_pages(&engines, 100);
    let all = events_over_midnight(&table, 250).await;
    for limit in [2, 7, 10, 100, u32::MAX] {
        let pages = pages(&table, &range(&all, None), limit).await;
        assert_eq!(sorted(pages.concat()), keys_of(&all), "pages of {limit}");
        for page in pages {
            assert!(times(&all, &page).is_sorted(), "the oldest of a page first");
        }
    }
    let odd = pages(&table, &range(&all, Some("odd")), 5).await.concat();
    assert_eq!(sorted(odd), keys_of(all.iter().skip(1).step_by(2)));
    // Its first and its last moment belong to it, the millisecond before and after does not.
    let part = range(&all[100..150], None);
    let found = pages(&table, &part, 7).await.concat();
    assert_eq!(sorted(found), keys_of(&all[100..150]));
    let inner = EventRange {
        since_ms: part.since_ms + 1,
        until_ms: part.until_ms - 1,
        ..part
    };
    let found = pages(&table, &inner, 7).await.concat();
    assert_eq!(sorted(found), keys_of(&all[102..148]));
}

/// An event's items, each by its sort key.
async fn items(engines: &Engines, key: &str) -> BTreeMap<String, HashMap<String, AttributeValue>> {
    let found = engines
        .dynamodb_client()
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(key.to_owned()))
        .consistent_read(true)
        .send()
        .await;
    let items = found.unwrap().items.unwrap_or_default().into_iter();
    items
        .map(|item| (item[SK].as_s().unwrap().clone(), item))
        .collect()
}

/// The times at which DynamoDB may delete the items of a key, in seconds since 1970; `None` for never.
async fn expiries(engines: &Engines, key: &str) -> Vec<(String, Option<u64>)> {
    let items = items(engines, key).await.into_iter();
    items
        .map(|(sk, item)| {
            let exp = item.get("exp").map(|exp| exp.as_n().unwrap());
            (sk, exp.map(|exp| exp.parse().unwrap()))
        })
        .collect()
}

fn claimed<'a>(message: &'a Message, owner: &'a str) -> ClaimRequest<'a> {
    ClaimRequest {
        message,
        owner,
        lease_until: system_now() + Duration::from_secs(30),
        place: None,
        now: system_now(),
    }
}

#[tokio::test]
async fn an_event_is_remembered_for_35_days() {
    let engines = engines().await;
    let table = engines.table(None);
    let now = system_now();
    let received = now - Duration::from_secs(3600);
    let recorded = event(1, received);
    table.record(&recorded, now).await.unwrap();
    let end = unix_ms(now) / 1000 + LEDGER_RETENTION_S;
    let expected = [("event".to_owned(), Some(end))];
    assert_eq!(expiries(&engines, recorded.key.as_str()).await, expected);
    let message = Message {
        replay: None,
        probe: false,
        held_ms: 0,
        event: recorded,
        number: hookgate::Number::default(),
    };
    table.claim(claimed(&message, "me")).await.unwrap();
    let key = message.event.key.as_str();
    assert_eq!(expiries(&engines, key).await, expected, "claimed");

    // Of an event that was forgotten, a message comes late.
    let message = Message {
        replay: None,
        probe: false,
        held_ms: 0,
        event: event(2, received),
        number: hookgate::Number::default(),
    };
    table.claim(claimed(&message, "me")).await.unwrap();
    let end = unix_ms(received) / 1000 + LEDGER_RETENTION_S;
    let key = message.event.key.as_str();
    let expected = [("event".to_owned(), Some(end))];
    assert_eq!(expiries(&engines, key).await, expected, "forgotten");
}

#[tokio::test]
async fn a_payload_stays_as_long_as_the_configuration_says() {
    let engines = engines().await;
    let received = system_now();
    let mut random = fastrand::Rng::with_seed(7);
    let noise: Bytes = std::iter::repeat_with(|| random.u8(..))
        .take(800_000)
        .collect();
    let large = Event {
        body: Body::Inline(noise),
        ..event(1, received)
    };
    let week = Duration::from_secs(7 * 24 * 3600);
    let place = archive(&engines.table(Some(week)), &large).await;
    let (partition, sort_key) = item_of(&large, &place);
    let end = unix_ms(received) / 1000 + 604_800;
    let parts = ["", ".0001", ".0002"].map(|part| (format!("{sort_key}{part}"), Some(end)));
    assert_eq!(expiries(&engines, &partition).await, parts);
    // The day is known to have events for as long as it may have any.
    let days = expiries(&engines, &format!("archive-days#{SOURCE}")).await;
    assert!(
        days.len() == 1 && days[0].1 > Some(end + 86_400),
        "{days:?}"
    );
    let none = event(2, received);
    assert_eq!(engines.table(None).archive_places(&[&none]), None);
}

#[tokio::test]
async fn a_message_in_the_outbox_stays_until_it_is_sent() {
    let engines = engines().await;
    let table = engines.table(None);
    let [first, replayed] = [0, 3].map(|epoch| Message {
        replay: None,
        probe: false,
        held_ms: 0,
        event: event(1, system_now()),
        number: hookgate::Number::first_of(epoch),
    });
    for message in [&first, &replayed] {
        let until = Until::Due(message.event.received);
        table.add_to_outbox(message, until).await.unwrap();
    }
    let stays = ["outbox#0", "outbox#3"].map(|sk| (sk.to_owned(), None));
    let key = first.event.key.as_str();
    assert_eq!(expiries(&engines, key).await, stays);

    // A replay's message does not take the place of the first one's.
    let entries = outbox::due(&table, system_now()).await;
    let mut epochs: Vec<u32> = entries
        .iter()
        .map(|entry| entry.message.as_ref().unwrap().number.epoch)
        .collect();
    epochs.sort_unstable();
    assert_eq!(
        (epochs, table.outbox_depth(system_now()).await.unwrap()),
        (vec![0, 3], 2)
    );
    let sent = entries
        .iter()
        .find(|entry| entry.number.epoch == 3)
        .unwrap();
    table.remove_from_outbox(sent).await.unwrap();
    assert_eq!(expiries(&engines, key).await, stays[..1]);
    assert_eq!(table.outbox_depth(system_now()).await.unwrap(), 1);
}

#[tokio::test]
async fn the_outbox_is_emptied_from_its_oldest_message_on() {
    let engines = engines().await;
    let table = engines.table(None);
    let start = system_now() - Duration::from_secs(3600);
    let minute = |number: u32| start + Duration::from_secs(60) * number;
    // All in one shard, which a key's first character tells.
    let events = (0..).map(|number| event(number, start));
    let in_one_shard = events.filter(|event| event.key.as_str().starts_with('g'));
    let messages: Vec<Message> = (0..60)
        .zip(in_one_shard)
        .map(|(number, event)| Message {
            replay: None,
            probe: false,
            held_ms: 0,
            event: Event {
                received: minute(number),
                ..event
            },
            number: hookgate::Number::default(),
        })
        .collect();
    for message in messages.iter().rev() {
        let until = Until::Due(message.event.received);
        table.add_to_outbox(message, until).await.unwrap();
    }
    assert_eq!(table.outbox_depth(system_now()).await.unwrap(), 60);
    let mut seen = Vec::new();
    for shard in table.outbox_shards().await.unwrap() {
        let mut from = None;
        loop {
            let due = Rows::Due(system_now());
            let page = table.outbox_page(due, shard, from, 25).await.unwrap();
            // What is sent is removed while the next part is read.
            for row in &page.rows {
                table.remove_from_outbox(row).await.unwrap();
            }
            seen.extend(page.rows.into_iter().map(|row| row.key));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    let oldest_first = messages.iter().map(|message| message.event.key.clone());
    assert_eq!(seen, oldest_first.collect::<Vec<_>>());
    assert_eq!(table.outbox_depth(system_now()).await.unwrap(), 0);
}

fn replay(number: u32, of: Replayed) -> Replay {
    let asked = system_now() - Duration::from_secs(100 - u64::from(number));
    Replay {
        id: ReplayId::new(asked, number),
        reason: "a test".to_owned(),
        of,
        rate_per_s: 500,
        asked_ms: unix_ms(asked),
        ended_ms: None,
        state: ReplayState::Running,
        progress: Progress::default(),
        version: 0,
    }
}

#[tokio::test]
async fn of_two_writers_of_a_replay_the_second_learns_that_it_is_late() {
    let engines = engines().await;
    let table = engines.table(None);
    let now = system_now();
    let noted = replay(1, Replayed::Keys(Vec::new()));
    table.add_replay(&noted, now).await.unwrap();
    let end = Some(unix_ms(now) / 1000 + LEDGER_RETENTION_S);
    let key = format!("replay#{}", noted.id);
    let expected = [("replay".to_owned(), end)];
    assert_eq!(expiries(&engines, &key).await, expected);
    assert!(
        table.add_replay(&noted, now).await.is_err(),
        "its id is taken"
    );

    let read = async || table.replay(&noted.id).await.unwrap().unwrap();
    let (mut slice, mut operator) = (read().await, read().await);
    operator.state = ReplayState::Cancelled;
    slice.progress.sent = 10;
    let later = now + Duration::from_secs(60);
    let saved = table.save_replay(&mut operator, later).await.unwrap();
    assert_eq!(saved, Saved::Yes);
    let saved = table.save_replay(&mut slice, later).await.unwrap();
    assert_eq!(saved, Saved::Overtaken);
    let left = read().await;
    assert_eq!(
        (left.state, left.progress.sent),
        (ReplayState::Cancelled, 0)
    );
    let expected = [("replay".to_owned(), end.map(|end| end + 60))];
    assert_eq!(expiries(&engines, &key).await, expected);
    // Whoever has read what is there now may write again.
    assert_eq!(left, operator);
    let saved = table.save_replay(&mut operator, later).await.unwrap();
    assert_eq!(saved, Saved::Yes);
}

#[tokio::test]
async fn replays_are_listed_newest_first_and_carried_out_oldest_first() {
    let engines = engines().await;
    let table = engines.table(None);
    for number in 0..6 {
        let mut replay = replay(number, Replayed::Keys(Vec::new()));
        if number % 2 == 0 {
            replay.state = ReplayState::Done;
        }
        table.add_replay(&replay, system_now()).await.unwrap();
    }
    let numbers = |replays: Vec<Replay>| -> Vec<String> {
        let ids = replays.iter().map(|replay| replay.id.as_str());
        ids.map(|id| id[id.len() - 1..].to_owned()).collect()
    };
    let recent = table.list_replays(None, 4).await.unwrap();
    let last = recent[3].id.clone();
    assert_eq!(numbers(recent), ["5", "4", "3", "2"]);
    let next = table.list_replays(Some(&last), 4).await.unwrap();
    assert_eq!(numbers(next), ["1", "0"]);
    let running = table.running_replays().await.unwrap();
    assert_eq!(numbers(running), ["1", "3", "5"]);
}

#[tokio::test]
async fn a_body_other_than_the_signed_one_is_not_replayed() {
    let engines = engines().await;
    let table = engines.table(Some(Duration::from_secs(86_400)));
    let signed = event(1, system_now());
    table.record(&signed, system_now()).await.unwrap();
    handle(&table, &signed).await;
    let pending = Pending::after(&signed.key, 0).unwrap();
    let replay = ReplayId::new(signed.received, 1);
    let queue = engines.queue();
    let sent = send_again(&table, &queue, &replay, &pending).await.unwrap();
    assert_eq!(sent, Sent::Yes);

    // Someone who may write to the table puts another payload in its place.
    let forged = Event {
        body: Body::Inline(Bytes::from_static(b"forged")),
        ..signed.clone()
    };
    let item = items(&engines, signed.key.as_str()).await.remove("event");
    let place = item.unwrap()["arc"].as_s().unwrap().clone();
    table.archive(&place, &[&forged]).await.unwrap();
    let sent = send_again(&table, &queue, &replay, &pending).await.unwrap();
    assert_eq!(sent, Sent::PayloadGone);
    let stored = table
        .stored_event(&signed.key, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.event, None);
    // Operators see that the event was there, and when.
    let shown = table
        .show_event(&signed.key, system_now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shown.summary.received_at, rfc3339(unix_ms(signed.received)));
}
