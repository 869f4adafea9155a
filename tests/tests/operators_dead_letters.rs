//! Dead letters that are chosen by what they have in common, and those that are thrown away.

use std::time::Duration;

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
fn keys(letters: &Value) -> Vec<&str> {
    let letters = letters.as_array().expect("a list").iter();
    let mut keys: Vec<&str> = letters
        .filter_map(|letter| letter["key"].as_str())
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
