//! Queues themselves: create, find, describe, change, purge and delete them.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;

use crate::server::{Server, messages, refusal};

suite! {
    a_queue_is_found_by_its_name,
    creating_a_queue_again_is_harmless_unless_its_attributes_differ,
    a_queue_is_named_with_letters_digits_hyphens_and_underscores,
    a_deleted_queue_is_unknown_to_every_action,
    a_queue_counts_what_it_holds_by_what_it_waits_for,
    a_new_queue_has_the_attributes_that_aws_documents,
    attributes_of_a_queue_can_be_changed,
    only_the_attributes_asked_for_are_shown,
    attributes_out_of_range_are_refused_and_change_nothing,
    a_purged_queue_is_empty,
    a_queue_is_purged_once_a_minute,
    queues_are_listed_page_by_page,
}

async fn a_queue_is_found_by_its_name(server: Server) {
    let url = server.queue().await;
    let get = server.client.get_queue_url();
    let got = get.queue_name(server.name("events")).send().await;
    assert_eq!(got.expect("it is there").queue_url, Some(url));
}

async fn creating_a_queue_again_is_harmless_unless_its_attributes_differ(server: Server) {
    let seven = [(Attribute::VisibilityTimeout, "7")];
    let url = server.queue_with("events", &seven).await;
    server.send(&url, "x").await;
    assert_eq!(server.queue_with("events", &seven).await, url);
    let create = server.client.create_queue();
    let create = create.queue_name(server.name("events"));
    let create = create.attributes(Attribute::VisibilityTimeout, "8");
    refusal(create.send().await);
    server.one(&url).await;
}

async fn a_queue_is_named_with_letters_digits_hyphens_and_underscores(server: Server) {
    for bad in ["no/slash", "no blank", "ä", &"x".repeat(81)] {
        let create = server.client.create_queue().queue_name(bad);
        let refused = refusal(create.send().await);
        assert_eq!(refused, "InvalidParameterValue", "{bad}");
    }
    server.queue_with("A_b-1", &[]).await;
}

async fn a_deleted_queue_is_unknown_to_every_action(server: Server) {
    let url = server.queue().await;
    let client = &server.client;
    let deleted = client.delete_queue().queue_url(&url).send().await;
    deleted.expect("it was there");
    for (action, refused) in [
        ("send", refusal(server.message(&url, "x").send().await)),
        ("receive", refusal(server.receive(&url).send().await)),
        (
            "describe",
            refusal(client.get_queue_attributes().queue_url(&url).send().await),
        ),
        (
            "find",
            refusal(
                client
                    .get_queue_url()
                    .queue_name(server.name("events"))
                    .send()
                    .await,
            ),
        ),
        (
            "purge",
            refusal(client.purge_queue().queue_url(&url).send().await),
        ),
    ] {
        assert_eq!(refused, "NonExistentQueue", "{action}");
    }
    let error = server.receive(&url).send().await.expect_err("it is gone");
    assert!(error.into_service_error().is_queue_does_not_exist());
}

async fn a_queue_counts_what_it_holds_by_what_it_waits_for(server: Server) {
    let queue = server.queue().await;
    for body in ["visible", "in flight", "in flight"] {
        server.send(&queue, body).await;
    }
    let late = server.message(&queue, "late").delay_seconds(60);
    late.send().await.expect("it is sent");
    messages(server.receive(&queue).max_number_of_messages(2)).await;
    let attributes = server.attributes(&queue).await;
    for (name, count) in [
        (Attribute::ApproximateNumberOfMessages, "1"),
        (Attribute::ApproximateNumberOfMessagesNotVisible, "2"),
        (Attribute::ApproximateNumberOfMessagesDelayed, "1"),
    ] {
        assert_eq!(attributes[&name], count, "{name}");
    }
}

