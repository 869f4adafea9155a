//! The attempts in an event's item, and what operators see of them.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, Retry};
use hookgate::{Body, DynamoTable, Event, EventKey, Message, rfc3339, system_now, unix_ms};
use hookgate_api::{AttemptOutcome, AttemptSummary, EventDetail, EventState, EventSummary};
use hookgate_tests::servers;
use hookgate_twin::engines::Engines;

/// A table with one event, and the time.
struct Story {
    client: Client,
    name: String,
    table: DynamoTable,
    message: Message,
    now: SystemTime,
    /// The engine lives as long as its story.
    _engines: Option<Engines>,
}

impl Story {
    async fn begin(client: Client, name: &str, engines: Option<Engines>) -> Story {
        let now_ms = unix_ms(system_now());
        let name = format!("{name}-{now_ms}");
        let table = DynamoTable::new(client.clone(), &name, None);
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
        let message = Message {
            event,
            number: hookgate::Number::default(),
            replay: None,
            probe: false,
            held_ms: 0,
        };
        Story {
            client,
            name,
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
            place: None,
            now: self.now,
        };
        let ClaimOutcome::Granted(grant) = self.table.claim(request).await.unwrap() else {
            panic!("the claim is not granted");
        };
        Claim {
            event: &self.message.event,
            number: self.message.number,
            owner: "me",
            grant,
            began: self.now,
            target: Some("handler:one"),
            archived: None,
        }
    }

    /// An attempt that fails a second after its claim.
    async fn fail(&mut self, error: &str) {
        let table = self.table.clone();
        let number = self.message.number;
        let claim = self.claim().await;
        let ended = claim.began + Duration::from_secs(1);
        let retry = Retry {
            error,
            next: ended + Duration::from_secs(60),
            number,
        };
        table.release(claim, retry, ended).await.unwrap();
    }

    async fn detail(&self) -> EventDetail {
        let event = self.table.show_event(&self.message.event.key, self.now);
        event.await.unwrap().unwrap()
    }

    async fn seen(&self) -> EventSummary {
        self.detail().await.summary
    }

    /// The size of the event's item, as DynamoDB counts it, about.
    async fn item_bytes(&self) -> usize {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let get = self.client.get_item().table_name(&self.name);
        let get = get
            .key("pk", text(self.message.event.key.as_str()))
            .key("sk", text("event"))
            .consistent_read(true);
        let item = get.send().await.unwrap().item.unwrap();
        let bytes = item.iter().map(|(name, value)| {
            name.len()
                + match value {
                    AttributeValue::S(text) => text.len(),
                    AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
                    AttributeValue::B(blob) => blob.as_ref().len(),
                    other => panic!("{name} is of another type: {other:?}"),
                }
        });
        bytes.sum()
    }

    async fn history(&self) -> Vec<AttemptSummary> {
        self.detail().await.history
    }
}

/// The numbers and outcomes of attempts.
fn outcomes(history: &[AttemptSummary]) -> Vec<(u32, AttemptOutcome)> {
    let outcomes = history.iter();
    outcomes
        .map(|attempt| (attempt.number, attempt.outcome))
        .collect()
}

async fn each_round_is_counted_anew(mut story: Story) {
    for attempt in 1..=3 {
        assert_eq!(story.claim().await.grant.attempt, attempt);
    }
    story.message.number.epoch = 1;
    for attempt in 1..=2 {
        assert_eq!(story.claim().await.grant.attempt, attempt, "of the replay");
    }
    let (table, now) = (story.table.clone(), story.now);
    let claim = story.claim().await;
    table.mark_dead(claim, "no", now).await.unwrap();
    assert_eq!(story.claim().await.grant.attempt, 1, "of the redrive");
    let claim = story.claim().await;
    table.complete(claim, now).await.unwrap();
    story.message.number.epoch = 2;
    let grant = story.claim().await.grant;
    assert_eq!((grant.attempt, grant.claims), (1, 9), "of another replay");
}

