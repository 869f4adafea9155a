//! Operators' work: they list events, replay some, and empty the dead-letter queue. On the twin,
//! over HTTP.

use std::time::Duration;

use hookgate_tests::gateway::{Gateway, secret, unix_s};
use hookgate_tests::provider;
use reqwest::Method;
use serde_json::{Value, json};

/// Sends an event of the Product guide; its key, once it has ended.
async fn ended(gateway: &Gateway, id: &str, event_type: &str, data: &Value) -> String {
    let key = sent(gateway, id, event_type, data).await;
    gateway.ended(&key).await;
    key
}

async fn sent(gateway: &Gateway, id: &str, event_type: &str, data: &Value) -> String {
    let body = json!({ "id": id, "type": event_type, "data": data }).to_string();
    let signed = provider::product(secret("product"), unix_s(), body.as_bytes());
    let answer = gateway.send("/webhooks/product", &signed).await;
    assert_eq!(answer.status, 200);
    answer.key
}

async fn post(gateway: &Gateway, path: &str, body: Value) -> (u16, Value) {
    gateway.operate(Method::POST, path, Some(body)).await
}

/// Asks again until what is requested holds.
async fn until(gateway: &Gateway, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let (status, answer) = gateway.get(path).await;
        assert_eq!(status, 200, "{answer}");
        if holds(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} did not come to what was waited for");
}

async fn attempts(gateway: &Gateway, key: &str, count: u64) -> Value {
    let path = format!("/admin/events/{key}");
    let event = until(gateway, &path, |event| event["attempts"] == count).await;
    assert_eq!(event["attempts"], count);
    gateway.ended(key).await
}

#[tokio::test]
async fn nobody_is_an_operator_without_the_token() {
    let gateway = Gateway::start().await;
    let http = reqwest::Client::new();
    let key = ended(&gateway, "evt_1", "run.failed", &json!({})).await;
    let right = gateway.twin.token.reveal();
    let more = format!("{right}0");
    let wrong = [
        "",
        "wrong",
        &right[..1],
        &right[..right.len() - 1],
        &right[1..],
        &more,
    ];
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    for (method, path) in [
        (&get, "/admin/events"),
        (&get, &format!("/admin/events/{key}")),
        (&get, "/admin/replays"),
        (&get, "/admin/replays/199c82cc07b-00000007"),
        (&delete, "/admin/replays/199c82cc07b-00000007"),
        (&get, "/admin/dead-letters"),
        (&get, "/admin/dead-letters/redrive"),
        (&post, "/admin/dead-letters/redrive"),
        (&post, "/admin/replay"),
        (&Method::PUT, "/admin/events"),
        (&Method::HEAD, "/admin/events"),
        (&get, "/admin/no"),
    ] {
        let url = format!("{}{path}", gateway.twin.url);
        let ask = || http.request(method.clone(), &url).body("{}");
        let answer = ask().send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method} {path}");
        for wrong in wrong {
            let answer = ask().bearer_auth(wrong).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path} with `{wrong}`");
        }
        let answer = ask().bearer_auth(right).send().await.unwrap();
        assert_ne!(answer.status(), 401, "{method} {path} with the token");
    }
}

