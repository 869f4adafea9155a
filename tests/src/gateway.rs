//! A gateway under test: the twin, asked over HTTP.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hookgate::config::Config;
use hookgate::system_now;
use hookgate::unix_ms;
use hookgate_twin::{Token, Twin, TwinOptions};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::provider::Signed;

/// Time limit for an event to reach its final state, on a machine that is busy with a build.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running twin with the example configuration.
pub struct Gateway {
    /// The twin.
    pub twin: Twin,
    http: reqwest::Client,
    data: TempDir,
}

/// An answer to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `accepted` or `duplicate`; empty otherwise.
    pub word: String,
    /// The event's key; empty where there is none.
    pub key: String,
}

/// The secret of a source in the example configuration.
pub fn secret(source: &str) -> &'static str {
    match source {
        "partssource" => "partssource-development-secret",
        "product" => "product-development-secret",
        "pakk" => "pakk-development-secret",
        "wss" => "wss-development-secret",
        other => panic!("no secret of {other}"),
    }
}

/// Now, in Unix seconds.
pub fn unix_s() -> u64 {
    unix_ms(system_now()) / 1000
}

/// The demo's configuration: the tests' own, so that users may edit theirs.
pub fn example() -> Config {
    Config::parse(include_str!("../../cli/demo.toml")).expect("the demo's configuration is right")
}

/// The secrets of that configuration.
pub fn example_variables() -> HashMap<String, String> {
    let lines = include_str!("../../cli/demo.env").lines();
    let pairs = lines
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.starts_with('#'));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl Gateway {
    /// Starts a gateway with the example configuration.
    pub async fn start() -> Gateway {
        Gateway::with(example()).await
    }

    /// Starts a gateway with a configuration that uses the example's variables.
    pub async fn with(config: Config) -> Gateway {
        Gateway::on(tempfile::tempdir().expect("a folder"), config, &[]).await
    }

    /// Starts a gateway with the example configuration, whose engines are struck by these faults.
    pub async fn under(faults: &[&str]) -> Gateway {
        Gateway::on(tempfile::tempdir().expect("a folder"), example(), faults).await
    }

    /// Stops the gateway, and starts another on what it left, without faults.
    pub async fn restart(self) -> Gateway {
        self.twin.stop().await;
        Gateway::on(self.data, example(), &[]).await
    }

    async fn on(data: TempDir, config: Config, faults: &[&str]) -> Gateway {
        let faults = faults.iter().map(|rule| rule.parse().expect("a good rule"));
        let twin = Twin::start(TwinOptions {
            config,
            variables: example_variables(),
            listen: ([127, 0, 0, 1], 0).into(),
            data: data.path().to_owned(),
            token: Token::random(),
            faults: faults.collect(),
        })
        .await
        .expect("the twin starts");
        Gateway {
            twin,
            http: reqwest::Client::new(),
            data,
        }
    }

    /// Sends a request to a path, as `/webhooks/pakk`.
    pub async fn send(&self, path: &str, signed: &Signed) -> Answer {
        let response = self.post(path, signed).await;
        let status = response.status().as_u16();
        let answer: Value = response.json().await.expect("a JSON answer");
        let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        Answer {
            status,
            word: text("status"),
            key: text("event"),
        }
    }

    /// Sends a request; the whole response.
    pub async fn post(&self, path: &str, signed: &Signed) -> reqwest::Response {
        let mut request = self
            .http
            .post(format!("{}{path}", self.twin.url))
            .body(signed.body.clone());
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        request.send().await.expect("the gateway answers")
    }

    /// An operator's GET: status and JSON.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.operate(Method::GET, path, None).await
    }

    /// An operator's request: status and JSON.
    pub async fn operate(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.twin.url);
        let request = self.http.request(method, url);
        let request = request.bearer_auth(self.twin.token.reveal());
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.expect("the gateway answers");
        (
            response.status().as_u16(),
            response.json().await.expect("a JSON answer"),
        )
    }

    /// A token of the twin's issuer, issued so long ago.
    pub async fn token(&self, age_s: u64) -> String {
        let url = format!("{}/issuer/token?age_s={age_s}", self.twin.url);
        let response = self
            .http
            .post(url)
            .send()
            .await
            .expect("the issuer answers");
        response.text().await.expect("a token")
    }

    /// An event as operators see it, once it is done or dead.
    pub async fn ended(&self, key: &str) -> Value {
        let start = Instant::now();
        loop {
            let (status, event) = self.get(&format!("/admin/events/{key}")).await;
            assert_eq!(status, 200, "{event}");
            if matches!(event["state"].as_str(), Some("done" | "unhandled" | "dead")) {
                return event;
            }
            assert!(start.elapsed() < PATIENCE, "not ended in time: {event}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The messages in the dead-letter queue: text and attributes.
    pub async fn dead_letters(&self) -> Vec<(String, HashMap<String, String>)> {
        let received = self
            .twin
            .engines
            .sqs_client()
            .receive_message()
            .queue_url(self.twin.engines.dead_letter_queue_url())
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .visibility_timeout(0)
            .send()
            .await
            .expect("the dead-letter queue answers");
        let messages = received.messages.unwrap_or_default().into_iter();
        let letter = messages.map(|message| {
            let attributes = message.message_attributes.unwrap_or_default().into_iter();
            let attributes =
                attributes.map(|(name, value)| (name, value.string_value.unwrap_or_default()));
            (message.body.unwrap_or_default(), attributes.collect())
        });
        letter.collect()
    }
}
