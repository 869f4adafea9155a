//! Batches: failures stand inside a success, entry by entry.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, QueueAttributeName as Attribute, SendMessageBatchRequestEntry,
};

use crate::server::{Server, handle, refusal};

suite! {
    entries_that_cannot_be_sent_are_named_and_the_others_are_sent,
    an_entry_too_long_for_its_queue_fails_alone,
    a_batch_is_refused_for_what_is_wrong_with_it_as_a_whole,
    the_id_of_an_entry_is_plain_and_at_most_80_long,
    a_batch_may_be_one_mebibyte_and_no_longer,
    a_batch_of_deletions_names_what_failed,
    a_batch_of_changes_names_what_failed,
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id);
    let entry = entry.message_body(body).build();
    entry.expect("a complete entry")
}

/// Each failure's id and code, if the sender is told that it is theirs.
fn blamed(failed: &[BatchResultErrorEntry]) -> Vec<(&str, &str)> {
    let blamed = failed.iter().filter(|entry| entry.sender_fault);
    blamed.map(|entry| (&*entry.id, &*entry.code)).collect()
}

async fn entries_that_cannot_be_sent_are_named_and_the_others_are_sent(server: Server) {
    let queue = server.queue().await;
    let batch = server.client.send_message_batch().queue_url(&queue);
    let batch = batch.entries(entry("first", "x"));
    let batch = batch.entries(entry("odd", "\u{b}"));
    let batch = batch.entries(entry("last", "y"));
    let sent = batch.send().await.expect("a batch succeeds");
    let good: Vec<&str> = sent.successful.iter().map(|entry| &*entry.id).collect();
    assert_eq!(good, ["first", "last"]);
    assert_eq!(blamed(&sent.failed), [("odd", "InvalidMessageContents")]);
    assert_eq!(server.poll(&queue).await.len(), 2);
}

async fn an_entry_too_long_for_its_queue_fails_alone(server: Server) {
    let short = [(Attribute::MaximumMessageSize, "1024")];
    let queue = server.queue_with("short", &short).await;
    let batch = server.client.send_message_batch().queue_url(&queue);
    let batch = batch.entries(entry("short", "x"));
    let batch = batch.entries(entry("long", &"x".repeat(1025)));
    let sent = batch.send().await.expect("a batch succeeds");
    assert_eq!(blamed(&sent.failed), [("long", "InvalidParameterValue")]);
    assert_eq!(server.one(&queue).await.body.as_deref(), Some("x"));
}

async fn a_batch_is_refused_for_what_is_wrong_with_it_as_a_whole(server: Server) {
    let queue = server.queue().await;
    let eleven = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    for (entries, refused) in [
        (vec![], "EmptyBatchRequest"),
        (eleven, "TooManyEntriesInBatchRequest"),
        (
            vec![entry("a", "x"), entry("a", "y")],
            "BatchEntryIdsNotDistinct",
        ),
    ] {
        let batch = server.client.send_message_batch().queue_url(&queue);
        let answer = batch.set_entries(Some(entries)).send().await;
        assert_eq!(refusal(answer), refused);
    }
    assert!(server.is_empty(&queue).await);
}

async fn the_id_of_an_entry_is_plain_and_at_most_80_long(server: Server) {
    let queue = server.queue().await;
    let send = |id: &str| {
        let batch = server.client.send_message_batch().queue_url(&queue);
        batch.entries(entry(id, "x")).send()
    };
    send(&"a".repeat(80)).await.expect("it is allowed");
    for bad in ["a:b", "a b", &"a".repeat(81)] {
        assert_eq!(refusal(send(bad).await), "InvalidBatchEntryId", "{bad}");
    }
}

async fn a_batch_may_be_one_mebibyte_and_no_longer(server: Server) {
    let queue = server.queue().await;
    let half = "x".repeat(524_288);
    let batch = |second: &str| {
        let batch = server.client.send_message_batch().queue_url(&queue);
        let batch = batch.entries(entry("first", &half));
        batch.entries(entry("second", second)).send()
    };
    let sent = batch(&half).await.expect("it fits");
    assert_eq!(sent.successful.len(), 2);
    let longer = format!("{half}x");
    let refused = refusal(batch(&longer).await);
    assert_eq!(refused, "BatchRequestTooLong");
}

async fn a_batch_of_deletions_names_what_failed(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one_for(&queue, 0).await;
    let delete = |id: &str, handle: &str| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        let entry = entry.receipt_handle(handle).build();
        entry.expect("a complete entry")
    };
    let batch = server.client.delete_message_batch().queue_url(&queue);
    let batch = batch.entries(delete("bad", "bogus"));
    let batch = batch.entries(delete("good", handle(&received)));
    let deleted = batch.send().await.expect("a batch succeeds");
    assert_eq!(blamed(&deleted.failed), [("bad", "ReceiptHandleIsInvalid")]);
    assert_eq!(deleted.successful[0].id, "good");
    assert!(server.is_empty(&queue).await);
}

async fn a_batch_of_changes_names_what_failed(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "x").await;
    let received = server.one(&queue).await;
    let change = |id: &str, handle: &str| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
        let entry = entry.receipt_handle(handle).visibility_timeout(0);
        entry.build().expect("a complete entry")
    };
    let batch = server.client.change_message_visibility_batch();
    let batch = batch.queue_url(&queue).entries(change("bad", "bogus"));
    let batch = batch.entries(change("good", handle(&received)));
    let changed = batch.send().await.expect("a batch succeeds");
    assert_eq!(blamed(&changed.failed), [("bad", "ReceiptHandleIsInvalid")]);
    assert_eq!(changed.successful[0].id, "good");
    server.one(&queue).await;
}
