//! The two policies of dead letters that a queue may have.

use serde::Deserialize;
use serde::de::Deserializer;

use crate::error::SqsError;
use crate::names::queue_of_arn;

/// The dead-letter queue of a queue, and the number of receives after which a message goes there.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedrivePolicy {
    /// The dead-letter queue's ARN.
    pub(crate) dead_letter_target_arn: String,
    /// The number of times that a message may be received before it moves there.
    #[serde(deserialize_with = "whole_number")]
    pub(crate) max_receive_count: i64,
}

impl RedrivePolicy {
    /// Reads the attribute's JSON.
    pub(crate) fn parse(text: &str) -> Result<RedrivePolicy, SqsError> {
        let refuse = |why: &str| SqsError::parameter(text, "RedrivePolicy", why);
        let policy: RedrivePolicy = serde_json::from_str(text)
            .map_err(|_| refuse("Redrive policy is not a valid JSON map."))?;
        if queue_of_arn(&policy.dead_letter_target_arn).is_none() {
            return Err(refuse("Invalid value for deadLetterTargetArn."));
        }
        if !(1..=1000).contains(&policy.max_receive_count) {
            return Err(refuse(
                "Invalid value for maxReceiveCount: must be between 1 and 1000.",
            ));
        }
        Ok(policy)
    }
}

/// The queues that may use a queue as their dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "redrivePermission",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum RedriveAllowPolicy {
    /// Any queue of the account: AWS's default.
    #[default]
    AllowAll,
    /// No metric.
    DenyAll,
    /// The ten at most that are named.
    ByQueue {
        /// Their ARNs.
        source_queue_arns: Vec<String>,
    },
}

impl RedriveAllowPolicy {
    /// Reads the attribute's JSON.
    pub(crate) fn parse(text: &str) -> Result<RedriveAllowPolicy, SqsError> {
        let refuse = |why: &str| SqsError::parameter(text, "RedriveAllowPolicy", why);
        let policy = serde_json::from_str(text)
            .map_err(|_| refuse("Amazon SQS can't create the redrive allow policy."))?;
        match &policy {
            RedriveAllowPolicy::ByQueue { source_queue_arns } if source_queue_arns.len() > 10 => {
                Err(refuse("sourceQueueArns can have up to 10 entries."))
            }
            _ => Ok(policy),
        }
    }

    /// Returns whether the queue `source_arn` may send its dead letters here.
    pub(crate) fn allows(&self, source_arn: &str) -> bool {
        match self {
            RedriveAllowPolicy::AllowAll => true,
            RedriveAllowPolicy::DenyAll => false,
            RedriveAllowPolicy::ByQueue { source_queue_arns } => {
                source_queue_arns.iter().any(|arn| arn == source_arn)
            }
        }
    }
}

/// AWS takes the count as a number or as a string that holds one.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Spelling {
        Number(i64),
        Text(String),
    }
    match Spelling::deserialize(deserializer)? {
        Spelling::Number(number) => Ok(number),
        Spelling::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

    #[test]
    fn the_receive_count_may_be_a_number_or_a_string() {
        for count in ["3", "\"3\""] {
            let text = format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":{count}}}"#);
            let policy = RedrivePolicy::parse(&text).expect("a good policy");
            assert_eq!(policy.max_receive_count, 3);
        }
    }

    #[test]
    fn a_policy_without_a_queue_or_a_sane_count_is_refused() {
        for text in [
            "[]",
            r#"{"deadLetterTargetArn":"dummy","maxReceiveCount":3}"#,
            &format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":0}}"#),
            &format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":1001}}"#),
        ] {
            assert!(RedrivePolicy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_allow_policy_by_queue_allows_only_those_it_names() {
        let text = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{ARN}"]}}"#);
        let policy = RedriveAllowPolicy::parse(&text).expect("a good policy");
        assert!(policy.allows(ARN));
        assert!(!policy.allows("arn:aws:sqs:us-east-1:000000000000:other"));
        let none = RedriveAllowPolicy::parse(r#"{"redrivePermission":"denyAll"}"#);
        assert!(!none.expect("a good policy").allows(ARN));
    }
}