async fn a_new_queue_has_the_attributes_that_aws_documents(server: Server) {
    let attributes = server.attributes(&server.queue().await).await;
    for (name, default) in [
        (Attribute::DelaySeconds, "0"),
        (Attribute::MaximumMessageSize, "1048576"),
        (Attribute::MessageRetentionPeriod, "345600"),
        (Attribute::ReceiveMessageWaitTimeSeconds, "0"),
        (Attribute::VisibilityTimeout, "30"),
    ] {
        let found = attributes.get(&name).map(String::as_str);
        assert_eq!(found, Some(default), "{name}");
    }
    let arn = &attributes[&Attribute::QueueArn];
    assert!(arn.starts_with("arn:aws:sqs:us-east-1:"), "{arn}");
    assert!(arn.ends_with(&server.name(":events")), "{arn}");
}

async fn attributes_of_a_queue_can_be_changed(server: Server) {
    let queue = server.queue().await;
    let set = server.client.set_queue_attributes().queue_url(&queue);
    let set = set.attributes(Attribute::MessageRetentionPeriod, "60");
    set.send().await.expect("it is in range");
    let attributes = server.attributes(&queue).await;
    assert_eq!(attributes[&Attribute::MessageRetentionPeriod], "60");
    assert_eq!(attributes[&Attribute::VisibilityTimeout], "30");
}

async fn only_the_attributes_asked_for_are_shown(server: Server) {
    let queue = server.queue().await;
    let get = server.client.get_queue_attributes().queue_url(&queue);
    let get = get.attribute_names(Attribute::DelaySeconds);
    let shown = get.send().await.expect("it is there").attributes;
    let expected = HashMap::from([(Attribute::DelaySeconds, "0".to_owned())]);
    assert_eq!(shown, Some(expected));
}

async fn attributes_out_of_range_are_refused_and_change_nothing(server: Server) {
    let queue = server.queue().await;
    let before = server.attributes(&queue).await;
    for (name, bad) in [
        (Attribute::DelaySeconds, "901"),
        (Attribute::MaximumMessageSize, "1023"),
        (Attribute::MaximumMessageSize, "1048577"),
        (Attribute::MessageRetentionPeriod, "59"),
        (Attribute::ReceiveMessageWaitTimeSeconds, "21"),
        (Attribute::VisibilityTimeout, "43201"),
        (Attribute::VisibilityTimeout, "soon"),
    ] {
        let set = server.client.set_queue_attributes().queue_url(&queue);
        let refused = refusal(set.attributes(name.clone(), bad).send().await);
        assert_eq!(refused, "InvalidAttributeValue", "{name} {bad}");
    }
    assert_eq!(server.attributes(&queue).await, before);
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>
async fn a_purged_queue_is_empty(server: Server) {
    let queue = server.queue().await;
    server.send(&queue, "visible").await;
    server.one(&queue).await;
    server.send(&queue, "in flight").await;
    let purge = server.client.purge_queue().queue_url(&queue);
    purge.send().await.expect("it is there");
    assert!(server.is_empty(&queue).await);
    let flying = Attribute::ApproximateNumberOfMessagesNotVisible;
    assert_eq!(server.attributes(&queue).await[&flying], "0");
}

async fn a_queue_is_purged_once_a_minute(server: Server) {
    let queue = server.queue().await;
    let purge = || server.client.purge_queue().queue_url(&queue).send();
    purge().await.expect("it is there");
    assert_eq!(refusal(purge().await), "PurgeQueueInProgress");
}

async fn queues_are_listed_page_by_page(server: Server) {
    let prefix = server.name("list");
    let mut created = Vec::new();
    for n in 0..5 {
        let create = server.client.create_queue();
        let created_one = create.queue_name(format!("{prefix}-{n}")).send().await;
        created.extend(created_one.expect("it is created").queue_url);
    }
    let list = server.client.list_queues().queue_name_prefix(&prefix);
    let mut pages = list.max_results(2).into_paginator().send();
    let (mut listed, mut sizes) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let urls = page.expect("it is listed").queue_urls.unwrap_or_default();
        sizes.push(urls.len());
        listed.extend(urls);
    }
    listed.sort_unstable();
    assert_eq!(listed, created);
    assert!(sizes.iter().all(|size| *size <= 2), "{sizes:?}");
}
