//! Lists of events that are not well: in the index from the request that makes them so until they are done.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::time::{Duration, SystemTime};

use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, EventFilter, EventSearch, Grant, Retry};
use hookgate::table::{INDEX, INDEX_PK};
use hookgate::{DynamoTable, Event, Message, system_now, unix_ms};
use hookgate_api::{EventState, Order};
use hookgate_tests::archived::{SOURCE, event};
use hookgate_twin::engines::{Engines, TABLE};

/// Events of the last hour, which the processor handles.
struct Story {
    engines: Engines,
    table: DynamoTable,
    now: SystemTime,
}

/// An end of an attempt.
enum End {
    Retried,
    GivenBack,
    Dead,
    Done(Option<&'static str>),
}

impl Story {
    async fn new() -> Story {
        let engines = Engines::in_memory(Box::new(system_now)).await.unwrap();
        Story {
            table: engines.table(None),
            engines,
            now: system_now(),
        }
    }

    async fn record(&self, number: usize) -> Event {
        let received = self.now - Duration::from_secs(3600 - number as u64);
        let event = event(number, received);
        self.table.record(&event, received).await.unwrap();
        event
    }

    async fn claim(&self, event: &Event, epoch: u32) -> Grant {
        let message = Message {
            event: event.clone(),
            number: hookgate::Number::first_of(epoch),
            replay: None,
            probe: false,
            held_ms: 0,
        };
        let request = ClaimRequest {
            message: &message,
            owner: "me",
            lease_until: self.now,
            place: None,
            now: self.now,
        };
        match self.table.claim(request).await.unwrap() {
            ClaimOutcome::Granted(grant) => grant,
            other => panic!("not granted: {other:?}"),
        }
    }

    async fn attempt(&self, event: &Event, epoch: u32, end: End) {
        let grant = self.claim(event, epoch).await;
        let mut claim = Claim {
            event,
            number: hookgate::Number::first_of(epoch),
            owner: "me",
            grant,
            began: self.now,
            target: Some("handler:one"),
            archived: None,
        };
        let retry = Retry {
            number: hookgate::Number::first_of(epoch),
            error: "no",
            next: self.now,
        };
        let ended = match end {
            End::Retried => self.table.release(claim, retry, self.now).await,
            End::GivenBack => self.table.give_back(claim, retry).await,
            End::Dead => self.table.mark_dead(claim, "no", self.now).await,
            End::Done(target) => {
                claim.target = target;
                self.table.complete(claim, self.now).await
            }
        };
        ended.unwrap();
    }

    /// The numbers of the events in this state, page by page.
    async fn listed(&self, state: EventState, order: Order, limit: usize) -> Vec<usize> {
        let search = EventSearch {
            sources: vec![SOURCE.to_owned(), "another".to_owned()],
            filter: EventFilter {
                state: Some(state),
                event_type: None,
            },
            tenant: None,
            event_id: None,
            since_ms: 0,
            until_ms: unix_ms(self.now),
            order,
        };
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let round = self.table.search(&search, after.as_ref(), limit);
            let round = round.await.unwrap();
            assert!(round.events.len() <= limit);
            ids.extend(round.events.into_iter().filter_map(|event| event.event_id));
            after = round.next;
            if after.is_none() {
                break;
            }
        }
        let number = |id: &String| id.strip_prefix("evt_").unwrap().parse().unwrap();
        ids.iter().map(number).collect()
    }

    /// The parts of the index that have an entry.
    async fn indexed(&self) -> Vec<String> {
        let scan = self.engines.dynamodb_client().scan();
        let found = scan.table_name(TABLE).index_name(INDEX).send().await;
        let items = found.unwrap().items.unwrap_or_default();
        let parts = items.iter().map(|item| item[INDEX_PK].as_s().unwrap());
        parts
            .map(|part| part.rsplit_once('#').unwrap().0.to_owned())
            .collect()
    }
}

#[tokio::test]
async fn each_state_lists_its_events_in_the_order_of_their_receipt() {
    let story = Story::new().await;
    for number in 0..40 {
        let event = story.record(number).await;
        let end = match number % 5 {
            0 => End::Retried,
            1 => End::Dead,
            2 => End::Done(None),
            3 => End::GivenBack,
            _ => End::Done(Some("handler:one")),
        };
        story.attempt(&event, 0, end).await;
    }
    for (state, rests) in [
        (EventState::Waiting, &[0, 3][..]),
        (EventState::Dead, &[1]),
        (EventState::Unhandled, &[2]),
    ] {
        let oldest: Vec<usize> = (0..40).filter(|n| rests.contains(&(n % 5))).collect();
        for limit in [5, 100] {
            let listed = story.listed(state, Order::Oldest, limit).await;
            assert_eq!(listed, oldest, "{state}, pages of {limit}");
            let mut newest = story.listed(state, Order::Newest, limit).await;
            newest.reverse();
            assert_eq!(newest, oldest, "{state}, pages of {limit}");
        }
    }
}

#[tokio::test]
async fn more_dead_events_of_one_millisecond_than_a_page_are_listed_once() {
    let story = Story::new().await;
    let received = story.now - Duration::from_secs(60);
    // All in one part of the index, which a key's first character tells.
    let events = (0..).map(|number| event(number, received));
    let in_one_part = events.filter(|event| event.key.as_str().starts_with('g'));
    let mut numbers = Vec::new();
    for event in in_one_part.take(15) {
        story.table.record(&event, received).await.unwrap();
        story.attempt(&event, 0, End::Dead).await;
        numbers.push(event.id.unwrap()[4..].parse().unwrap());
    }
    // And one before them, which is on the page after theirs.
    let earlier = story.record(0).await;
    story.attempt(&earlier, 0, End::Dead).await;
    numbers.push(0);
    numbers.sort_unstable();
    let mut listed = story.listed(EventState::Dead, Order::Newest, 4).await;
    assert_eq!(listed.last(), Some(&0), "{listed:?}");
    listed.sort_unstable();
    assert_eq!(listed, numbers);
}

#[tokio::test]
async fn an_event_that_goes_well_is_not_in_the_index_and_one_that_did_not_leaves_it() {
    let story = Story::new().await;
    let well = story.record(1).await;
    story
        .attempt(&well, 0, End::Done(Some("handler:one")))
        .await;
    assert!(story.indexed().await.is_empty());

    let event = story.record(2).await;
    for end in [End::GivenBack, End::Retried] {
        story.attempt(&event, 0, end).await;
        assert_eq!(story.indexed().await, [format!("waiting#{SOURCE}")]);
    }
    // While it is handled again, it does not wait.
    story.claim(&event, 0).await;
    let waiting = story.listed(EventState::Waiting, Order::Newest, 10).await;
    assert!(waiting.is_empty(), "{waiting:?}");
    story.attempt(&event, 0, End::Dead).await;
    assert_eq!(story.indexed().await, [format!("dead#{SOURCE}")]);
    story.attempt(&event, 1, End::Done(None)).await;
    assert_eq!(story.indexed().await, [format!("unhandled#{SOURCE}")]);
    story
        .attempt(&event, 2, End::Done(Some("handler:one")))
        .await;
    assert!(story.indexed().await.is_empty());
}

#[tokio::test]
async fn an_event_whose_dead_letter_was_discarded_is_listed_as_dead() {
    let story = Story::new().await;
    let event = story.record(1).await;
    let discarded =
        story
            .table
            .note_discarded(&event, hookgate::Number::default(), "discarded", story.now);
    discarded.await.unwrap();
    assert_eq!(story.listed(EventState::Dead, Order::Newest, 10).await, [1]);
}
