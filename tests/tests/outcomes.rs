//! Outcomes of a replay's events, counted from their own items.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, EventFilter, Retry};
use hookgate::replay::{Cursor, EventRange, Progress, Replay, ReplayId, ReplayState, Replayed};
use hookgate::{Body, DynamoTable, Event, EventKey, Message, unix_ms};
use hookgate_api::{EventState, ReplayOutcomes};
use hookgate_tests::archived::archive;
use hookgate_twin::engines::Engines;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// So late that no engine expires an item by the machine's own clock.
fn begin() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(4_102_444_800)
}

/// Archived events that were handled at epoch 0.
struct Story {
    table: DynamoTable,
    events: Vec<Event>,
    now: SystemTime,
    /// The engine lives as long as its story.
    _engines: Engines,
}

impl Story {
    async fn begin(count: u64) -> Story {
        let engines = Engines::in_memory(Box::new(begin)).await.unwrap();
        let event = |number: u64| Event {
            key: EventKey::new(None, "product", &format!("id:{number}")),
            source: "product".into(),
            tenant: None,
            id: Some(number.to_string()),
            event_type: Some("run.failed".into()),
            received: begin() + Duration::from_secs(number),
            headers: Vec::new(),
            trace: None,
            body: Body::Inline(b"{}"[..].into()),
        };
        let mut story = Story {
            table: engines.table(Some(30 * DAY)),
            events: (0..count).map(event).collect(),
            now: begin() + Duration::from_secs(3600),
            _engines: engines,
        };
        for index in 0..story.events.len() {
            story
                .table
                .record(&story.events[index], story.now)
                .await
                .unwrap();
            archive(&story.table, &story.events[index]).await;
            story.end(index, 0, None, Some("handler:log")).await;
        }
        story
    }

    /// A replay of all events, requested a minute after the last one.
    fn replay(&mut self, state: Option<EventState>) -> Replay {
        self.now += Duration::from_secs(60);
        Replay {
            id: ReplayId::new(self.now, 7),
            reason: "a test".into(),
            of: Replayed::Range(EventRange {
                source: "product".into(),
                filter: EventFilter {
                    state,
                    event_type: None,
                },
                since_ms: unix_ms(begin()),
                until_ms: unix_ms(begin() + DAY),
            }),
            rate_per_s: 50,
            asked_ms: unix_ms(self.now),
            ended_ms: None,
            state: ReplayState::Running,
            progress: Progress::default(),
            version: 0,
        }
    }

    /// The processor claims an event by a message of this epoch, which may be a replay's.
    async fn claim(
        &mut self,
        index: usize,
        epoch: u32,
        replay: Option<&Replay>,
    ) -> (Message, SystemTime, hookgate::event::Grant) {
        self.now += Duration::from_secs(1);
        let message = Message {
            probe: false,
            held_ms: 0,
            event: self.events[index].clone(),
            number: hookgate::Number::first_of(epoch),
            replay: replay.map(|replay| replay.id.to_string()),
        };
        let request = ClaimRequest {
            message: &message,
            owner: "me",
            lease_until: self.now,
            place: None,
            now: self.now,
        };
        let ClaimOutcome::Granted(grant) = self.table.claim(request).await.unwrap() else {
            panic!("the claim is not granted");
        };
        (message, self.now, grant)
    }

    /// The processor handles an event.
    async fn end(
        &mut self,
        index: usize,
        epoch: u32,
        replay: Option<&Replay>,
        target: Option<&str>,
    ) {
        let (message, began, grant) = self.claim(index, epoch, replay).await;
        let claim = held(&message, began, grant, target);
        self.table.complete(claim, began).await.unwrap();
    }

    /// All pages of the outcomes added up.
    async fn outcomes(&self, replay: &Replay) -> ReplayOutcomes {
        let mut outcomes = ReplayOutcomes::default();
        let mut cursor: Option<Cursor> = None;
        loop {
            let counted = self
                .table
                .count_outcomes(replay, cursor.as_ref(), &mut outcomes);
            let Some(next) = counted.await.unwrap() else {
                return outcomes;
            };
            cursor = Cursor::parse(&next.to_string());
            assert_eq!(cursor.as_ref(), Some(&next), "a cursor survives an answer");
        }
    }
}

