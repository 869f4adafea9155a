//! The archive: events of a batch together, each found by its key, in lists and in ranges. On the embedded engines.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookgate::event::{ClaimOutcome, ClaimRequest, EventFilter, EventSearch};
use hookgate::replay::EventRange;
use hookgate::{DynamoTable, Event, Message, Number, system_now, unix_ms};
use hookgate_api::{EventState, Order};
use hookgate_tests::archived::{
    SOURCE, archive, event, handle, item_of, of_process, table_in_pages,
};
use hookgate_twin::engines::{Engines, TABLE};

async fn engines() -> Engines {
    Engines::in_memory(Box::new(system_now)).await.unwrap()
}

/// A second long ago, and within one day.
fn start() -> SystemTime {
    let now = system_now();
    let since_midnight = Duration::from_millis(unix_ms(now) % 86_400_000);
    let start = now - since_midnight - Duration::from_secs(12 * 3600);
    UNIX_EPOCH + Duration::from_millis(unix_ms(start))
}

/// The numbers of the events in a list, page by page.
async fn list(table: &DynamoTable, order: Order, state: Option<EventState>) -> Vec<usize> {
    let search = EventSearch {
        sources: vec![SOURCE.to_owned()],
        filter: EventFilter {
            state,
            event_type: None,
        },
        tenant: None,
        event_id: None,
        since_ms: unix_ms(start()),
        until_ms: unix_ms(start()) + 3_600_000,
        order,
    };
    let (mut ids, mut after) = (Vec::new(), None);
    for _ in 0..1000 {
        let round = table.search(&search, after.as_ref(), 3).await.unwrap();
        ids.extend(round.events.into_iter().filter_map(|event| event.event_id));
        after = round.next;
        if after.is_none() {
            return ids.iter().map(|id| id[4..].parse().unwrap()).collect();
        }
    }
    panic!("the list does not end: {ids:?}");
}

/// The events of a range, page by page, in the order of their numbers.
async fn range(
    table: &DynamoTable,
    (since_ms, until_ms): (u64, u64),
    state: Option<EventState>,
) -> Vec<String> {
    let range = EventRange {
        source: SOURCE.to_owned(),
        filter: EventFilter {
            state,
            event_type: None,
        },
        since_ms,
        until_ms,
    };
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = table.page(&range, cursor.as_ref(), 3).await.unwrap();
        keys.extend(page.events.into_iter().map(|found| found.key.to_string()));
        cursor = page.next;
        if cursor.is_none() {
            keys.sort();
            return keys;
        }
    }
}

fn keys_of(events: &[Event]) -> Vec<String> {
    let mut keys: Vec<String> = events.iter().map(|event| event.key.to_string()).collect();
    keys.sort();
    keys
}

/// Archives these events as one batch; the number of items that they became.
async fn archive_together(table: &DynamoTable, events: &[Event]) -> usize {
    let events: Vec<&Event> = events.iter().collect();
    let places = table.archive_places(&events).unwrap();
    let mut distinct = places.clone();
    distinct.dedup();
    for place in &distinct {
        let of_place = events.iter().zip(&places).filter(|(_, at)| *at == place);
        let of_place: Vec<&Event> = of_place.map(|(event, _)| *event).collect();
        table.archive(place, &of_place).await.unwrap();
    }
    distinct.len()
}

#[tokio::test]
async fn a_place_that_reaches_over_other_events_is_listed_in_the_order_of_receipt() {
    let engines = engines().await;
    let table = table_in_pages(&engines, 1);
    let at = |ms: u64| start() + Duration::from_millis(ms);
    // One process handles the events of a second together, another one each by itself.
    let mut all: Vec<Event> = (0..40).map(|n| event(n, at(n as u64 * 100))).collect();
    let (even, odd): (Vec<Event>, Vec<Event>) = {
        let (even, odd): (Vec<_>, Vec<_>) = (0..40).partition(|n| n % 2 == 0);
        let of = |numbers: Vec<usize>| numbers.iter().map(|n| all[*n].clone()).collect();
        (of(even), of(odd))
    };
    assert_eq!(archive_together(&of_process(&table, 0), &even).await, 4);
    for event in &odd {
        archive(&of_process(&table, 1), event).await;
    }
    let oldest = list(&table, Order::Oldest, None).await;
    assert_eq!(oldest, (0..40).collect::<Vec<_>>());
    let newest = list(&table, Order::Newest, None).await;
    assert_eq!(newest, (0..40).rev().collect::<Vec<_>>());
    // A range that begins and ends within a place.
    let part = range(&table, (unix_ms(at(1800)), unix_ms(at(2500))), None).await;
    assert_eq!(part, keys_of(&all.drain(18..=25).collect::<Vec<_>>()));
}

