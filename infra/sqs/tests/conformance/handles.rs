//! DeleteMessage: what a receipt handle is good for, and for how long.
//!
//! AWS leaves open what an older handle does: the request succeeds, and the message might not be deleted.
//! This engine does not delete it, which is the harder case for a client that relies on the deletion.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>

use std::time::Duration;

use crate::server::{Server, handle};

suite! {
    a_deleted_message_does_not_come_back,
    each_receive_has_a_handle_of_its_own,
    the_latest_handle_deletes_even_after_its_visibility_timeout,
    an_older_handle_is_accepted_and_the_latest_still_works,
    a_handle_that_no_receive_gave_out_is_invalid,
}

async fn a_deleted_message_does_not_come_back(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one_for(&queue, 1).await;
    let deleted = server.delete(&queue, handle(&received)).await;
    assert_eq!(deleted, Ok(()));
    server.pass(Duration::from_millis(1100)).await;
    assert!(server.is_empty(&queue).await);
}

async fn each_receive_has_a_handle_of_its_own(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let first = server.one_for(&queue, 0).await;
    let second = server.one_for(&queue, 0).await;
    assert_eq!(first.message_id, second.message_id);
    assert_ne!(handle(&first), handle(&second));
}

async fn the_latest_handle_deletes_even_after_its_visibility_timeout(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one_for(&queue, 0).await;
    let deleted = server.delete(&queue, handle(&received)).await;
    assert_eq!(deleted, Ok(()));
    assert!(server.is_empty(&queue).await);
}

async fn an_older_handle_is_accepted_and_the_latest_still_works(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let first = server.one_for(&queue, 0).await;
    let second = server.one_for(&queue, 0).await;
    for received in [first, second] {
        let deleted = server.delete(&queue, handle(&received)).await;
        assert_eq!(deleted, Ok(()));
    }
    assert!(server.is_empty(&queue).await);
}

async fn a_handle_that_no_receive_gave_out_is_invalid(server: Server) {
    let queue = server.queue().await;
    let invalid = Err("ReceiptHandleIsInvalid".to_owned());
    assert_eq!(server.delete(&queue, "bogus").await, invalid);
    assert_eq!(server.change(&queue, "bogus", 1).await, invalid);
}

/// AWS does not say what a second deletion answers. A client that repeats a lost reply needs a success.
#[tokio::test]
async fn deleting_again_is_no_error_in_the_twin() {
    let server = Server::ours().await;
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one(&queue).await;
    for _ in 0..2 {
        let deleted = server.delete(&queue, handle(&received)).await;
        assert_eq!(deleted, Ok(()));
    }
}

#[tokio::test]
async fn an_older_handle_deletes_nothing_in_the_twin() {
    let server = Server::ours().await;
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let first = server.one_for(&queue, 0).await;
    server.one_for(&queue, 0).await;
    let deleted = server.delete(&queue, handle(&first)).await;
    assert_eq!(deleted, Ok(()));
    server.one(&queue).await;
}
