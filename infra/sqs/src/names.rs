//! Names, URLs and ARNs of queues.

use crate::error::SqsError;

/// The account that owns every queue here.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The region that every queue here is in.
pub const REGION: &str = "us-east-1";

/// The queue's Amazon resource name.
pub(crate) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

/// The queue's name, from its ARN.
pub(crate) fn queue_of_arn(arn: &str) -> Option<&str> {
    match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "sqs", _, _, queue] if !queue.is_empty() => Some(queue),
        _ => None,
    }
}

/// The queue's name, from whatever URL the client knows it by: the host and the account are ignored,
/// because a client may reach this engine by another address than the one it listens on.
pub(crate) fn queue_of_url(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// Checks a new queue's name: up to 80 letters, digits, hyphens and underscores.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
pub(crate) fn check_queue_name(name: &str) -> Result<(), SqsError> {
    if name.ends_with(".fifo") {
        return Err(SqsError::fifo_unsupported());
    }
    if is_plain(name) {
        return Ok(());
    }
    Err(SqsError::InvalidParameterValue {
        reason:
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
                .to_owned(),
    })
}

/// Returns whether `text` is 1 to 80 letters, digits, hyphens and underscores.
pub(crate) fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=80).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_found_by_name_whatever_host_the_client_used() {
        for url in [
            "http://127.0.0.1:9324/000000000000/events",
            "https://sqs.us-east-1.amazonaws.com/123456789012/events",
            "events",
        ] {
            assert_eq!(queue_of_url(url), "events");
        }
    }

    #[test]
    fn an_arn_gives_back_the_name_it_was_made_from() {
        assert_eq!(arn("events"), "arn:aws:sqs:us-east-1:000000000000:events");
        assert_eq!(queue_of_arn(&arn("events")), Some("events"));
        assert_eq!(queue_of_arn("arn:aws:sns:us-east-1:000000000000:t"), None);
        assert_eq!(queue_of_arn("events"), None);
    }

    #[test]
    fn fifo_names_and_names_with_other_characters_are_refused() {
        assert!(check_queue_name("events-dlq_2").is_ok());
        assert!(matches!(
            check_queue_name("events.fifo"),
            Err(SqsError::UnsupportedOperation { .. })
        ));
        assert!(check_queue_name("").is_err());
        assert!(check_queue_name("ev/ents").is_err());
        assert!(check_queue_name(&"x".repeat(81)).is_err());
    }
}
