//! The attributes of a queue: their ranges, defaults and meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::SqsError;
use crate::redrive::{RedriveAllowPolicy, RedrivePolicy};

/// The form of an attribute's value.
enum Rule {
    /// A whole number, with what applies when it was never set.
    Number {
        min: i64,
        max: i64,
        default: Option<&'static str>,
    },
    /// Kept and given back, without a meaning here.
    Text { default: Option<&'static str> },
    /// Read as a [`RedrivePolicy`].
    Redrive,
    /// Read as a [`RedriveAllowPolicy`].
    RedriveAllow,
    /// Belongs to FIFO queues.
    Fifo,
}

const UNSET: Rule = Rule::Text { default: None };

const fn number(min: i64, max: i64, default: &'static str) -> Rule {
    Rule::Number {
        min,
        max,
        default: Some(default),
    }
}

/// The attributes that a user may set, with their ranges and defaults.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[rustfmt::skip]
const SETTABLE: &[(&str, Rule)] = &[
    ("DelaySeconds",                  number(0, 900, "0")),
    ("MaximumMessageSize",            number(1024, 1_048_576, "1048576")),
    ("MessageRetentionPeriod",        number(60, 1_209_600, "345600")),
    ("ReceiveMessageWaitTimeSeconds", number(0, 20, "0")),
    ("VisibilityTimeout",             number(0, 43_200, "30")),
    ("Policy",                        UNSET),
    ("RedrivePolicy",                 Rule::Redrive),
    ("RedriveAllowPolicy",            Rule::RedriveAllow),
    ("KmsMasterKeyId",                UNSET),
    ("KmsDataKeyReusePeriodSeconds",  Rule::Number { min: 60, max: 86_400, default: None }),
    ("SqsManagedSseEnabled",          Rule::Text { default: Some("true") }),
    ("FifoQueue",                     Rule::Fifo),
    ("ContentBasedDeduplication",     Rule::Fifo),
    ("DeduplicationScope",            Rule::Fifo),
    ("FifoThroughputLimit",           Rule::Fifo),
];

/// The attributes that were set on a queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct QueueAttributes(BTreeMap<String, String>);

impl QueueAttributes {
    /// Takes over `given`, once every value is known to be good. An empty value clears the attribute.
    pub(crate) fn set(&mut self, given: &BTreeMap<String, String>) -> Result<(), SqsError> {
        for (name, value) in given {
            check(name, value)?;
        }
        self.0
            .extend(given.iter().map(|(k, v)| (k.clone(), v.clone())));
        self.0.retain(|_, value| !value.is_empty());
        Ok(())
    }

    /// The first attribute of `given` whose meaning differs from what is set here.
    pub(crate) fn conflict(&self, given: &BTreeMap<String, String>) -> Option<String> {
        let effective = self.effective();
        given
            .iter()
            .find(|(name, value)| {
                let ours = effective.get(name.as_str()).map_or("", String::as_str);
                !same(ours, value)
            })
            .map(|(name, _)| name.clone())
    }

    /// Every attribute as GetQueueAttributes shows it: what was set, and AWS's defaults.
    pub(crate) fn effective(&self) -> BTreeMap<String, String> {
        let defaults = SETTABLE.iter().filter_map(|(name, rule)| match rule {
            Rule::Number { default, .. } | Rule::Text { default } => {
                default.map(|value| ((*name).to_owned(), value.to_owned()))
            }
            _ => None,
        });
        defaults.chain(self.0.clone()).collect()
    }

    /// Returns whether a queue can have an attribute of that name.
    pub(crate) fn is_known(name: &str) -> bool {
        rule(name).is_some()
    }

    /// The time that a received message stays invisible, in milliseconds.
    pub(crate) fn visibility_timeout_ms(&self) -> i64 {
        self.number("VisibilityTimeout") * 1000
    }

    /// The time that a sent message is held back, in milliseconds.
    pub(crate) fn delay_ms(&self) -> i64 {
        self.number("DelaySeconds") * 1000
    }

    /// The age at which a message is removed, in milliseconds.
    pub(crate) fn retention_ms(&self) -> i64 {
        self.number("MessageRetentionPeriod") * 1000
    }

    /// The time that a receive waits for a message when the request does not say, in seconds.
    pub(crate) fn wait_seconds(&self) -> i64 {
        self.number("ReceiveMessageWaitTimeSeconds")
    }

