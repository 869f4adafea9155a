//! The AWS-compatible server that `tests/scripts/run.sh` starts: not ours, so that no quirk of ours is taken for AWS.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use hookgate::system_now;
use hookgate::{Body, unix_ms};
use hookgate::{DynamoTable, S3Bodies};
use serde_json::{Value, json};

/// The variable with its URL, set by `tests/scripts/run.sh`.
const URL: &str = "HOOKGATE_TEST_MINISTACK_URL";

/// The visibility timeout of the queues: longer than any test.
const VISIBILITY_S: &str = "180";

/// A variable that `tests/scripts/run.sh` sets.
///
/// # Panics
/// When it is not set.
#[expect(
    clippy::disallowed_methods,
    reason = "tests/scripts/run.sh says in the environment what it provisioned"
)]
pub fn provisioned(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/scripts/run.sh"))
}

/// A table, a queue, its dead-letter queue and a bucket of one test's own.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The server's URL.
    pub url: String,
    /// The table's name.
    pub table: String,
    /// The queue's URL.
    pub queue_url: String,
    /// The dead-letter queue's URL.
    pub dead_letter_queue_url: String,
    /// The bucket's name.
    pub bucket: String,
    /// A part of names that no other test uses.
    pub name: String,
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Stack {
    /// Creates them, as the template declares them.
    pub async fn create() -> Stack {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let started = unix_ms(system_now());
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let name = format!("hookgate-{started}-{process}-{count}");
        let url = provisioned(URL);
        let aws = config(&url);
        let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
        let sqs = aws_sdk_sqs::Client::new(&aws);
        DynamoTable::new(dynamodb.clone(), &name, None)
            .create()
            .await
            .expect("the table is created");
        let mut stack = Stack {
            url,
            table: name.clone(),
            queue_url: String::new(),
            dead_letter_queue_url: String::new(),
            bucket: format!("{name}-archive"),
            name,
            dynamodb,
            sqs,
        };
        stack.dead_letter_queue_url = stack.create_queue("dead").await;
        stack.queue_url = stack.create_queue("events").await;
        stack.create_bucket().await;
        stack
    }

    async fn create_queue(&self, kind: &str) -> String {
        self.sqs
            .create_queue()
            .queue_name(format!("{}-{kind}", self.name))
            .attributes(QueueAttributeName::VisibilityTimeout, VISIBILITY_S)
            .send()
            .await
            .expect("the queue is created")
            .queue_url
            .expect("a queue has a URL")
    }

    async fn create_bucket(&self) {
        let request = reqwest::Client::new()
            .put(format!("{}/{}", self.url, self.bucket))
            .header("authorization", signed_for("s3"));
        let response = request.send().await.expect("the server answers");
        let status = response.status();
        assert!(status.is_success(), "the bucket is created: {status}");
    }

    /// Deletes the bodies that messages have claim checks for.
    pub async fn delete_bodies(&self, messages: &[Message]) {
        for message in messages {
            let text = message.body().expect("a message has a body");
            let message = hookgate::Message::from_json(text).expect("a message of ours");
            let Body::Stored(check) = message.event.body else {
                panic!("the message carries its body");
            };
            let url = format!("{}/{}/{}", self.url, self.bucket, check.key);
            let delete = reqwest::Client::new()
                .delete(url)
                .header("authorization", signed_for("s3"));
            let status = delete.send().await.expect("the server answers").status();
            assert!(status.is_success(), "{status}");
        }
    }

    /// The bucket, as the functions see it.
    pub fn bodies(&self) -> S3Bodies {
        S3Bodies::new(&config(&self.url), &self.bucket)
    }

    /// Stores a secret in Systems Manager, or another in its place; its reference in a configuration.
    pub async fn put_parameter(&self, secret: &str) -> String {
        let name = format!("/{}/secret", self.name);
        let parameter = json!({
            "Name": name, "Value": secret, "Type": "SecureString", "Overwrite": true,
        });
        self.call("AmazonSSM.PutParameter", parameter).await;
        format!("ssm:{name}")
    }

    /// Stores a secret in Secrets Manager; its reference in a configuration.
    pub async fn create_secret(&self, secret: &str) -> String {
        let name = format!("{}/secret", self.name);
        let request = json!({ "Name": name, "SecretString": secret });
        self.call("secretsmanager.CreateSecret", request).await;
        format!("secretsmanager:{name}")
    }

    /// Rotates the secret in Secrets Manager: what was current becomes the version before.
    pub async fn rotate_secret(&self, secret: &str) {
        let name = format!("{}/secret", self.name);
        let request = json!({ "SecretId": name, "SecretString": secret });
        self.call("secretsmanager.PutSecretValue", request).await;
    }

    async fn call(&self, target: &str, request: Value) {
        let response = reqwest::Client::new()
            .post(&self.url)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .body(request.to_string())
            .send()
            .await
            .expect("the server answers");
        assert!(
            response.status().is_success(),
            "{target}: {}",
            response.status()
        );
    }

    /// The number of messages of a queue that are waiting, and that are in flight.
    pub async fn depth(&self, queue_url: &str) -> [u64; 2] {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let asked = self.sqs.get_queue_attributes().queue_url(queue_url);
        let answer = asked.set_attribute_names(Some(names.to_vec())).send().await;
        let attributes = answer.expect("the queue answers").attributes;
        let attributes = attributes.expect("a queue has attributes");
        names.map(|name| attributes[&name].parse().expect("a number"))
    }

    /// Receives up to ten messages, which stay in the queue until they are deleted.
    pub async fn receive(&self) -> Vec<Message> {
        let asked = self.sqs.receive_message().queue_url(&self.queue_url);
        let answer = asked.max_number_of_messages(10).send().await;
        answer
            .expect("the queue answers")
            .messages
            .unwrap_or_default()
    }

    /// Deletes a received message.
    pub async fn delete(&self, message: &Message) {
        let handle = message.receipt_handle().expect("it was received");
        let asked = self.sqs.delete_message().queue_url(&self.queue_url);
        let answer = asked.receipt_handle(handle).send().await;
        answer.expect("the message is deleted");
    }

    /// Receives what is in the queue, until nothing more comes.
    pub async fn take(&self) -> Vec<Message> {
        self.take_from(&self.queue_url).await
    }

    /// Receives what is in the dead-letter queue, as [`Stack::take`].
    pub async fn take_dead_letters(&self) -> Vec<Message> {
        self.take_from(&self.dead_letter_queue_url).await
    }

    async fn take_from(&self, url: &str) -> Vec<Message> {
        let mut taken = Vec::new();
        loop {
            let receive = self
                .sqs
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(10);
            let received = receive.message_attribute_names("All").send().await;
            let messages = received
                .expect("the queue answers")
                .messages
                .unwrap_or_default();
            if messages.is_empty() {
                return taken;
            }
            taken.extend(messages);
        }
    }

    /// The code of an event's state in the ledger, and how often it was claimed.
    ///
    /// # Panics
    /// When there is no such event.
    pub async fn state(&self, key: &str) -> (String, String) {
        let item = self
            .item(key, "event")
            .await
            .unwrap_or_else(|| panic!("no event {key}"));
        let state = item["st"].as_s().expect("a state is text").clone();
        let claims = item
            .get("att")
            .map(|claims| claims.as_n().expect("claims are a number").clone());
        (state, claims.unwrap_or_default())
    }

    /// The item of these keys.
    pub async fn item(&self, pk: &str, sk: &str) -> Option<HashMap<String, AttributeValue>> {
        let get = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let found = get
            .key("pk", AttributeValue::S(pk.into()))
            .key("sk", AttributeValue::S(sk.into()));
        found.send().await.expect("the table answers").item
    }

    /// Puts an event under someone else's claim, its first.
    pub async fn claim_for_another(&self, key: &str, lease_until_ms: u64) {
        let s = |text: &str| AttributeValue::S(text.to_owned());
        let n = |number: u64| AttributeValue::N(number.to_string());
        let item = [
            ("pk", s(key)),
            ("sk", s("event")),
            ("st", s("P")),
            ("ep", n(0)),
            ("own", s("another")),
            ("lu", n(lease_until_ms)),
            ("att", n(1)),
            ("exp", n(lease_until_ms / 1000 + 3600)),
        ];
        let item = item.map(|(name, value)| (name.to_owned(), value));
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item.into()));
        put.send().await.expect("the event is claimed");
    }
}

/// A signature for a service: the server takes any, and finds the service in it.
pub(crate) fn signed_for(service: &str) -> String {
    let scope = format!("20260101/us-east-1/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders=host, Signature=0")
}

/// The SDK's configuration for a server at `url`.
pub fn config(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(
            Credentials::new("test", "test", None, None, "test"),
        ))
        .endpoint_url(url)
        .build()
}
