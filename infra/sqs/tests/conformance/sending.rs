//! SendMessage: what a message may be.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>

use std::time::Duration;

use aws_sdk_sqs::types::{
    MessageSystemAttributeName as System, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, QueueAttributeName as Attribute,
};

use crate::server::{Server, refusal, system};

suite! {
    a_message_arrives_with_the_id_and_digest_it_was_sent_with,
    the_same_body_sent_twice_is_two_messages,
    characters_that_xml_cannot_hold_are_refused,
    every_other_character_arrives_as_it_was,
    a_message_has_a_body,
    a_message_may_be_one_mebibyte_and_no_longer,
    a_queue_may_take_shorter_messages_only,
    a_delayed_message_is_held_back,
    a_message_has_a_delay_of_its_own_or_its_queues,
    a_delay_is_fifteen_minutes_at_most,
    a_message_group_is_carried_on_a_standard_queue,
    messages_of_one_group_are_received_side_by_side_on_a_standard_queue,
    a_message_group_is_up_to_128_visible_characters,
    the_trace_header_is_carried,
}

async fn a_message_arrives_with_the_id_and_digest_it_was_sent_with(server: Server) {
    let queue = server.queue().await;
    let sent = server.message(&queue, "msg").send().await.expect("sent");
    let received = server.one(&queue).await;
    assert_eq!(received.body.as_deref(), Some("msg"));
    assert_eq!(received.message_id, sent.message_id);
    let md5 = Some("6e2baaf3b97dbeef01c0043275f9a0e7");
    assert_eq!(sent.md5_of_message_body.as_deref(), md5);
    assert_eq!(received.md5_of_body.as_deref(), md5);
}

async fn the_same_body_sent_twice_is_two_messages(server: Server) {
    let queue = server.queue().await;
    let first = server.send(&queue, "x").await;
    assert_ne!(server.send(&queue, "x").await, first);
    assert_eq!(server.poll(&queue).await.len(), 2);
}

async fn characters_that_xml_cannot_hold_are_refused(server: Server) {
    let queue = server.queue().await;
    for bad in ['\0', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        let sent = server.message(&queue, &format!("a{bad}b")).send().await;
        assert_eq!(refusal(sent), "InvalidMessageContents", "{bad:?}");
    }
    assert!(server.is_empty(&queue).await);
}

async fn every_other_character_arrives_as_it_was(server: Server) {
    let queue = server.queue().await;
    let odd = "\t\r\n <&> hällo ✓ \u{7f}\u{85}\u{d7ff}\u{e000}\u{fffd}\u{10ffff}";
    server.send(&queue, odd).await;
    assert_eq!(server.one(&queue).await.body.as_deref(), Some(odd));
}

async fn a_message_has_a_body(server: Server) {
    let queue = server.queue().await;
    refusal(server.message(&queue, "").send().await);
    assert!(server.is_empty(&queue).await);
}

async fn a_message_may_be_one_mebibyte_and_no_longer(server: Server) {
    let queue = server.queue().await;
    let mut body = "x".repeat(1_048_576);
    server.send(&queue, &body).await;
    let whole = server.one(&queue).await.body;
    assert!(whole.as_ref() == Some(&body), "the body is cut or altered");
    body.push('x');
    let sent = server.message(&queue, &body).send().await;
    assert_eq!(refusal(sent), "InvalidParameterValue");
}

async fn a_queue_may_take_shorter_messages_only(server: Server) {
    let short = [(Attribute::MaximumMessageSize, "1024")];
    let queue = server.queue_with("short", &short).await;
    // The limit counts bytes: this character is two.
    server.send(&queue, &"ä".repeat(512)).await;
    let sent = server.message(&queue, &"ä".repeat(513)).send().await;
    assert_eq!(refusal(sent), "InvalidParameterValue");
}

async fn a_delayed_message_is_held_back(server: Server) {
    let queue = server.queue().await;
    let send = server.message(&queue, "x").delay_seconds(1);
    send.send().await.expect("it is sent");
    assert!(server.is_empty(&queue).await);
    server.pass(Duration::from_millis(1100)).await;
    server.one(&queue).await;
}

async fn a_message_has_a_delay_of_its_own_or_its_queues(server: Server) {
    let delay = [(Attribute::DelaySeconds, "1")];
    let queue = server.queue_with("slow", &delay).await;
    server.send(&queue, "its queue's").await;
    let own = server.message(&queue, "its own").delay_seconds(0);
    own.send().await.expect("it is sent");
    assert_eq!(server.one(&queue).await.body.as_deref(), Some("its own"));
    server.pass(Duration::from_millis(1100)).await;
    let later = server.one(&queue).await;
    assert_eq!(later.body.as_deref(), Some("its queue's"));
}

async fn a_delay_is_fifteen_minutes_at_most(server: Server) {
    let queue = server.queue().await;
    let send = |seconds| server.message(&queue, "x").delay_seconds(seconds).send();
    send(900).await.expect("it is in range");
    for seconds in [-1, 901] {
        let refused = refusal(send(seconds).await);
        assert_eq!(refused, "InvalidParameterValue", "{seconds}");
    }
}

async fn a_message_group_is_carried_on_a_standard_queue(server: Server) {
    let queue = server.queue().await;
    let send = server.message(&queue, "x").message_group_id("tenant-1");
    send.send().await.expect("fair queues take a group");
    let received = server.one(&queue).await;
    assert_eq!(system(&received, System::MessageGroupId), Some("tenant-1"));
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
async fn messages_of_one_group_are_received_side_by_side_on_a_standard_queue(server: Server) {
    let queue = server.queue().await;
    for _ in 0..2 {
        let send = server.message(&queue, "x").message_group_id("tenant-1");
        send.send().await.expect("the same body is no duplicate");
    }
    for _ in 0..2 {
        let received = server.receive(&queue).send().await.expect("it is there");
        assert_eq!(received.messages().len(), 1, "messages visible");
    }
}

async fn a_message_group_is_up_to_128_visible_characters(server: Server) {
    let queue = server.queue().await;
    let send = |group: &str| server.message(&queue, "x").message_group_id(group).send();
    send(&"!".repeat(128)).await.expect("it is allowed");
    for bad in ["x".repeat(129), "a b".to_owned(), "ä".to_owned()] {
        assert_eq!(refusal(send(&bad).await), "InvalidParameterValue", "{bad}");
    }
}

async fn the_trace_header_is_carried(server: Server) {
    let queue = server.queue().await;
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let value = MessageSystemAttributeValue::builder().data_type("String");
    let value = value.string_value(trace).build().expect("it is complete");
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    let send = server.message(&queue, "x");
    let send = send.message_system_attributes(name, value);
    send.send().await.expect("it is sent");
    let received = server.one(&queue).await;
    assert_eq!(system(&received, System::AwsTraceHeader), Some(trace));
}
