//! Message attributes: which a message may have, their digest, and which of them a receive shows.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>

use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName as Attribute};

use crate::server::{Server, messages, refusal};

suite! {
    attributes_of_each_type_arrive_as_they_were,
    the_digest_of_attributes_is_the_one_that_aws_computes,
    attributes_are_shown_as_they_are_asked_for,
    attributes_count_as_part_of_the_size,
    names_of_attributes_have_no_stray_dots_blanks_or_reserved_prefix,
    a_message_has_ten_attributes_at_most,
    an_attribute_has_a_known_type_and_a_value,
    a_number_is_a_number,
    an_attribute_holds_no_character_that_xml_cannot,
}

fn typed(kind: &str, value: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type(kind);
    let attribute = attribute.string_value(value).build();
    attribute.expect("a complete attribute")
}

fn text(value: &str) -> MessageAttributeValue {
    typed("String", value)
}

fn binary(bytes: &[u8]) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type("Binary.raw");
    let attribute = attribute.binary_value(Blob::new(bytes)).build();
    attribute.expect("a complete attribute")
}

/// Three attributes of three types, two with a common prefix.
fn with_three(message: SendMessageFluentBuilder) -> SendMessageFluentBuilder {
    message
        .message_attributes("trace.id", text("t"))
        .message_attributes("trace.raw", binary(&[0, 255, 7]))
        .message_attributes("count", typed("Number.int", "7"))
}

async fn attributes_of_each_type_arrive_as_they_were(server: Server) {
    let queue = server.queue().await;
    let message = with_three(server.message(&queue, "x"));
    message.send().await.expect("it is sent");
    let received = server.one(&queue).await.message_attributes;
    let received = received.expect("it has attributes");
    assert_eq!(received.len(), 3);
    assert_eq!(received["trace.id"], text("t"));
    assert_eq!(received["trace.raw"], binary(&[0, 255, 7]));
    assert_eq!(received["count"], typed("Number.int", "7"));
}

/// The digest is one that SQS answered, as localstack's published snapshots have it.
async fn the_digest_of_attributes_is_the_one_that_aws_computes(server: Server) {
    let queue = server.queue().await;
    let send = server.message(&queue, "msg");
    let send = send.message_attributes("General", text("Kenobi"));
    let send = send.message_attributes("Hello", text("There"));
    let send = send.message_attributes("Help.Me", text("Me"));
    let sent = send.send().await.expect("it is sent");
    let md5 = Some("4c360f3fdafd970e05fae2f149d997f5");
    assert_eq!(sent.md5_of_message_attributes.as_deref(), md5);
    let received = server.one(&queue).await;
    assert_eq!(received.md5_of_message_attributes.as_deref(), md5);
}

async fn attributes_are_shown_as_they_are_asked_for(server: Server) {
    let queue = server.queue().await;
    let message = with_three(server.message(&queue, "x"));
    message.send().await.expect("it is sent");
    let all: &[&str] = &["count", "trace.id", "trace.raw"];
    for (asked, shown) in [
        (None, &[][..]),
        (Some("All"), all),
        (Some(".*"), all),
        (Some("trace.*"), &["trace.id", "trace.raw"]),
        (Some("count"), &["count"]),
        (Some("other"), &[]),
    ] {
        assert_eq!(
            names_shown(&server, &queue, asked).await,
            shown,
            "{asked:?}"
        );
    }
}

async fn names_shown(server: &Server, queue: &str, asked: Option<&str>) -> Vec<String> {
    let asked = asked.map(|name| vec![name.to_owned()]);
    let receive = server.receive(queue).visibility_timeout(0);
    let received = messages(receive.set_message_attribute_names(asked)).await;
    let attributes = received[0].message_attributes.iter().flatten();
    let mut names: Vec<String> = attributes.map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    names
}

async fn attributes_count_as_part_of_the_size(server: Server) {
    let short = [(Attribute::MaximumMessageSize, "1024")];
    let queue = server.queue_with("short", &short).await;
    // Four bytes of name, six of type, one of value.
    let send = |bytes: usize| {
        let message = server.message(&queue, &"x".repeat(bytes - 11));
        message.message_attributes("name", text("1")).send()
    };
    send(1024).await.expect("it fits");
    assert_eq!(refusal(send(1025).await), "InvalidParameterValue");
}

async fn names_of_attributes_have_no_stray_dots_blanks_or_reserved_prefix(server: Server) {
    let queue = server.queue().await;
    let send = |name: &str| {
        let message = server.message(&queue, "x");
        message.message_attributes(name, text("x")).send()
    };
    send("A.b_c-1").await.expect("it is allowed");
    for bad in [".a", "a.", "a..b", "a b", "ä", "AWS.x", "Amazon.x"] {
        assert_eq!(refusal(send(bad).await), "InvalidParameterValue", "{bad}");
    }
}

async fn a_message_has_ten_attributes_at_most(server: Server) {
    let queue = server.queue().await;
    let send = |count: usize| {
        let names = (0..count).map(|n| format!("a{n}"));
        let attributes = names.map(|name| (name, text("x"))).collect();
        let message = server.message(&queue, "x");
        message.set_message_attributes(Some(attributes)).send()
    };
    send(10).await.expect("it is allowed");
    refusal(send(11).await);
}

async fn an_attribute_has_a_known_type_and_a_value(server: Server) {
    let queue = server.queue().await;
    for (kind, value) in [("Date", "x"), ("String", ""), ("Number", "")] {
        let message = server.message(&queue, "x");
        let message = message.message_attributes("a", typed(kind, value));
        let refused = refusal(message.send().await);
        assert_eq!(refused, "InvalidParameterValue", "{kind} {value:?}");
    }
}

async fn a_number_is_a_number(server: Server) {
    let queue = server.queue().await;
    let send = |number: &str| {
        let message = server.message(&queue, "x");
        message
            .message_attributes("a", typed("Number", number))
            .send()
    };
    for good in [
        "0",
        "-7",
        "3.25",
        "1e10",
        "12345678901234567890123456789012345678",
    ] {
        send(good).await.expect("a number");
    }
    for bad in ["x", "1,5", "0x10", "1 2"] {
        assert_eq!(refusal(send(bad).await), "InvalidParameterValue", "{bad}");
    }
}

async fn an_attribute_holds_no_character_that_xml_cannot(server: Server) {
    let queue = server.queue().await;
    let message = server.message(&queue, "x");
    refusal(
        message
            .message_attributes("a", text("a\u{b}b"))
            .send()
            .await,
    );
    assert!(server.is_empty(&queue).await);
}
