//! Cases that take minutes or days, asked of our engine alone: only its clock can be set.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;

use crate::server::{Server, handle, messages};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_message_is_hidden_for_half_a_minute_by_default() {
    let server = Server::ours().await;
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    assert_eq!(messages(server.receive(&queue)).await.len(), 1);
    server.pass(Duration::from_secs(25)).await;
    assert!(server.is_empty(&queue).await);
    server.pass(Duration::from_secs(6)).await;
    server.one(&queue).await;
}

#[tokio::test]
async fn a_message_is_kept_for_the_retention_period_of_its_queue() {
    let server = Server::ours().await;
    let hour = [(Attribute::MessageRetentionPeriod, "3600")];
    let queue = server.queue_with("events", &hour).await;
    server.send(&queue, "x").await;
    server.pass(59 * MINUTE).await;
    server.one_for(&queue, 0).await;
    server.pass(2 * MINUTE).await;
    assert!(server.is_empty(&queue).await);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html>
#[tokio::test]
async fn a_dead_letters_age_counts_from_when_it_was_first_sent() {
    let server = Server::ours().await;
    let (queue, dead) = server.queue_with_dead_letters(1).await;
    let set = server.client.set_queue_attributes().queue_url(&dead);
    let set = set.attributes(Attribute::MessageRetentionPeriod, "3600");
    set.send().await.expect("it is in range");
    server.send(&queue, "x").await;
    server.pass(59 * MINUTE).await;
    server.one_for(&queue, 0).await;
    assert!(server.is_empty(&queue).await);
    server.one_for(&dead, 0).await;
    server.pass(2 * MINUTE).await;
    assert!(server.is_empty(&dead).await);
}

#[tokio::test]
async fn a_message_is_held_for_twelve_hours_in_all_however_often_that_is_asked() {
    let server = Server::ours().await;
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one_for(&queue, 43_200).await;
    server.pass(11 * 60 * MINUTE).await;
    let changed = server.change(&queue, handle(&received), 3_500).await;
    assert_eq!(changed, Ok(()));
    let changed = server.change(&queue, handle(&received), 3_700).await;
    assert_eq!(changed, Err("InvalidParameterValue".to_owned()));
}

#[tokio::test]
async fn a_queue_can_be_purged_again_after_a_minute() {
    let server = Server::ours().await;
    let queue = server.queue().await;
    let purge = || server.client.purge_queue().queue_url(&queue).send();
    purge().await.expect("it is there");
    server.pass(MINUTE).await;
    purge().await.expect("the first is over");
}
