//! Dead letters that are chosen by what they have in common, and those that are discarded.

use std::time::{Duration, SystemTime};

use hookgate::config::DEFAULT_RETENTION;
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, Retry};
use hookgate::{DynamoTable, Message, rfc3339, system_now, unix_ms};
use hookgate_tests::archived::event;
use hookgate_tests::gateway::{Gateway, secret, unix_s};
use hookgate_tests::provider;
use hookgate_twin::engines::DEAD_LETTER_QUEUE;
use reqwest::Method;
use serde_json::{Value, json};

/// Sends an event whose data its handler rejects; its key, once it is dead.
async fn dead(gateway: &Gateway, id: &str, event_type: &str) -> String {
    let body = json!({ "id": id, "type": event_type, "data": 3 }).to_string();
    let signed = provider::product(secret("product"), unix_s(), body.as_bytes());
    let key = gateway.send("/webhooks/product", &signed).await.key;
    assert_eq!(gateway.ended(&key).await["state"], "dead");
    key
}

async fn post(gateway: &Gateway, path: &str, body: Value) -> (u16, Value) {
    gateway.operate(Method::POST, path, Some(body)).await
}

/// Waits until the event was claimed so often, and has ended.
async fn attempts(gateway: &Gateway, key: &str, count: u64) -> Value {
    for _ in 0..600 {
        let event = gateway.ended(key).await;
        if event["attempts"] == count {
            return event;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{key} was not handled {count} times");
}

/// The keys in a list of dead letters, sorted.
fn keys(dead_letters: &Value) -> Vec<&str> {
    let dead_letters = dead_letters.as_array().expect("a list").iter();
    let mut keys: Vec<&str> = dead_letters
        .filter_map(|dead_letter| dead_letter["key"].as_str())
        .collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn dead_letters_are_redriven_by_type_source_and_reason() {
    let gateway = Gateway::start().await;
    let mut created = Vec::new();
    for number in 0..13 {
        created.push(dead(&gateway, &format!("evt_{number}"), "project.created").await);
    }
    created.sort();
    let failed = dead(&gateway, "evt_failed", "run.failed").await;
    let path = "/admin/dead-letters/redrive";
    for (asked, none) in [
        (json!({ "source": "pakk" }), true),
        (json!({ "type": "order.*" }), true),
        (
            json!({ "source": "product", "reason_contains": "no such reason" }),
            true,
        ),
        (
            json!({ "source": "product", "type": "project.*", "reason_contains": "LACKS a field" }),
            false,
        ),
    ] {
        let (status, answer) = post(&gateway, path, asked.clone()).await;
        assert_eq!(status, 200, "{asked}: {answer}");
        assert_eq!(answer["complete"], true, "{asked}: {answer}");
        let redriven = keys(&answer["redriven"]);
        match none {
            true => assert_eq!(redriven, Vec::<&str>::new(), "{asked}"),
            false => assert_eq!(redriven, created, "{asked}: {answer}"),
        }
    }
    for key in &created {
        attempts(&gateway, key, 2).await;
    }
    assert_eq!(gateway.ended(&failed).await["attempts"], 1);
}

#[tokio::test]
async fn a_discarded_dead_letter_is_gone_and_its_event_says_so() {
    let gateway = Gateway::start().await;
    let key = dead(&gateway, "evt_1", "project.created").await;
    let other = dead(&gateway, "evt_2", "project.created").await;
    let error = gateway.ended(&key).await["error"].clone();
    let asked = json!({ "keys": [key, "E".repeat(43)], "reason": "a test order" });
    let path = "/admin/dead-letters/discard";
    let (status, answer) = post(&gateway, path, asked.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(keys(&answer["discarded"]), [&key], "{answer}");
    assert_eq!(answer["not_found"], json!(["E".repeat(43)]), "{answer}");
    let (_, list) = gateway.get("/admin/dead-letters").await;
    assert_eq!(keys(&list["dead_letters"]), [&other], "{list}");
    // Nor is it there and hidden for a while.
    let depth = gateway.twin.engines.sqs.depth(DEAD_LETTER_QUEUE).await;
    let depth = depth.expect("the queue answers");
    assert_eq!(depth.visible + depth.in_flight, 1, "{depth:?}");

    let event = gateway.ended(&key).await;
    assert_eq!(event["state"], "dead");
    let told = event["error"].as_str().unwrap();
    assert!(told.contains("discarded: a test order"), "{told}");
    assert!(told.contains(error.as_str().unwrap()), "{told}");

    let (status, answer) = post(&gateway, path, asked).await;
    assert_eq!(status, 404, "{answer}");
    assert_eq!(answer["failed"][0]["name"], *key, "{answer}");

    // It is dead, and can be replayed: what a later attempt says takes the note's place.
    let again = json!({ "keys": [key], "reason": "after all" });
    let (status, answer) = post(&gateway, "/admin/replay", again).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(attempts(&gateway, &key, 2).await["error"], error);
}

#[tokio::test]
async fn a_dead_letter_that_comes_back_is_not_redriven_by_the_same_series_of_requests() {
    let gateway = Gateway::start().await;
    let key = dead(&gateway, "evt_1", "project.created").await;
    let began = rfc3339(unix_ms(system_now()));
    let path = "/admin/dead-letters/redrive";
    let asked = json!({ "source": "product", "sent_before": began });
    let (status, answer) = post(&gateway, path, asked.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(keys(&answer["redriven"]), [&key], "{answer}");
    assert_eq!(attempts(&gateway, &key, 2).await["state"], "dead");

    let (status, answer) = post(&gateway, path, asked).await;
    assert_eq!((status, &answer["redriven"]), (200, &json!([])), "{answer}");
    // Nor is it hidden.
    let (_, list) = gateway.get("/admin/dead-letters").await;
    assert_eq!(keys(&list["dead_letters"]), [&key], "{list}");
}

/// The end of a claim that is under way when its message is dead-lettered.
#[derive(Clone, Copy, Debug)]
enum End {
    None,
    Failed,
    Done,
}

/// Claims an event until then, and ends the claim.
async fn claim(table: &DynamoTable, message: &Message, lease_until: SystemTime, end: End) {
    let began = lease_until - Duration::from_secs(60);
    let request = ClaimRequest {
        message,
        owner: "processor",
        lease_until,
        place: None,
        now: began,
    };
    let claimed = table.claim(request).await.expect("the table answers");
    let ClaimOutcome::Granted(grant) = claimed else {
        panic!("not claimed: {claimed:?}");
    };
    let claim = Claim {
        event: &message.event,
        number: message.number,
        owner: "processor",
        grant,
        began,
        target: None,
        archived: None,
    };
    let retry = Retry {
        // Its own message comes again, because no other could be sent.
        number: message.number,
        error: "not yet",
        next: lease_until,
    };
    let ended = match end {
        End::None => Ok(()),
        End::Failed => table.release(claim, retry, began).await,
        End::Done => table.complete(claim, began).await,
    };
    ended.expect("the table answers");
}

#[tokio::test]
async fn an_event_is_dead_when_its_last_message_is_discarded_unless_it_is_done_or_running() {
    let gateway = Gateway::start().await;
    let engines = &gateway.twin.engines;
    let table = engines.table(Some(DEFAULT_RETENTION));
    let now = system_now();
    let minutes = |count: u64| Duration::from_secs(60 * count);
    for (number, claimed, state) in [
        (1, None, "dead"),
        (2, Some((now + minutes(5), End::Failed)), "dead"),
        (3, Some((now - minutes(1), End::None)), "dead"),
        (4, Some((now + minutes(5), End::Done)), "unhandled"),
        (5, Some((now + minutes(5), End::None)), "processing"),
    ] {
        let message = Message {
            event: event(number, now - minutes(9)),
            number: hookgate::Number::default(),
            replay: None,
            probe: false,
            held_ms: 0,
        };
        let key = message.event.key.to_string();
        let recorded = table.record(&message.event, now).await;
        recorded.expect("it is recorded");
        if let Some((lease_until, end)) = claimed {
            claim(&table, &message, lease_until, end).await;
        }
        // As SQS does it with a message that was received too often: without a reason.
        let text = message.to_json().expect("JSON");
        let sent = engines.sqs.send(DEAD_LETTER_QUEUE, &text).await;
        sent.expect("the queue takes it");

        let asked = json!({ "keys": [key], "reason": "a test order" });
        let (status, answer) = post(&gateway, "/admin/dead-letters/discard", asked).await;
        let (_, event) = gateway.get(&format!("/admin/events/{key}")).await;
        assert_eq!(event["state"], state, "{claimed:?}: {event}");
        let (_, list) = gateway.get("/admin/dead-letters").await;
        if state == "processing" {
            assert_eq!(status, 503, "{answer}");
            let told = answer["failed"][0]["error"].as_str().unwrap_or_default();
            assert!(told.contains("may be running until"), "{told}");
            assert_eq!(keys(&list["dead_letters"]), [&key], "{list}");
        } else {
            assert_eq!(keys(&answer["discarded"]), [&key], "{answer}");
            assert_eq!(keys(&list["dead_letters"]), [""; 0], "{list}");
        }
        if state == "dead" {
            assert_eq!(event["error"], "discarded: a test order", "{event}");
            assert!(event["completed_at"].is_string(), "{event}");
        }
    }
}