#[tokio::test]
async fn events_are_replayed_by_their_keys() {
    let gateway = Gateway::start().await;
    let data = json!({ "name": "Apollo" });
    let one = ended(&gateway, "evt_1", "project.created", &data).await;
    let two = ended(&gateway, "evt_2", "project.created", &data).await;
    let unknown = "A".repeat(43);
    let asked = json!({ "keys": [one, two, one, unknown], "reason": "the handler is fixed" });
    let (status, answer) = post(&gateway, "/admin/replay", asked).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(
        answer["replayed"],
        json!([{ "key": one, "epoch": 1 }, { "key": two, "epoch": 1 }])
    );
    assert_eq!(answer["failed"][0]["name"], unknown, "{answer}");
    let before = gateway.ended(&two).await["payload"].clone();
    for key in [&one, &two] {
        let event = attempts(&gateway, key, 2).await;
        assert_eq!(
            (&event["state"], &event["epoch"]),
            (&json!("done"), &json!(1))
        );
        assert_eq!(
            event["event_id"],
            if key == &one { "evt_1" } else { "evt_2" }
        );
    }
    assert_eq!(gateway.ended(&two).await["payload"], before);

    let id = answer["id"].as_str().expect("a replay's id");
    let (_, replay) = gateway.get(&format!("/admin/replays/{id}")).await;
    assert_eq!(replay["reason"], "the handler is fixed");
    assert_eq!(
        (&replay["state"], &replay["sent"], &replay["skipped"]),
        (&json!("done"), &json!(2), &json!(1))
    );
    let (_, replays) = gateway.get("/admin/replays").await;
    assert_eq!(
        replays["replays"].as_array().map(Vec::len),
        Some(1),
        "{replays}"
    );

    // The provider's own redelivery stays a duplicate.
    assert_eq!(sent(&gateway, "evt_1", "project.created", &data).await, one);
    assert_eq!(attempts(&gateway, &one, 2).await["epoch"], 1);

    let (status, answer) = post(
        &gateway,
        "/admin/replay",
        json!({ "keys": [unknown], "reason": "x" }),
    )
    .await;
    assert_eq!(status, 422, "{answer}");
    assert!(
        answer["failed"][0]["error"]
            .as_str()
            .unwrap()
            .contains("no event"),
        "{answer}"
    );
}

/// Events of two types, all ended; the keys of each.
async fn two_types(gateway: &Gateway, count: usize) -> (Vec<String>, Vec<String>) {
    let (mut created, mut failed) = (Vec::new(), Vec::new());
    for number in 0..count {
        let id = format!("evt_{number}");
        if number % 3 == 0 {
            let data = json!({ "run_id": "r1", "error": "x" });
            failed.push(ended(gateway, &id, "run.failed", &data).await);
        } else {
            let data = json!({ "name": "Apollo" });
            created.push(ended(gateway, &id, "project.created", &data).await);
        }
    }
    (created, failed)
}

#[tokio::test]
async fn a_range_is_counted_first_and_then_replayed() {
    let gateway = Gateway::start().await;
    let (created, failed) = two_types(&gateway, 30).await;
    let range =
        json!({ "source": "product", "type": "project.*", "since": "2026-01-01T00:00:00Z" });
    let with = |more: Value| {
        let mut asked = range.clone();
        let more = more.as_object().expect("an object").clone();
        asked.as_object_mut().expect("an object").extend(more);
        asked
    };
    let (status, count) = post(&gateway, "/admin/replays/count", with(json!({}))).await;
    assert_eq!(
        (status, &count["found"], &count["complete"]),
        (200, &json!(20), &json!(true))
    );
    assert!(
        created.contains(&count["sample"][0].as_str().unwrap().to_owned()),
        "{count}"
    );
    assert_eq!(
        gateway.get("/admin/replays").await.1["replays"],
        json!([]),
        "a count is not a replay"
    );

    let asked = with(json!({ "reason": "lost our database", "rate_per_s": 200 }));
    let (status, replay) = post(&gateway, "/admin/replays", asked).await;
    assert_eq!((status, &replay["state"]), (202, &json!("running")));
    let path = format!("/admin/replays/{}", replay["id"].as_str().unwrap());
    let replay = until(&gateway, &path, |replay| replay["state"] == "done").await;
    assert_eq!(
        (&replay["found"], &replay["sent"], &replay["failed"]),
        (&json!(20), &json!(20), &json!(0)),
        "{replay}"
    );
    assert_eq!(replay["reason"], "lost our database");
    for key in &created {
        assert_eq!(attempts(&gateway, key, 2).await["epoch"], 1);
    }
    let handled = |outcomes: &Value| outcomes["handled"] == 20;
    let outcomes = until(&gateway, &format!("{path}/outcomes"), handled).await;
    for other in ["unhandled", "dead", "waiting", "processing", "overtaken"] {
        assert_eq!(outcomes[other], 0, "{other}: {outcomes}");
    }
    assert_eq!(outcomes["next"], Value::Null);
    for key in &failed {
        assert_eq!(gateway.ended(key).await["attempts"], 1);
    }
}

