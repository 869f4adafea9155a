//! The codes that errors have, spelled as clients of the older protocol know them, prefix and all.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;

use crate::server::Server;

suite! {
    an_unknown_queue_has_the_code_of_the_older_protocol,
    an_empty_batch_has_the_code_of_the_older_protocol,
    a_queue_that_exists_has_the_code_of_the_older_protocol,
    a_bad_parameter_has_a_code_without_prefix,
    a_bad_attribute_has_a_code_without_prefix,
    a_bad_character_has_a_code_without_prefix,
}

/// The code, and not its modelled error: what scripts and logs have.
#[track_caller]
fn spelled<T, E: ProvideErrorMetadata, R>(answer: Result<T, SdkError<E, R>>) -> String {
    match answer {
        Err(SdkError::ServiceError(error)) => error.err().code().unwrap_or_default().to_owned(),
        _ => panic!("it is not refused"),
    }
}

async fn an_unknown_queue_has_the_code_of_the_older_protocol(server: Server) {
    let get = server.client.get_queue_url();
    let got = get.queue_name(server.name("missing")).send().await;
    assert_eq!(spelled(got), "AWS.SimpleQueueService.NonExistentQueue");
}

async fn an_empty_batch_has_the_code_of_the_older_protocol(server: Server) {
    let queue = server.queue().await;
    let batch = server.client.delete_message_batch().queue_url(queue);
    let deleted = batch.set_entries(Some(Vec::new())).send().await;
    assert_eq!(spelled(deleted), "AWS.SimpleQueueService.EmptyBatchRequest");
}

async fn a_queue_that_exists_has_the_code_of_the_older_protocol(server: Server) {
    server.queue().await;
    let create = server.client.create_queue();
    let create = create.queue_name(server.name("events"));
    let create = create.attributes(Attribute::DelaySeconds, "1");
    let error = create.send().await.expect_err("it has no such delay");
    assert_eq!(error.code(), Some("QueueAlreadyExists"));
    assert!(error.into_service_error().is_queue_name_exists());
}

async fn a_bad_parameter_has_a_code_without_prefix(server: Server) {
    let queue = server.queue().await;
    let receive = server.receive(&queue).max_number_of_messages(11);
    assert_eq!(spelled(receive.send().await), "InvalidParameterValue");
}

async fn a_bad_attribute_has_a_code_without_prefix(server: Server) {
    let queue = server.queue().await;
    let set = server.client.set_queue_attributes().queue_url(queue);
    let set = set.attributes(Attribute::DelaySeconds, "901");
    assert_eq!(spelled(set.send().await), "InvalidAttributeValue");
}

async fn a_bad_character_has_a_code_without_prefix(server: Server) {
    let queue = server.queue().await;
    let sent = server.message(&queue, "\u{b}").send().await;
    assert_eq!(spelled(sent), "InvalidMessageContents");
}