async fn the_time_of_an_end_goes_when_the_event_is_handled_again(mut story: Story) {
    let (table, now) = (story.table.clone(), story.now);
    let claim = story.claim().await;
    table.complete(claim, now).await.unwrap();
    let ended = Some(rfc3339(unix_ms(now)));
    assert_eq!(story.seen().await.completed_at, ended);
    story.message.number.epoch = 1;
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

async fn an_event_waits_from_a_failed_attempt_to_the_next(mut story: Story) {
    story.fail("no connection").await;
    let next = story.now + Duration::from_secs(61);
    let seen = story.seen().await;
    assert_eq!(seen.state, EventState::Waiting);
    assert_eq!(seen.next_attempt_at, Some(rfc3339(unix_ms(next))));
    assert_eq!(seen.error.as_deref(), Some("no connection"));
    story.claim().await;
    let seen = story.seen().await;
    assert_eq!(
        (seen.state, seen.next_attempt_at),
        (EventState::Processing, None)
    );
}

/// A claimant whose lease ran out may still end what another has released meanwhile.
async fn an_event_that_a_late_claimant_completes_waits_no_more(mut story: Story) {
    let (table, now) = (story.table.clone(), story.now);
    let late = story.claim().await.grant;
    story.fail("no").await;
    let claim = Claim {
        event: &story.message.event,
        number: hookgate::Number::default(),
        owner: "late",
        grant: late,
        began: now,
        target: Some("handler:one"),
        archived: None,
    };
    table.complete(claim, now).await.unwrap();
    let seen = story.seen().await;
    assert_eq!(seen.state, EventState::Done);
    assert_eq!((seen.next_attempt_at, seen.error), (None, None));
    let history = story.history().await;
    use AttemptOutcome::{Failed, Handled};
    assert_eq!(outcomes(&history), [(1, Handled), (2, Failed)]);
}

async fn an_event_says_which_target_handled_it(mut story: Story) {
    let (table, now) = (story.table.clone(), story.now);
    let claim = story.claim().await;
    table.complete(claim, now).await.unwrap();
    let seen = story.seen().await;
    assert_eq!(seen.state, EventState::Done);
    assert_eq!(seen.target.as_deref(), Some("handler:one"));
    story.message.number.epoch = 1;
    story.claim().await;
    assert_eq!(story.seen().await.target, None, "while it is handled");
    let claim = Claim {
        target: None,
        ..story.claim().await
    };
    table.complete(claim, now).await.unwrap();
    let seen = story.seen().await;
    assert_eq!((seen.state, seen.target), (EventState::Unhandled, None));
    let last = story.history().await.pop().unwrap();
    assert_eq!(
        (last.outcome, last.target),
        (AttemptOutcome::Unhandled, None)
    );
}

async fn each_attempt_has_its_times_its_target_and_its_reason(mut story: Story) {
    story.fail("no \"connection\"\n").await;
    let began = story.now;
    let history = story.history().await;
    let failed = AttemptSummary {
        number: 1,
        epoch: Some(0),
        outcome: AttemptOutcome::Failed,
        began_at: Some(rfc3339(unix_ms(began))),
        ended_at: Some(rfc3339(unix_ms(began + Duration::from_secs(1)))),
        target: Some("handler:one".into()),
        reason: Some("no \"connection\"\n".into()),
    };
    assert_eq!(history, std::slice::from_ref(&failed));
    let table = story.table.clone();
    let claim = story.claim().await;
    table.mark_dead(claim, "no", claim.began).await.unwrap();
    let [first, second] = &story.history().await[..] else {
        panic!("two attempts");
    };
    assert_eq!(*first, failed);
    assert_eq!(
        (second.number, second.outcome, second.reason.as_deref()),
        (2, AttemptOutcome::GivenUp, Some("no"))
    );
}

async fn an_attempt_that_did_not_end_runs_until_its_lease_is_over(mut story: Story) {
    use AttemptOutcome::{Failed, Handled, Interrupted, Running};
    story.claim().await;
    let began = [story.now, story.now + Duration::from_secs(1)].map(|time| rfc3339(unix_ms(time)));
    assert_eq!(outcomes(&story.history().await), [(1, Running)]);
    story.now += Duration::from_millis(1);
    assert_eq!(outcomes(&story.history().await), [(1, Interrupted)]);
    story.now -= Duration::from_millis(1);
    story.claim().await;
    let history = story.history().await;
    assert_eq!(outcomes(&history), [(1, Interrupted), (2, Running)]);
    let begun = |history: &[AttemptSummary]| -> Vec<_> {
        let begun = history.iter().take(2);
        begun.map(|attempt| attempt.began_at.clone()).collect()
    };
    assert_eq!(begun(&history), began.clone().map(Some));
    story.fail("no").await;
    let table = story.table.clone();
    let claim = story.claim().await;
    table.complete(claim, claim.began).await.unwrap();
    let history = story.history().await;
    let ended = [
        (1, Interrupted),
        (2, Interrupted),
        (3, Failed),
        (4, Handled),
    ];
    assert_eq!(outcomes(&history), ended);
    assert_eq!(
        begun(&history),
        [None, Some(began[1].clone())],
        "the next attempt that ended knows when the one before began"
    );
}

async fn a_replay_goes_on_with_the_history(mut story: Story) {
    story.fail("no").await;
    let table = story.table.clone();
    for epoch in 0..2 {
        story.message.number.epoch = epoch;
        let claim = story.claim().await;
        table.complete(claim, claim.began).await.unwrap();
    }
    let history = story.history().await;
    let epochs: Vec<_> = history.iter().map(|attempt| attempt.epoch).collect();
    assert_eq!(epochs, [Some(0), Some(0), Some(1)]);
    use AttemptOutcome::{Failed, Handled};
    assert_eq!(
        outcomes(&history),
        [(1, Failed), (2, Handled), (3, Handled)]
    );
}

async fn the_last_sixteen_attempts_are_remembered_with_short_reasons(mut story: Story) {
    for number in 1..=20 {
        story.fail(&format!("{number} {}", "é".repeat(200))).await;
    }
    let history = story.history().await;
    let numbers: Vec<u32> = history.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, Vec::from_iter(5..=20));
    for attempt in &history {
        assert_eq!(attempt.outcome, AttemptOutcome::Failed);
        let reason = attempt.reason.as_deref().unwrap();
        assert!(reason.starts_with(&format!("{} é", attempt.number)));
        assert!(reason.len() <= 60 && reason.ends_with('…'), "{reason}");
    }
    assert!(story.seen().await.error.unwrap().len() > 200);
    let bytes = story.item_bytes().await;
    assert!(bytes < 4000, "{bytes}");
}

async fn the_item_of_an_ordinary_event_is_small(mut story: Story) {
    story.fail("no connection to the inventory").await;
    let table = story.table.clone();
    let claim = story.claim().await;
    table.complete(claim, claim.began).await.unwrap();
    let bytes = story.item_bytes().await;
    assert!(bytes < 640, "{bytes}");
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
    an_event_waits_from_a_failed_attempt_to_the_next,
    an_event_that_a_late_claimant_completes_waits_no_more,
    an_event_says_which_target_handled_it,
    each_attempt_has_its_times_its_target_and_its_reason,
    an_attempt_that_did_not_end_runs_until_its_lease_is_over,
    a_replay_goes_on_with_the_history,
    the_last_sixteen_attempts_are_remembered_with_short_reasons,
    the_item_of_an_ordinary_event_is_small,
}