#[tokio::test]
async fn a_running_replay_can_be_cancelled() {
    let gateway = Gateway::start().await;
    let (created, _) = two_types(&gateway, 30).await;
    let asked = json!({
        "source": "product", "type": "project.created", "since": "2026-01-01T00:00:00Z",
        "reason": "a mistake", "rate_per_s": 1,
    });
    let (_, replay) = post(&gateway, "/admin/replays", asked).await;
    let path = format!("/admin/replays/{}", replay["id"].as_str().unwrap());
    let (status, replay) = gateway.operate(Method::DELETE, &path, None).await;
    assert_eq!((status, &replay["state"]), (200, &json!("cancelled")));
    let (status, again) = gateway.operate(Method::DELETE, &path, None).await;
    assert_eq!(status, 409, "{again}");
    // Whatever a slice was doing, it ends: the next replay is run, the first is not.
    let asked = json!({
        "source": "product", "type": "run.failed", "since": "2026-01-01T00:00:00Z", "reason": "x",
    });
    let (_, second) = post(&gateway, "/admin/replays", asked).await;
    let second = format!("/admin/replays/{}", second["id"].as_str().unwrap());
    until(&gateway, &second, |replay| replay["state"] == "done").await;
    let (_, replay) = gateway.get(&path).await;
    assert_eq!(replay["state"], "cancelled", "{replay}");
    let mut replayed = 0;
    for key in &created {
        let event = gateway.ended(key).await;
        replayed += event["epoch"].as_u64().unwrap();
    }
    assert!(replayed < 10, "{replayed} were replayed after the end");
}

