//! ReceiveMessage: what it shows of a message, and how long it waits for one.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>

use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName as Attribute};
use tokio::time::{Instant, timeout};

use crate::server::{Server, messages, refusal, system};

suite! {
    one_message_is_received_unless_more_are_asked_for,
    each_receive_counts_and_the_first_is_remembered,
    system_attributes_are_shown_only_when_asked_for,
    a_receive_asks_for_one_to_ten_messages,
    a_long_poll_is_twenty_seconds_at_most,
    a_receive_hides_messages_for_twelve_hours_at_most,
    a_long_poll_is_ended_by_a_message,
    a_long_poll_is_ended_by_a_message_that_comes_back,
    a_long_poll_that_finds_nothing_waits_as_long_as_it_says,
    a_queue_says_how_long_a_receive_waits,
}

/// The time within which a long poll must notice a message: well before its own end.
const SOON: Duration = Duration::from_secs(8);

async fn one_message_is_received_unless_more_are_asked_for(server: Server) {
    let queue = server.queue().await;
    for body in ["x", "y", "z"] {
        server.send(&queue, body).await;
    }
    assert_eq!(messages(server.receive(&queue)).await.len(), 1);
    let rest = server.receive(&queue).max_number_of_messages(10);
    assert_eq!(messages(rest).await.len(), 2);
}

async fn each_receive_counts_and_the_first_is_remembered(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let first = server.one_for(&queue, 0).await;
    let second = server.one_for(&queue, 0).await;
    let count = System::ApproximateReceiveCount;
    assert_eq!(system(&first, count.clone()), Some("1"));
    assert_eq!(system(&second, count), Some("2"));
    for kept in [
        System::SentTimestamp,
        System::ApproximateFirstReceiveTimestamp,
        System::SenderId,
    ] {
        assert!(system(&first, kept.clone()).is_some(), "{kept}");
        assert_eq!(system(&first, kept.clone()), system(&second, kept));
    }
}

async fn system_attributes_are_shown_only_when_asked_for(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let receive = || server.receive(&queue).visibility_timeout(0);
    assert_eq!(messages(receive()).await[0].attributes, None);
    let receive = receive().message_system_attribute_names(System::SentTimestamp);
    let shown = messages(receive).await[0].attributes.clone();
    let shown: Vec<System> = shown.into_iter().flatten().map(|(name, _)| name).collect();
    assert_eq!(shown, [System::SentTimestamp]);
}

async fn a_receive_asks_for_one_to_ten_messages(server: Server) {
    let queue = server.queue().await;
    for count in [0, 11] {
        let receive = server.receive(&queue).max_number_of_messages(count);
        let refused = refusal(receive.send().await);
        assert_eq!(refused, "InvalidParameterValue", "{count}");
    }
}

async fn a_long_poll_is_twenty_seconds_at_most(server: Server) {
    let queue = server.queue().await;
    for seconds in [-1, 21] {
        let receive = server.receive(&queue).wait_time_seconds(seconds);
        let refused = refusal(receive.send().await);
        assert_eq!(refused, "InvalidParameterValue", "{seconds}");
    }
}

async fn a_receive_hides_messages_for_twelve_hours_at_most(server: Server) {
    let queue = server.queue().await;
    for seconds in [-1, 43_201] {
        let receive = server.receive(&queue).visibility_timeout(seconds);
        let refused = refusal(receive.send().await);
        assert_eq!(refused, "InvalidParameterValue", "{seconds}");
    }
}

async fn a_long_poll_is_ended_by_a_message(server: Server) {
    let queue = server.queue().await;
    let receive = server.receive(&queue).wait_time_seconds(20);
    let polling = tokio::spawn(messages(receive));
    // It has surely begun once another one has come and gone.
    let other = server.receive(&queue).wait_time_seconds(1);
    assert!(messages(other).await.is_empty());
    let id = server.send(&queue, "x").await;
    let woken = timeout(SOON, polling).await.expect("it is woken");
    let received = woken.expect("the queue is there");
    assert_eq!(received[0].message_id.as_ref(), Some(&id));
}

async fn a_long_poll_is_ended_by_a_message_that_comes_back(server: Server) {
    let queue = server.queue().await;
    let id = server.send(&queue, "x").await;
    server.one_for(&queue, 1).await;
    let receive = server.receive(&queue).wait_time_seconds(20);
    let received = timeout(SOON, messages(receive)).await;
    let received = received.expect("it ends when the message is visible");
    assert_eq!(received[0].message_id.as_ref(), Some(&id));
}

async fn a_long_poll_that_finds_nothing_waits_as_long_as_it_says(server: Server) {
    let queue = server.queue().await;
    let started = Instant::now();
    let receive = server.receive(&queue).wait_time_seconds(1);
    assert!(messages(receive).await.is_empty());
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(900), "only {waited:?}");
    assert!(waited < SOON, "as long as {waited:?}");
}

async fn a_queue_says_how_long_a_receive_waits(server: Server) {
    let wait = [(Attribute::ReceiveMessageWaitTimeSeconds, "1")];
    let queue = server.queue_with("waiting", &wait).await;
    let started = Instant::now();
    assert!(messages(server.receive(&queue)).await.is_empty());
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(900), "only {waited:?}");
    let short = server.receive(&queue).wait_time_seconds(0);
    assert!(messages(short).await.is_empty());
}