    /// The largest message, attributes included.
    pub(crate) fn max_message_bytes(&self) -> usize {
        usize::try_from(self.number("MaximumMessageSize")).unwrap_or(0)
    }

    /// The policy for messages that were received too often.
    pub(crate) fn redrive_policy(&self) -> Option<RedrivePolicy> {
        RedrivePolicy::parse(self.0.get("RedrivePolicy")?).ok()
    }

    /// The queues that may name this one as their dead-letter queue.
    pub(crate) fn redrive_allow_policy(&self) -> RedriveAllowPolicy {
        let text = self.0.get("RedriveAllowPolicy");
        text.and_then(|text| RedriveAllowPolicy::parse(text).ok())
            .unwrap_or_default()
    }

    fn number(&self, name: &str) -> i64 {
        let set = self.0.get(name).and_then(|value| value.parse().ok());
        set.unwrap_or_else(|| default_number(name))
    }
}

fn rule(name: &str) -> Option<&'static Rule> {
    SETTABLE
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, rule)| rule)
}

fn default_number(name: &str) -> i64 {
    match rule(name) {
        Some(Rule::Number {
            default: Some(text),
            ..
        }) => text.parse().unwrap_or(0),
        _ => 0,
    }
}

fn check(name: &str, value: &str) -> Result<(), SqsError> {
    let rule = rule(name).ok_or_else(|| SqsError::InvalidAttributeName {
        name: name.to_owned(),
    })?;
    match rule {
        Rule::Fifo => Err(SqsError::fifo_unsupported()),
        Rule::Number { min, max, .. } => match value.parse::<i64>() {
            Ok(number) if (*min..=*max).contains(&number) => Ok(()),
            _ => Err(SqsError::InvalidAttributeValue {
                name: name.to_owned(),
            }),
        },
        _ if value.is_empty() => Ok(()),
        Rule::Redrive => RedrivePolicy::parse(value).map(drop),
        Rule::RedriveAllow => RedriveAllowPolicy::parse(value).map(drop),
        Rule::Text { .. } => Ok(()),
    }
}

/// Two values are the same when their text is, or the JSON they hold.
fn same(ours: &str, theirs: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    ours == theirs || (json(ours).is_some() && json(ours) == json(theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn defaults_are_those_that_aws_documents() {
        let attributes = QueueAttributes::default();
        assert_eq!(attributes.visibility_timeout_ms(), 30_000);
        assert_eq!(attributes.retention_ms(), 345_600_000);
        assert_eq!(attributes.max_message_bytes(), 1_048_576);
        assert_eq!(attributes.effective()["SqsManagedSseEnabled"], "true");
    }

    #[test]
    fn a_value_out_of_range_is_refused_and_changes_nothing() {
        let mut attributes = QueueAttributes::default();
        let refused = attributes.set(&given("VisibilityTimeout", "43201"));
        assert!(matches!(
            refused,
            Err(SqsError::InvalidAttributeValue { .. })
        ));
        assert_eq!(attributes.visibility_timeout_ms(), 30_000);
    }

    #[test]
    fn an_unknown_attribute_and_a_fifo_attribute_are_refused() {
        let mut attributes = QueueAttributes::default();
        assert!(matches!(
            attributes.set(&given("Colour", "blue")),
            Err(SqsError::InvalidAttributeName { .. })
        ));
        assert!(matches!(
            attributes.set(&given("FifoQueue", "true")),
            Err(SqsError::UnsupportedOperation { .. })
        ));
    }

    #[test]
    fn attributes_conflict_by_meaning_and_not_by_spelling() {
        let mut attributes = QueueAttributes::default();
        let arn = "arn:aws:sqs:us-east-1:000000000000:d";
        let spaced = format!(r#"{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 3}}"#);
        let tight = format!(r#"{{"maxReceiveCount":3,"deadLetterTargetArn":"{arn}"}}"#);
        attributes
            .set(&given("RedrivePolicy", &spaced))
            .expect("a good policy");
        assert_eq!(attributes.conflict(&given("RedrivePolicy", &tight)), None);
        assert_eq!(attributes.conflict(&given("VisibilityTimeout", "30")), None);
        let other = attributes.conflict(&given("VisibilityTimeout", "31"));
        assert_eq!(other.as_deref(), Some("VisibilityTimeout"));
    }
}