#[tokio::test]
async fn dead_letters_are_listed_shown_and_redriven() {
    let gateway = Gateway::start().await;
    let mut keys = Vec::new();
    for number in 0..4 {
        // A project without a name is a permanent error.
        let id = format!("evt_{number}");
        keys.push(ended(&gateway, &id, "project.created", &json!(3)).await);
    }
    let all = |list: &Value| list["dead_letters"].as_array().map(Vec::len) == Some(4);
    let list = until(&gateway, "/admin/dead-letters", all).await;
    for letter in list["dead_letters"].as_array().unwrap() {
        assert!(
            keys.contains(&letter["key"].as_str().unwrap().to_owned()),
            "{letter}"
        );
        assert_eq!(letter["class"], "permanent", "{letter}");
        assert!(
            letter["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{letter}"
        );
        assert_eq!(letter["source"], "product", "{letter}");
    }
    let (status, shown) = gateway
        .get(&format!("/admin/dead-letters/{}", keys[0]))
        .await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(
        shown["dead_letters"][0]["attributes"]["Class"], "permanent",
        "{shown}"
    );
    assert!(
        shown["dead_letters"][0]["body"]
            .as_str()
            .unwrap()
            .contains(&keys[0])
    );
    let absent = format!("/admin/dead-letters/{}", "E".repeat(43));
    assert_eq!(gateway.get(&absent).await.0, 404);

    let redrive = "/admin/dead-letters/redrive";
    let (status, answer) = post(
        &gateway,
        redrive,
        json!({ "keys": [keys[1], "E".repeat(43)] }),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["redriven"][0]["key"], keys[1]);
    assert_eq!(answer["not_found"], json!(["E".repeat(43)]));
    attempts(&gateway, &keys[1], 2).await;
    assert_eq!(gateway.ended(&keys[0]).await["attempts"], 1);
    let list = until(&gateway, "/admin/dead-letters", all).await;
    let id = list["dead_letters"].as_array().unwrap().iter();
    let id = id
        .filter(|letter| letter["key"] == *keys[2])
        .map(|letter| &letter["message_id"]);
    let id = id.collect::<Vec<_>>()[0];
    let (status, answer) = post(&gateway, redrive, json!({ "message_ids": [id] })).await;
    assert_eq!(status, 200, "{answer}");
    attempts(&gateway, &keys[2], 2).await;

    until(&gateway, "/admin/dead-letters", all).await;
    let moves = "/admin/dead-letters/moves";
    let (status, answer) = post(&gateway, moves, json!({ "rate_per_s": 100 })).await;
    assert_eq!(status, 202, "{answer}");
    for (key, count) in keys.iter().zip([2, 3, 3, 2]) {
        attempts(&gateway, key, count).await;
    }
    let moves = until(&gateway, moves, |moves| {
        moves["moves"][0]["status"] == "COMPLETED"
    })
    .await;
    assert_eq!(moves["moves"][0]["moved"], 4, "{moves}");
}

#[tokio::test]
async fn what_an_operator_did_wrong_is_told() {
    let gateway = Gateway::start().await;
    let key = "A".repeat(43);
    let since = "2026-01-01T00:00:00Z";
    #[rustfmt::skip]
    let wrong = [
        ("/admin/replay", json!({ "keys": [key] }), "reason"),
        ("/admin/replay", json!({ "keys": [key], "reason": " " }), "reason"),
        ("/admin/replay", json!({ "keys": [key], "reason": "two\nlines" }), "one line"),
        ("/admin/replay", json!({ "keys": [], "reason": "x" }), "1 to 100"),
        ("/admin/replay", json!({ "keys": ["short"], "reason": "x" }), "43 characters"),
        ("/admin/replay", json!({ "keys": [key], "reason": "x", "source": "pakk" }), "source"),
        ("/admin/replays", json!({ "source": "pakk", "since": since }), "reason"),
        ("/admin/replays", json!({ "source": "nobody", "since": since, "reason": "x" }), "there are"),
        ("/admin/replays", json!({ "source": "pakk", "since": "today", "reason": "x" }), "2026-01-31"),
        ("/admin/replays", json!({ "source": "pakk", "since": "2999-01-01T00:00:00Z", "reason": "x" }), "before"),
        ("/admin/replays", json!({ "source": "pakk", "since": since, "reason": "x", "rate_per_s": 0 }), "between 1 and"),
        ("/admin/replays", json!({ "source": "pakk", "since": since, "reason": "x", "state": "lost" }), "`received`, `enqueued`"),
        ("/admin/replays", json!({ "source": "pakk", "since": since, "reason": "x", "rate": 1 }), "rate_per_s"),
        ("/admin/dead-letters/redrive", json!({}), "all"),
        ("/admin/dead-letters/redrive", json!({ "all": true, "keys": [key] }), "all"),
        ("/admin/dead-letters/redrive", json!({ "keys": [key], "rate_per_s": 1 }), "rate_per_s"),
        ("/admin/dead-letters/redrive", json!({ "keys": [key], "source": "pakk" }), "either"),
        ("/admin/dead-letters/redrive", json!({ "source": "pakk", "age": 1 }), "reason_contains"),
        ("/admin/dead-letters/moves", json!({ "rate_per_s": 501 }), "500"),
        ("/admin/dead-letters/moves", json!({ "keys": [key] }), "rate_per_s"),
        ("/admin/dead-letters/discard", json!({ "keys": [key] }), "reason"),
        ("/admin/dead-letters/discard", json!({ "reason": "x" }), "1 to 100"),
    ];
    for (path, asked, told) in wrong {
        let (status, answer) = post(&gateway, path, asked.clone()).await;
        assert_eq!(status, 400, "{asked}: {answer}");
        assert!(
            answer["error"].as_str().unwrap().contains(told),
            "{asked}: {answer}"
        );
    }
    for (path, status) in [
        ("/admin/events?state=lost", 400),
        ("/admin/events?source=nobody", 400),
        ("/admin/events?colour=red", 400),
        ("/admin/events?cursor=n1", 400),
        ("/admin/replays?cursor=1", 400),
        ("/admin/events/short", 400),
        (&*format!("/admin/events/{key}"), 404),
        ("/admin/replays/short", 400),
        ("/admin/replays/short/outcomes", 400),
        ("/admin/replays/199c82cc07b-00000007/outcomes", 404),
        ("/admin/replays/199c82cc07b-00000007", 404),
        ("/admin/replay", 405),
        ("/admin/elsewhere", 404),
    ] {
        assert_eq!(gateway.get(path).await.0, status, "{path}");
    }
    let (status, answer) = post(&gateway, "/admin/replay", json!("x".repeat(70_000))).await;
    assert_eq!(status, 413, "{answer}");
}
