//! The visibility timeout: how long a received message is hidden, and how that is changed.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;

use crate::server::{Server, handle, messages};

suite! {
    a_received_message_is_hidden_until_its_visibility_timeout_is_over,
    a_queue_says_how_long_its_messages_are_hidden,
    a_longer_visibility_timeout_counts_from_the_change,
    a_visibility_timeout_of_zero_gives_the_message_back,
    a_changed_visibility_timeout_is_gone_with_the_next_receive,
    visibility_is_changed_of_messages_in_flight_only,
    visibility_of_a_deleted_message_cannot_be_changed,
    a_visibility_timeout_is_twelve_hours_at_most,
    the_twelve_hours_count_from_the_receive,
}

const A_SECOND: Duration = Duration::from_millis(1100);

async fn a_received_message_is_hidden_until_its_visibility_timeout_is_over(server: Server) {
    let queue = server.queue().await;
    let id = server.send(&queue, "x").await;
    server.one_for(&queue, 1).await;
    assert!(server.is_empty(&queue).await);
    server.pass(A_SECOND).await;
    assert_eq!(server.one(&queue).await.message_id, Some(id));
}

async fn a_queue_says_how_long_its_messages_are_hidden(server: Server) {
    let brief = [(Attribute::VisibilityTimeout, "1")];
    let queue = server.queue_with("brief", &brief).await;
    server.send(&queue, "x").await;
    assert_eq!(messages(server.receive(&queue)).await.len(), 1);
    assert!(messages(server.receive(&queue)).await.is_empty());
    server.pass(A_SECOND).await;
    assert_eq!(messages(server.receive(&queue)).await.len(), 1);
}

async fn a_longer_visibility_timeout_counts_from_the_change(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one_for(&queue, 1).await;
    let changed = server.change(&queue, handle(&received), 60).await;
    assert_eq!(changed, Ok(()));
    server.pass(A_SECOND).await;
    assert!(server.is_empty(&queue).await);
    // A shorter one than the first counts from the change as well.
    let changed = server.change(&queue, handle(&received), 1).await;
    assert_eq!(changed, Ok(()));
    assert!(server.is_empty(&queue).await);
    server.pass(A_SECOND).await;
    server.one(&queue).await;
}

async fn a_visibility_timeout_of_zero_gives_the_message_back(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one(&queue).await;
    let changed = server.change(&queue, handle(&received), 0).await;
    assert_eq!(changed, Ok(()));
    let again = server.one(&queue).await;
    assert_eq!(again.message_id, received.message_id);
}

async fn a_changed_visibility_timeout_is_gone_with_the_next_receive(server: Server) {
    let brief = [(Attribute::VisibilityTimeout, "1")];
    let queue = server.queue_with("brief", &brief).await;
    server.send(&queue, "x").await;
    let received = server.one(&queue).await;
    let changed = server.change(&queue, handle(&received), 0).await;
    assert_eq!(changed, Ok(()));
    assert_eq!(messages(server.receive(&queue)).await.len(), 1);
    server.pass(A_SECOND).await;
    assert_eq!(messages(server.receive(&queue)).await.len(), 1);
}

async fn visibility_is_changed_of_messages_in_flight_only(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one_for(&queue, 0).await;
    let changed = server.change(&queue, handle(&received), 10).await;
    assert_eq!(changed, Err("MessageNotInflight".to_owned()));
    server.one(&queue).await;
}

async fn visibility_of_a_deleted_message_cannot_be_changed(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one(&queue).await;
    let deleted = server.delete(&queue, handle(&received)).await;
    assert_eq!(deleted, Ok(()));
    let changed = server.change(&queue, handle(&received), 10).await;
    assert!(changed.is_err(), "it is gone");
}

async fn a_visibility_timeout_is_twelve_hours_at_most(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one(&queue).await;
    for seconds in [-1, 43_201] {
        let changed = server.change(&queue, handle(&received), seconds).await;
        let refused = Err("InvalidParameterValue".to_owned());
        assert_eq!(changed, refused, "{seconds}");
    }
    let changed = server.change(&queue, handle(&received), 43_000).await;
    assert_eq!(changed, Ok(()));
}

async fn the_twelve_hours_count_from_the_receive(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one(&queue).await;
    server.pass(A_SECOND).await;
    let changed = server.change(&queue, handle(&received), 43_200).await;
    assert_eq!(changed, Err("InvalidParameterValue".to_owned()));
    let changed = server.change(&queue, handle(&received), 43_000).await;
    assert_eq!(changed, Ok(()));
}
