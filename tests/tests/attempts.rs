//! What an event's item says of its attempts, and what operators see of them.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest};
use hookgate::{Body, DynamoTable, Event, EventKey, Message, rfc3339, system_now, unix_ms};
use hookgate_api::{EventState, EventSummary};
use hookgate_tests::servers;
use hookgate_twin::engines::Engines;

/// A table with one event, and the time.
struct Story {
    table: DynamoTable,
    message: Message,
    now: SystemTime,
    /// The engine lives as long as its story.
    _engines: Option<Engines>,
}

impl Story {
    async fn begin(client: Client, name: &str, engines: Option<Engines>) -> Story {
        let now_ms = unix_ms(system_now());
        let table = DynamoTable::new(client, format!("{name}-{now_ms}"), None);
        table.create().await.unwrap();
        let now = UNIX_EPOCH + Duration::from_millis(now_ms);
        let event = Event {
            key: EventKey::new(None, "product", "id:evt_1"),
            source: "product".into(),
            tenant: None,
            id: Some("evt_1".into()),
            event_type: Some("project.created".into()),
            received: now,
            headers: Vec::new(),
            trace: None,
            body: Body::Inline(b"{}"[..].into()),
        };
        table.record(&event, now).await.unwrap();
        let message = Message { event, epoch: 0 };
        Story {
            table,
            message,
            now,
            _engines: engines,
        }
    }

    async fn on_the_embedded_engine(name: &str) -> Story {
        let engines = Engines::in_memory(Box::new(|| UNIX_EPOCH)).await.unwrap();
        Story::begin(engines.dynamodb_client(), name, Some(engines)).await
    }

    async fn on_ministack(name: &str) -> Story {
        let aws = servers::config(&servers::provisioned("HOOKGATE_TEST_MINISTACK_URL"));
        Story::begin(Client::new(&aws), name, None).await
    }

    /// Claims the event a second later, when no lease holds any more.
    async fn claim(&mut self) -> Claim<'_> {
        self.now += Duration::from_secs(1);
        let request = ClaimRequest {
            message: &self.message,
            owner: "me",
            lease_until: self.now,
            now: self.now,
        };
        let ClaimOutcome::Granted(grant) = self.table.claim(request).await.unwrap() else {
            panic!("the claim is not granted");
        };
        Claim {
            event: &self.message.event,
            epoch: self.message.epoch,
            owner: "me",
            grant,
        }
    }

    async fn seen(&self) -> EventSummary {
        let event = self.table.show_event(&self.message.event.key).await;
        event.unwrap().unwrap().summary
    }
}

async fn each_round_is_counted_anew(mut story: Story) {
    for attempt in 1..=3 {
        assert_eq!(story.claim().await.grant.attempt, attempt);
    }
    story.message.epoch = 1;
    for attempt in 1..=2 {
        assert_eq!(story.claim().await.grant.attempt, attempt, "of the replay");
    }
    let (table, now) = (story.table.clone(), story.now);
    let claim = story.claim().await;
    table.mark_dead(claim, "no", now).await.unwrap();
    assert_eq!(story.claim().await.grant.attempt, 1, "of the redrive");
    let claim = story.claim().await;
    table.complete(claim, now).await.unwrap();
    story.message.epoch = 2;
    let grant = story.claim().await.grant;
    assert_eq!((grant.attempt, grant.claims), (1, 9), "of another replay");
}

async fn the_time_of_an_end_goes_when_the_event_is_handled_again(mut story: Story) {
    let (table, now) = (story.table.clone(), story.now);
    let claim = story.claim().await;
    table.complete(claim, now).await.unwrap();
    let ended = Some(rfc3339(unix_ms(now)));
    assert_eq!(story.seen().await.completed_at, ended);
    story.message.epoch = 1;
    let claim = story.claim().await;
    table.mark_dead(claim, "no", now).await.unwrap();
    assert_eq!(story.seen().await.completed_at, ended);
    story.claim().await;
    let seen = story.seen().await;
    assert_eq!(
        (seen.state, seen.completed_at),
        (EventState::Processing, None)
    );
}

/// Tells each story on both engines.
macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        mod on_the_embedded_engine {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::Story::on_the_embedded_engine(stringify!($story)).await).await;
            })*
        }

        mod on_ministack {
            $(#[tokio::test]
            #[ignore = "needs ministack: run tests/scripts/run.sh"]
            async fn $story() {
                super::$story(super::Story::on_ministack(stringify!($story)).await).await;
            })*
        }
    };
}

stories! {
    each_round_is_counted_anew,
    the_time_of_an_end_goes_when_the_event_is_handled_again,
}