fn held<'a>(
    message: &'a Message,
    began: SystemTime,
    grant: hookgate::event::Grant,
    target: Option<&'a str>,
) -> Claim<'a> {
    Claim {
        event: &message.event,
        number: message.number,
        owner: "me",
        grant,
        began,
        target,
        archived: None,
    }
}

#[tokio::test]
async fn each_event_counts_by_its_state_once_the_replay_has_claimed_it() {
    let mut story = Story::begin(7).await;
    let replay = story.replay(None);
    assert_eq!(story.outcomes(&replay).await, ReplayOutcomes::default());
    story.end(0, 1, Some(&replay), Some("handler:log")).await;
    story.end(1, 1, Some(&replay), Some("handler:log")).await;
    story.end(2, 1, Some(&replay), None).await;
    let (message, began, grant) = story.claim(3, 1, Some(&replay)).await;
    let claim = held(&message, began, grant, Some("handler:log"));
    let retry = Retry {
        number: message.number.next(),
        error: "no",
        next: began,
    };
    story.table.release(claim, retry, began).await.unwrap();
    let (message, began, grant) = story.claim(4, 1, Some(&replay)).await;
    let claim = held(&message, began, grant, Some("handler:log"));
    story.table.mark_dead(claim, "no", began).await.unwrap();
    story.claim(5, 1, Some(&replay)).await;
    let expected = ReplayOutcomes {
        handled: 2,
        unhandled: 1,
        waiting: 1,
        dead: 1,
        processing: 1,
        ..ReplayOutcomes::default()
    };
    assert_eq!(story.outcomes(&replay).await, expected);
}

#[tokio::test]
async fn the_state_that_a_range_was_chosen_by_may_have_changed() {
    let mut story = Story::begin(1).await;
    let replay = story.replay(Some(EventState::Dead));
    story.end(0, 1, Some(&replay), Some("handler:log")).await;
    assert_eq!(story.outcomes(&replay).await.handled, 1);
}

#[tokio::test]
async fn an_event_that_another_replay_took_over_counts_as_that() {
    let mut story = Story::begin(2).await;
    let earlier = story.replay(None);
    story.end(0, 1, Some(&earlier), Some("handler:log")).await;
    let replay = story.replay(None);
    assert_eq!(
        story.outcomes(&replay).await.overtaken,
        0,
        "what an earlier replay handled is not begun"
    );
    story.end(0, 2, Some(&replay), Some("handler:log")).await;
    let later = story.replay(None);
    story.end(0, 3, Some(&later), Some("handler:log")).await;
    let outcomes = story.outcomes(&replay).await;
    assert_eq!((outcomes.overtaken, outcomes.handled), (1, 0));
    assert_eq!(story.outcomes(&later).await.handled, 1);
}

#[tokio::test]
async fn a_claim_of_no_replay_is_not_taken_for_that_of_an_earlier_one() {
    let mut story = Story::begin(1).await;
    let replay = story.replay(None);
    story.end(0, 1, Some(&replay), Some("handler:log")).await;
    // As by a message of a release that did not name replays.
    story.end(0, 2, None, Some("handler:log")).await;
    assert_eq!(story.outcomes(&replay).await, ReplayOutcomes::default());
}

#[tokio::test]
async fn a_redelivery_within_a_replay_still_belongs_to_it() {
    let mut story = Story::begin(1).await;
    let replay = story.replay(None);
    story.claim(0, 1, Some(&replay)).await;
    story.end(0, 1, None, Some("handler:log")).await;
    assert_eq!(story.outcomes(&replay).await.handled, 1);
}

#[tokio::test]
async fn a_replay_of_keys_counts_as_well() {
    let mut story = Story::begin(3).await;
    let keys = story.events[..2].iter().map(|event| event.key.to_string());
    let replay = Replay {
        of: Replayed::Keys(keys.collect()),
        ..story.replay(None)
    };
    story.end(0, 1, Some(&replay), Some("handler:log")).await;
    assert_eq!(story.outcomes(&replay).await.handled, 1);
}

#[tokio::test]
async fn more_events_than_a_batch_are_all_counted() {
    let mut story = Story::begin(460).await;
    let replay = story.replay(None);
    for index in 0..story.events.len() {
        story
            .end(index, 1, Some(&replay), Some("handler:log"))
            .await;
    }
    assert_eq!(story.outcomes(&replay).await.handled, 460);
}
