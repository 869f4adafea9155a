//! One server under test, with queues of one case's own on it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::types::{
    Message, MessageSystemAttributeName as System, QueueAttributeName as Attribute,
};
use aws_sdk_sqs::{Client, Config};
use hookgate_sqs::Sqs;
use tokio::net::TcpListener;

/// The time that a received message stays invisible unless a case says otherwise: longer than any case.
const HIDDEN_S: i32 = 60;

/// A server under test.
pub(crate) struct Server {
    pub(crate) client: Client,
    /// Tells this case's queues from those of others.
    suffix: String,
    /// By how many milliseconds the server's clock is ahead, if it is one that can be set.
    ahead_ms: Option<Arc<AtomicU64>>,
}

impl Server {
    /// Our engine, in memory.
    pub(crate) async fn ours() -> Server {
        Server::ours_at(None).await
    }

    /// Our engine on a free port, with its queues in a file; it lives as long as the case's runtime.
    pub(crate) async fn ours_at(path: Option<&Path>) -> Server {
        let ahead_ms = Arc::new(AtomicU64::new(0));
        let ahead = Arc::clone(&ahead_ms);
        let clock = move || now() + Duration::from_millis(ahead.load(Ordering::SeqCst));
        let sqs = Sqs::open_with_clock(path, Box::new(clock)).expect("the engine opens");
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(sqs.serve(listener, std::future::pending()));
        Server {
            ahead_ms: Some(ahead_ms),
            ..Server::at(&format!("http://{address}"))
        }
    }

    /// The server at `url`.
    pub(crate) fn at(url: &str) -> Server {
        let suffix = RandomState::new().build_hasher().finish();
        Server {
            client: Client::from_conf(config(url)),
            suffix: format!("{suffix:016x}"),
            ahead_ms: None,
        }
    }

    /// Lets time pass: at once where the clock can be set, else by waiting.
    pub(crate) async fn pass(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).expect("no case takes that long");
        match &self.ahead_ms {
            Some(ahead) => drop(ahead.fetch_add(ms, Ordering::SeqCst)),
            None => tokio::time::sleep(time).await,
        }
    }

    /// The name of a queue of this case's own.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.suffix)
    }

    /// A new queue with AWS's defaults.
    pub(crate) async fn queue(&self) -> String {
        self.queue_with("events", &[]).await
    }

    /// A new queue with attributes.
    pub(crate) async fn queue_with(&self, name: &str, attributes: &[(Attribute, &str)]) -> String {
        let create = self.client.create_queue().queue_name(self.name(name));
        let owned = attributes.iter().cloned();
        let attributes = owned.map(|(name, value)| (name, value.to_owned()));
        let create = create.set_attributes(Some(attributes.collect()));
        let created = create.send().await.expect("the queue is created");
        created.queue_url.expect("a queue has a URL")
    }

    /// Every attribute of the queue.
    pub(crate) async fn attributes(&self, queue: &str) -> HashMap<Attribute, String> {
        let get = self.client.get_queue_attributes().queue_url(queue);
        let got = get.attribute_names(Attribute::All).send().await;
        let attributes = got.expect("the queue is there").attributes;
        attributes.expect("a queue has attributes")
    }

    /// The queue's Amazon resource name.
    pub(crate) async fn arn(&self, queue: &str) -> String {
        self.attributes(queue).await[&Attribute::QueueArn].clone()
    }

    /// A message about to be sent.
    pub(crate) fn message(&self, queue: &str, body: &str) -> SendMessageFluentBuilder {
        let send = self.client.send_message();
        send.queue_url(queue).message_body(body)
    }

    /// Sends a message; its id.
    pub(crate) async fn send(&self, queue: &str, body: &str) -> String {
        let sent = self.message(queue, body).send().await;
        let id = sent.expect("the message is sent").message_id;
        id.expect("a message has an id")
    }

    /// A receive as AWS has it by default.
    pub(crate) fn receive(&self, queue: &str) -> ReceiveMessageFluentBuilder {
        self.client.receive_message().queue_url(queue)
    }

    /// The messages that a short poll finds, with all their attributes.
    pub(crate) async fn poll(&self, queue: &str) -> Vec<Message> {
        self.poll_for(queue, HIDDEN_S).await
    }

    /// As [`Server::poll`]; what it finds stays invisible for so many seconds.
    pub(crate) async fn poll_for(&self, queue: &str, hidden_s: i32) -> Vec<Message> {
        let receive = self.receive(queue).max_number_of_messages(10);
        let receive = receive.visibility_timeout(hidden_s);
        let receive = receive.message_attribute_names("All");
        let receive = receive.message_system_attribute_names(System::All);
        messages(receive).await
    }

    /// The one message that a short poll finds.
    pub(crate) async fn one(&self, queue: &str) -> Message {
        self.one_for(queue, HIDDEN_S).await
    }

    /// As [`Server::one`]; it stays invisible for so many seconds.
    pub(crate) async fn one_for(&self, queue: &str, hidden_s: i32) -> Message {
        let mut found = self.poll_for(queue, hidden_s).await;
        assert_eq!(found.len(), 1, "messages visible");
        found.remove(0)
    }

    /// Returns whether a short poll finds nothing.
    pub(crate) async fn is_empty(&self, queue: &str) -> bool {
        self.poll(queue).await.is_empty()
    }

    /// Changes the visibility timeout; the code of the refusal.
    pub(crate) async fn change(
        &self,
        queue: &str,
        handle: &str,
        seconds: i32,
    ) -> Result<(), String> {
        let change = self.client.change_message_visibility().queue_url(queue);
        let change = change.receipt_handle(handle).visibility_timeout(seconds);
        change.send().await.map(drop).map_err(code)
    }

    /// Deletes the message; the code of the refusal.
    pub(crate) async fn delete(&self, queue: &str, handle: &str) -> Result<(), String> {
        let delete = self.client.delete_message().queue_url(queue);
        let deleted = delete.receipt_handle(handle).send().await;
        deleted.map(drop).map_err(code)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the real time, which a case moves on"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// A client's configuration for the server at `url`.
fn config(url: &str) -> Config {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(url)
        .build()
}

/// The messages that a receive finds.
pub(crate) async fn messages(receive: ReceiveMessageFluentBuilder) -> Vec<Message> {
    let received = receive.send().await.expect("the queue is there");
    received.messages.unwrap_or_default()
}

/// The message's receipt handle.
pub(crate) fn handle(message: &Message) -> &str {
    let handle = message.receipt_handle.as_deref();
    handle.expect("a received message has a handle")
}

/// A system attribute of the message.
pub(crate) fn system(message: &Message, name: System) -> Option<&str> {
    message.attributes.as_ref()?.get(&name).map(String::as_str)
}

/// The code of the refusal, without the prefix that some codes have: [`crate::codes`] asks for that.
#[track_caller]
pub(crate) fn refusal<T, E: ProvideErrorMetadata, R>(answer: Result<T, SdkError<E, R>>) -> String {
    match answer {
        Ok(_) => panic!("it is not refused"),
        Err(error) => code(error),
    }
}

#[track_caller]
fn code<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> String {
    let SdkError::ServiceError(error) = error else {
        panic!("the server does not answer");
    };
    let code = error.err().code().unwrap_or_default();
    let plain = code.strip_prefix("AWS.SimpleQueueService.");
    plain.unwrap_or(code).to_owned()
}
