//! The faults that `hookgate dev --fault` asks for, on a twin.

use hookgate_tests::gateway::{Gateway, secret, unix_s};
use hookgate_tests::provider;
use serde_json::json;

/// The number of times that the provider sends a request that is not answered with a 2xx.
const TRIES: usize = 20;

/// Sends an event until it is accepted, as a provider does; its key and the answers before.
async fn accepted(gateway: &Gateway, id: &str, filler: usize) -> (String, Vec<u16>) {
    let data = json!({ "name": " ".repeat(filler) });
    let body = json!({ "id": id, "type": "project.created", "data": data }).to_string();
    let mut refused = Vec::new();
    for _ in 0..TRIES {
        let signed = provider::product(secret("product"), unix_s(), body.as_bytes());
        let answer = gateway.send("/webhooks/product", &signed).await;
        if answer.status == 200 {
            return (answer.key, refused);
        }
        refused.push(answer.status);
    }
    panic!("{id} was refused {TRIES} times: {refused:?}");
}

#[tokio::test]
async fn what_was_accepted_under_faults_is_done_afterwards() {
    let gateway = Gateway::under(&[
        // The client tries twice.
        "dynamodb:PutItem=fail,count=2",
        "s3:PutObject=drop-before,count=2",
        "sqs:SendMessage=fail,count=2",
        "dynamodb:*=delay:5,rate=0.1",
        "dynamodb:*=twice,rate=0.1",
        "dynamodb:*=lose-reply,rate=0.15",
        "dynamodb:*=drop-before,rate=0.1",
        "sqs:*=drop-after,rate=0.2",
        "sqs:*=fail,rate=0.2",
        "s3:*=lose-reply,rate=0.3",
    ])
    .await;
    let mut keys = Vec::new();
    for n in 0..25 {
        // Every fifth body is too large for a message.
        let filler = if n % 5 == 1 { 300_000 } else { 0 };
        let (key, refused) = accepted(&gateway, &format!("evt_{n}"), filler).await;
        if n == 0 {
            assert_eq!(refused[0], 503, "the first rule struck nothing");
        }
        keys.push(key);
    }
    let gateway = gateway.restart().await;
    for key in keys {
        let event = gateway.ended(&key).await;
        assert_eq!(event["state"], "done", "{event}");
    }
}

#[tokio::test]
async fn a_door_changes_nothing_for_requests_that_no_rule_means() {
    let gateway = Gateway::under(&["s3:DeleteObject=fail"]).await;
    let (key, refused) = accepted(&gateway, "evt_1", 300_000).await;
    assert!(refused.is_empty(), "{refused:?}");
    let event = gateway.ended(&key).await;
    assert_eq!(
        (&event["state"], &event["attempts"]),
        (&json!("done"), &json!(1))
    );
    // The queue's URL is at the door, as the endpoint is.
    let engines = &gateway.twin.engines;
    let url = engines
        .sqs_client()
        .get_queue_url()
        .queue_name("hookgate-events");
    let url = url.send().await.expect("the queue answers").queue_url;
    assert_eq!(url.as_deref(), Some(engines.queue_url().as_str()));
}
