//! The twin is killed while events are in flight, and started again on what it left behind.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use support::Dev;

const CONFIG: &str = "[sources.product]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n\n[[routes]]\nto = \"handler:log\"\n";
const SECRET: &str = "one";
const EVENTS: usize = 200;
const SENDERS: usize = 8;

/// Time limit for the whole test, on a machine that is busy with a build.
const PATIENCE: Duration = Duration::from_secs(90);

type Accepted = Arc<Mutex<BTreeSet<String>>>;

/// One signed event, by the [Product] guide.
fn signed(id: usize) -> (String, String) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a sender signs with the real time"
    )]
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let body = format!(r#"{{"id":"evt_{id}","type":"run.failed","data":{{}}}}"#);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{now}.{body}").as_bytes());
    (
        format!("t={now},v1={}", hex::encode(mac.finalize().into_bytes())),
        body,
    )
}

/// Sends the events of one sender until the gateway is gone, noting the keys that were accepted.
async fn send(url: String, sender: usize, accepted: Accepted) {
    let client = reqwest::Client::new();
    for id in (sender..EVENTS).step_by(SENDERS) {
        let (signature, body) = signed(id);
        let request = client
            .post(&url)
            .header("x-product-signature", signature)
            .body(body);
        let Ok(response) = request.send().await else {
            break;
        };
        let status = response.status();
        let Ok(answer) = response.json::<Value>().await else {
            break;
        };
        assert_eq!(status, 200, "{answer}");
        accepted
            .lock()
            .unwrap()
            .insert(answer["event"].as_str().unwrap().to_owned());
    }
}

async fn state(client: &reqwest::Client, dev: &Dev, key: &str) -> String {
    let event = client
        .get(format!("{}/admin/events/{key}", dev.url()))
        .bearer_auth(dev.ready["token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    let event: Value = event.json().await.unwrap();
    event["state"].as_str().unwrap_or("lost").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_a_kill_is_processed_after_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hookgate.toml"), CONFIG).unwrap();
    std::fs::write(
        folder.path().join("hookgate.env"),
        format!("PRODUCT={SECRET}\n"),
    )
    .unwrap();
    let accepted = Accepted::default();
    // Killed twice: once early, once later.
    for enough in [20, 100] {
        let mut dev = Dev::start(folder.path(), &["--data", "data"]);
        let url = format!("{}/webhooks/product", dev.url());
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| tokio::spawn(send(url.clone(), sender, accepted.clone())))
            .collect();
        let start = Instant::now();
        while accepted.lock().unwrap().len() < enough {
            assert!(
                start.elapsed() < PATIENCE,
                "{enough} are not accepted in time"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        dev.child.kill().unwrap(); // SIGKILL
        for sender in senders {
            sender.await.unwrap();
        }
    }

    let dev = Dev::start(folder.path(), &["--data", "data"]);
    let client = reqwest::Client::new();
    let start = Instant::now();
    let accepted = accepted.lock().unwrap().clone();
    for key in &accepted {
        while state(&client, &dev, key).await != "done" {
            assert!(
                start.elapsed() < PATIENCE,
                "{key} was accepted and not processed"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