#[tokio::test]
async fn an_event_that_was_archived_twice_is_listed_and_replayed_once() {
    let engines = engines().await;
    let table = engines.table(Some(Duration::from_secs(30 * 86_400)));
    let mut events = Vec::new();
    for number in 0..10 {
        let event = event(number, start() + Duration::from_secs(number as u64));
        table.record(&event, event.received).await.unwrap();
        // A processor dies between the archive and the end; another one archives the event again.
        archive(&of_process(&table, 0), &event).await;
        // It may be the same process, which lives on.
        handle(&of_process(&table, number % 3), &event).await;
        events.push(event);
    }
    // Another one died as well, so that the ledger does not know which of the two is right.
    for number in 10..13 {
        let event = event(number, start() + Duration::from_secs(number as u64));
        table.record(&event, event.received).await.unwrap();
        archive(&of_process(&table, 0), &event).await;
        archive(&of_process(&table, 1), &event).await;
    }
    let all = list(&table, Order::Oldest, None).await;
    assert_eq!(all, (0..13).collect::<Vec<_>>());
    let done = list(&table, Order::Newest, Some(EventState::Done)).await;
    assert_eq!(done, (0..10).rev().collect::<Vec<_>>());
    let until = unix_ms(start()) + 9999;
    // The copy that counts is the one that the ledger knows the state of.
    for state in [None, Some(EventState::Done)] {
        let found = range(&table, (0, until), state).await;
        assert_eq!(found, keys_of(&events), "{state:?}");
    }
}

#[tokio::test]
async fn a_payload_is_shown_from_when_it_is_archived_on() {
    let engines = engines().await;
    let table = engines.table(Some(Duration::from_secs(30 * 86_400)));
    let now = start();
    let message = Message {
        event: event(1, now),
        number: Number::first_of(0),
        replay: None,
        probe: false,
        held_ms: 0,
    };
    let event = &message.event;
    table.record(event, now).await.unwrap();
    let places = table.archive_places(&[event]).unwrap();
    let request = ClaimRequest {
        message: &message,
        owner: "me",
        lease_until: now,
        place: Some(&places[0]),
        now,
    };
    let claimed = table.claim(request).await.unwrap();
    assert!(matches!(claimed, ClaimOutcome::Granted(grant) if !grant.is_archived));
    let payload = async || {
        let shown = table.show_event(&event.key, now).await.unwrap();
        shown.unwrap().payload
    };
    assert!(payload().await.is_none(), "it is not archived yet");
    table.archive(&places[0], &[event]).await.unwrap();
    assert_eq!(
        payload().await.unwrap().body.as_deref(),
        Some(r#"{"id":"evt_1"}"#)
    );
    let stored = table.stored_event(&event.key, None).await.unwrap().unwrap();
    assert_eq!(stored.event.as_ref(), Some(event));
}

#[tokio::test]
async fn a_batch_of_small_events_is_one_item_without_an_entry_in_the_index() {
    let engines = engines().await;
    let table = engines.table(Some(Duration::from_secs(30 * 86_400)));
    let events: Vec<Event> = (0..10)
        .map(|n| event(n, start() + Duration::from_millis(n as u64)))
        .collect();
    assert_eq!(archive_together(&table, &events).await, 1);
    let place = &table.archive_places(&[&events[0]]).unwrap()[0];
    let scan = engines.dynamodb_client().scan().table_name(TABLE);
    let items = scan.send().await.unwrap().items.unwrap_or_default();
    let archived = items.iter().filter(|item| {
        let partition = item["pk"].as_s().unwrap();
        *partition == item_of(&events[0], place).0
    });
    let archived: Vec<_> = archived.collect();
    assert_eq!(archived.len(), 1);
    assert!(!archived[0].contains_key("gpk"));
    assert_eq!(items.len(), 2, "the item, and the mark of its day");
}
