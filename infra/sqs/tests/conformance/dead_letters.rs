//! Dead-dead_letter queues: when a message goes there, and what it keeps.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-dead_letter-queues.html>

use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName as System,
    QueueAttributeName as Attribute,
};

use crate::server::{Server, handle, refusal, system};

suite! {
    a_message_is_received_as_often_as_its_queue_allows_and_then_moves,
    a_dead_letter_keeps_what_it_was_sent_with,
    a_dead_letter_keeps_its_group,
    a_dead_letter_says_which_queue_it_comes_from,
    receives_count_across_queues,
    a_message_in_flight_stays_until_it_is_visible_again,
    a_dead_letter_does_not_hide_what_stands_behind_it,
    a_redrive_policy_names_a_queue_that_exists,
    a_redrive_policy_allows_at_least_one_receive,
    a_queue_that_takes_no_dead_letters_cannot_be_named,
    a_redrive_policy_can_be_taken_away,
}

impl Server {
    /// A queue that gives up on a message after `receives`, and its dead-dead_letter queue.
    pub(crate) async fn queue_with_dead_letters(&self, receives: u32) -> (String, String) {
        let dead = self.queue_with("dead", &[]).await;
        let policy = policy(&self.arn(&dead).await, receives);
        let attributes = [(Attribute::RedrivePolicy, &*policy)];
        (self.queue_with("events", &attributes).await, dead)
    }

    /// Makes the queue's only message a dead dead_letter, and receives it.
    async fn give_up(&self, queue: &str, dead: &str) -> Message {
        self.one_for(queue, 0).await;
        assert!(self.is_empty(queue).await, "it was received too often");
        self.one(dead).await
    }
}

fn policy(dead: &str, receives: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{dead}","maxReceiveCount":"{receives}"}}"#)
}

async fn a_message_is_received_as_often_as_its_queue_allows_and_then_moves(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(3).await;
    server.send(&queue, "x").await;
    for _ in 0..3 {
        server.one_for(&queue, 0).await;
        assert!(server.is_empty(&dead).await);
    }
    assert!(server.is_empty(&queue).await);
    server.one(&dead).await;
    assert!(server.is_empty(&queue).await);
}

async fn a_dead_letter_keeps_what_it_was_sent_with(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(2).await;
    let attribute = MessageAttributeValue::builder().data_type("String");
    let attribute = attribute.string_value("t").build();
    let message = server.message(&queue, "x");
    let message = message.message_attributes("trace", attribute.expect("it is complete"));
    message.send().await.expect("it is sent");
    let before = server.one_for(&queue, 0).await;
    let dead_letter = server.give_up(&queue, &dead).await;
    assert_eq!(dead_letter.message_id, before.message_id);
    assert_eq!(dead_letter.body, before.body);
    assert!(before.message_attributes.is_some());
    assert_eq!(dead_letter.message_attributes, before.message_attributes);
    let sent = system(&before, System::SentTimestamp);
    assert_eq!(system(&dead_letter, System::SentTimestamp), sent);
}

async fn a_dead_letter_keeps_its_group(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(1).await;
    let message = server.message(&queue, "x").message_group_id("tenant-1");
    message.send().await.expect("fair queues take a group");
    let dead_letter = server.give_up(&queue, &dead).await;
    assert_eq!(
        system(&dead_letter, System::MessageGroupId),
        Some("tenant-1")
    );
}

async fn a_dead_letter_says_which_queue_it_comes_from(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(1).await;
    server.send(&queue, "x").await;
    let dead_letter = server.give_up(&queue, &dead).await;
    let source = system(&dead_letter, System::DeadLetterQueueSourceArn);
    assert_eq!(source, Some(&*server.arn(&queue).await));
}

async fn receives_count_across_queues(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(1).await;
    server.send(&queue, "x").await;
    let dead_letter = server.give_up(&queue, &dead).await;
    let count = system(&dead_letter, System::ApproximateReceiveCount);
    assert_eq!(count, Some("2"));
}

async fn a_message_in_flight_stays_until_it_is_visible_again(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(1).await;
    server.send(&queue, "x").await;
    let received = server.one(&queue).await;
    assert!(server.is_empty(&queue).await);
    assert!(server.is_empty(&dead).await);
    let changed = server.change(&queue, handle(&received), 0).await;
    assert_eq!(changed, Ok(()));
    assert!(server.is_empty(&queue).await);
    server.one(&dead).await;
}

async fn a_dead_letter_does_not_hide_what_stands_behind_it(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(1).await;
    server.send(&queue, "dead").await;
    server.one_for(&queue, 0).await;
    server.send(&queue, "alive").await;
    assert_eq!(server.one(&queue).await.body.as_deref(), Some("alive"));
    assert_eq!(server.one(&dead).await.body.as_deref(), Some("dead"));
}

async fn a_redrive_policy_names_a_queue_that_exists(server: Server) {
    let queue = server.queue().await;
    let nowhere = format!("{}-missing", server.arn(&queue).await);
    let set = server.client.set_queue_attributes().queue_url(&queue);
    let set = set.attributes(Attribute::RedrivePolicy, policy(&nowhere, 3));
    refusal(set.send().await);
}

async fn a_redrive_policy_allows_at_least_one_receive(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(1).await;
    let dead = server.arn(&dead).await;
    for receives in [0, 1001] {
        let set = server.client.set_queue_attributes().queue_url(&queue);
        let set = set.attributes(Attribute::RedrivePolicy, policy(&dead, receives));
        refusal(set.send().await);
    }
}

async fn a_queue_that_takes_no_dead_letters_cannot_be_named(server: Server) {
    let closed = r#"{"redrivePermission":"denyAll"}"#;
    let closed = [(Attribute::RedriveAllowPolicy, closed)];
    let dead = server.queue_with("closed", &closed).await;
    let policy = policy(&server.arn(&dead).await, 3);
    let create = server.client.create_queue();
    let create = create.queue_name(server.name("events"));
    let create = create.attributes(Attribute::RedrivePolicy, policy);
    refusal(create.send().await);
}

async fn a_redrive_policy_can_be_taken_away(server: Server) {
    let (queue, dead) = server.queue_with_dead_letters(1).await;
    let set = server.client.set_queue_attributes().queue_url(&queue);
    let set = set.attributes(Attribute::RedrivePolicy, "");
    set.send().await.expect("an empty policy is none");
    server.send(&queue, "x").await;
    for _ in 0..3 {
        server.one_for(&queue, 0).await;
    }
    assert!(server.is_empty(&dead).await);
}
