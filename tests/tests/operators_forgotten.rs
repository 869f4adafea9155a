//! Events that the ledger has forgotten while their payload is still kept.

use aws_sdk_dynamodb::types::AttributeValue;
use hookgate_tests::gateway::{Gateway, secret, unix_s};
use hookgate_tests::provider;
use hookgate_twin::engines::TABLE;
use reqwest::Method;
use serde_json::{Value, json};

/// Has an event handled, and then forgotten by the ledger; its key.
async fn forgotten(gateway: &Gateway, id: &str, event_type: &str) -> String {
    let body = json!({ "id": id, "type": event_type, "data": { "name": "Apollo" } }).to_string();
    let signed = provider::product(secret("product"), unix_s(), body.as_bytes());
    let key = gateway.send("/webhooks/product/acme", &signed).await.key;
    gateway.ended(&key).await;
    let delete = gateway.twin.engines.dynamodb_client().delete_item();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let delete = delete
        .table_name(TABLE)
        .key("pk", text(&key))
        .key("sk", text("event"));
    delete.send().await.expect("the item is deleted");
    let (status, _) = gateway.get(&format!("/admin/events/{key}")).await;
    assert_eq!(status, 404);
    key
}

async fn replay(gateway: &Gateway, path: &str, asked: Value) -> Value {
    let asked = gateway.operate(Method::POST, path, Some(asked));
    let (status, answer) = asked.await;
    assert_eq!(status, 202, "{answer}");
    answer
}

/// The event, once its replay was run.
async fn replayed(gateway: &Gateway, key: &str) -> Value {
    for _ in 0..600 {
        if gateway.get(&format!("/admin/events/{key}")).await.0 == 200 {
            return gateway.ended(key).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{key} was not replayed");
}

#[tokio::test]
async fn a_forgotten_event_is_replayed_by_its_time_as_it_came_in() {
    let gateway = Gateway::start().await;
    let key = forgotten(&gateway, "evt_1", "project.created").await;
    let by_key = json!({ "keys": [key], "reason": "a test" });
    let (status, answer) = gateway
        .operate(Method::POST, "/admin/replay", Some(by_key))
        .await;
    assert_eq!(status, 422, "{answer}");
    let why = answer["failed"][0]["error"].as_str().unwrap_or_default();
    assert!(why.contains("replayed by its range"), "{answer}");
    // It is in the list of all events, and in that of those that were forgotten.
    for query in ["", "?state=forgotten"] {
        let (_, list) = gateway.get(&format!("/admin/events{query}")).await;
        assert_eq!(list["events"][0]["key"], key.as_str(), "{list}");
        assert_eq!(list["events"][0]["state"], "forgotten", "{list}");
    }
    let range = json!({ "source": "product", "since": "2020-01-01T00:00:00Z", "reason": "a test" });
    replay(&gateway, "/admin/replays", range).await;
    let event = replayed(&gateway, &key).await;
    for (name, value) in [
        ("state", "done"),
        ("event_id", "evt_1"),
        ("type", "project.created"),
        ("tenant", "acme"),
    ] {
        assert_eq!(event[name], value, "{event}");
    }
}

#[tokio::test]
async fn forgotten_events_of_a_range_are_replayed_unless_a_state_is_asked_for() {
    let gateway = Gateway::start().await;
    let created = forgotten(&gateway, "evt_1", "project.created").await;
    let failed = forgotten(&gateway, "evt_2", "run.failed").await;
    let range = json!({ "source": "product", "since": "2020-01-01T00:00:00Z" });
    let counted = |more: Value| {
        let mut asked = range.clone();
        let more = more.as_object().expect("an object").clone();
        asked.as_object_mut().expect("an object").extend(more);
        let gateway = &gateway;
        async move {
            let asked = gateway.operate(Method::POST, "/admin/replays/count", Some(asked));
            asked.await.1["found"].clone()
        }
    };
    assert_eq!(counted(json!({})).await, 2);
    assert_eq!(counted(json!({ "type": "run.*" })).await, 1);
    // No state can be told of them any more.
    assert_eq!(counted(json!({ "state": "done" })).await, 0);

    let mut asked = range.clone();
    asked["type"] = json!("project.*");
    asked["reason"] = json!("a test");
    replay(&gateway, "/admin/replays", asked).await;
    assert_eq!(replayed(&gateway, &created).await["epoch"], 1);
    let (status, _) = gateway.get(&format!("/admin/events/{failed}")).await;
    assert_eq!(status, 404);
}
