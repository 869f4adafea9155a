//! Faults that a developer injects, such as `sqs:SendMessage=fail,rate=0.1`.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use thiserror::Error;

/// An engine, by the name that AWS's command line has for its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `dynamodb`.
    DynamoDb,
    /// `sqs`.
    Sqs,
    /// `s3`.
    S3,
}

/// A disturbance of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `fail`: the request has no effect, and is answered with status 500.
    Fail,
    /// `lose-reply`: the request has its effect, and is answered with status 500.
    LoseReply,
    /// `drop-before`: the request has no effect, and its connection is closed without an answer.
    DropBefore,
    /// `drop-after`: the request has its effect, and its connection is closed without an answer.
    DropAfter,
    /// `twice`: the request is made twice, and the second answer is given.
    Twice,
    /// `delay:MS`: the request is made after so many milliseconds.
    Delay(Duration),
}

/// A rule that says which requests are struck by which fault, and how many of them.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    service: Service,
    /// `None` for every operation.
    operation: Option<String>,
    fault: Fault,
    /// The share of these requests that is struck, over 0 and at most 1.
    rate: f64,
    /// The maximum number of requests that it applies to.
    count: Option<u32>,
}

/// The reason why a text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadRule(String);

/// The rules of a twin, the first of which that strikes a request decides.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(FaultRule, AtomicU32)>);

impl Service {
    const ALL: [Service; 3] = [Service::DynamoDb, Service::Sqs, Service::S3];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Service::DynamoDb => "dynamodb",
            Service::Sqs => "sqs",
            Service::S3 => "s3",
        }
    }

    /// The operations on data. Others, as creating a table, are left alone.
    #[rustfmt::skip]
    fn operations(self) -> &'static [&'static str] {
        match self {
            Service::DynamoDb => &[
                "BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan",
                "TransactGetItems", "TransactWriteItems", "UpdateItem",
            ],
            Service::Sqs => &[
                "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "DeleteMessage", "DeleteMessageBatch",
                "GetQueueAttributes", "ListMessageMoveTasks", "PurgeQueue", "ReceiveMessage", "SendMessage",
                "SendMessageBatch", "StartMessageMoveTask",
            ],
            Service::S3 => &["DeleteObject", "GetObject", "HeadObject", "PutObject"],
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Fail => "fail",
            Fault::LoseReply => "lose-reply",
            Fault::DropBefore => "drop-before",
            Fault::DropAfter => "drop-after",
            Fault::Twice => "twice",
            Fault::Delay(by) => return write!(f, "delay:{}", by.as_millis()),
        })
    }
}

impl FromStr for FaultRule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<FaultRule, BadRule> {
        let form = || BadRule("write SERVICE:OPERATION=FAULT, as sqs:SendMessage=fail".to_owned());
        let (target, what) = text.split_once('=').ok_or_else(form)?;
        let (service, operation) = target.split_once(':').ok_or_else(form)?;
        let service = service_of(service)?;
        let mut parts = what.split(',');
        let mut rule = FaultRule {
            service,
            operation: operation_of(service, operation)?,
            fault: fault_of(parts.next().unwrap_or_default())?,
            rate: 1.0,
            count: None,
        };
        for option in parts {
            rule.set(option)?;
        }
        Ok(rule)
    }
}

impl FaultRule {
    fn set(&mut self, option: &str) -> Result<(), BadRule> {
        let number = match option.split_once('=') {
            Some(("rate", number)) => {
                let rate = number
                    .parse()
                    .ok()
                    .filter(|rate| *rate > 0.0 && *rate <= 1.0);
                return rate.map(|rate| self.rate = rate).ok_or_else(|| {
                    BadRule(format!("the rate `{number}` is not over 0 and at most 1"))
                });
            }
            Some(("count", number)) => number,
            _ => {
                let why = format!("unknown option `{option}`; there are rate=R and count=N");
                return Err(BadRule(why));
            }
        };
        let count = number.parse().ok().filter(|count| *count > 0);
        self.count =
            Some(count.ok_or_else(|| {
                BadRule(format!("the count `{number}` is not a number from 1 on"))
            })?);
        Ok(())
    }

    fn means(&self, service: Service, operation: &str) -> bool {
        // Like a name, `*` means operations on data.
        let any = || service.operations().contains(&operation);
        let named = self.operation.as_deref();
        self.service == service && named.map_or_else(any, |named| named == operation)
    }
}

impl Faults {
    pub(crate) fn new(rules: Vec<FaultRule>) -> Faults {
        let rules = rules.into_iter().map(|rule| (rule, AtomicU32::new(0)));
        Faults(rules.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fault of a request; `None` if no rule strikes it.
    pub(crate) fn strike(&self, service: Service, operation: &str) -> Option<Fault> {
        let mut rules = self.0.iter();
        let (rule, _) = rules.find(|(rule, struck)| {
            rule.means(service, operation) && fastrand::f64() < rule.rate && counts(rule, struck)
        })?;
        tracing::warn!(operation = %format_args!("{service}:{operation}"), fault = %rule.fault, "fault injected");
        Some(rule.fault)
    }
}

/// Counts a struck request; false where the rule has struck all that it may.
fn counts(rule: &FaultRule, struck: &AtomicU32) -> bool {
    let most = rule.count.unwrap_or(u32::MAX);
    let more = |struck| (struck < most).then_some(struck + 1);
    let counted = struck.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    counted.is_ok() || rule.count.is_none()
}

fn service_of(name: &str) -> Result<Service, BadRule> {
    let known = Service::ALL
        .into_iter()
        .find(|service| service.name() == name);
    known.ok_or_else(|| {
        BadRule(format!(
            "unknown service `{name}`; there are dynamodb, sqs and s3"
        ))
    })
}

fn operation_of(service: Service, name: &str) -> Result<Option<String>, BadRule> {
    if name == "*" {
        return Ok(None);
    }
    let known = service.operations();
    if known.contains(&name) {
        return Ok(Some(name.to_owned()));
    }
    let known = known.join(", ");
    let why = format!(
        "unknown operation `{name}` of {service}; there are {known}, and * for all of them"
    );
    Err(BadRule(why))
}

fn fault_of(word: &str) -> Result<Fault, BadRule> {
    Ok(match word {
        "fail" => Fault::Fail,
        "lose-reply" => Fault::LoseReply,
        "drop-before" => Fault::DropBefore,
        "drop-after" => Fault::DropAfter,
        "twice" => Fault::Twice,
        _ => {
            let ms = word.strip_prefix("delay:").and_then(|ms| ms.parse().ok());
            let unknown = || {
                let known = "fail, lose-reply, drop-before, drop-after, twice and delay:MS";
                BadRule(format!("unknown fault `{word}`; there are {known}"))
            };
            Fault::Delay(Duration::from_millis(ms.ok_or_else(unknown)?))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rules: &[&str]) -> Faults {
        let rules = rules.iter().map(|rule| rule.parse().expect("a good rule"));
        Faults::new(rules.collect())
    }

    #[test]
    fn every_fault_has_a_word_that_reads_back() {
        for word in [
            "fail",
            "lose-reply",
            "drop-before",
            "drop-after",
            "twice",
            "delay:250",
        ] {
            let faults = faults(&[&format!("s3:PutObject={word}")]);
            let struck = faults
                .strike(Service::S3, "PutObject")
                .expect("it is struck");
            assert_eq!(struck.to_string(), word);
        }
    }

    #[test]
    fn a_rule_strikes_its_operation_of_its_service_alone() {
        let faults = faults(&["sqs:SendMessage=fail"]);
        assert_eq!(
            faults.strike(Service::Sqs, "SendMessage"),
            Some(Fault::Fail)
        );
        assert_eq!(faults.strike(Service::Sqs, "SendMessageBatch"), None);
        assert_eq!(faults.strike(Service::DynamoDb, "SendMessage"), None);
    }

    #[test]
    fn a_star_strikes_every_operation_on_data_and_no_other() {
        let faults = faults(&["dynamodb:*=twice"]);
        for operation in Service::DynamoDb.operations() {
            assert_eq!(
                faults.strike(Service::DynamoDb, operation),
                Some(Fault::Twice)
            );
        }
        assert_eq!(faults.strike(Service::DynamoDb, "CreateTable"), None);
        assert_eq!(faults.strike(Service::S3, "PutObject"), None);
    }

    #[test]
    fn a_rule_that_has_struck_its_count_leaves_the_rest_to_the_next() {
        let faults = faults(&[
            "sqs:SendMessage=fail,count=2",
            "sqs:SendMessage=twice,count=1",
        ]);
        let struck = (0..4).map(|_| faults.strike(Service::Sqs, "SendMessage"));
        let all = [
            Some(Fault::Fail),
            Some(Fault::Fail),
            Some(Fault::Twice),
            None,
        ];
        assert_eq!(struck.collect::<Vec<_>>(), all);
    }

    #[test]
    fn a_rate_strikes_that_share_of_the_requests() {
        fastrand::seed(1);
        let faults = faults(&["dynamodb:PutItem=fail,rate=0.1"]);
        let struck = (0..10_000).filter_map(|_| faults.strike(Service::DynamoDb, "PutItem"));
        let struck = struck.count();
        assert!((800..1200).contains(&struck), "{struck}");
    }

    #[rustfmt::skip]
    #[test]
    fn what_is_no_rule_is_refused_with_what_to_write() {
        for (text, why) in [
            ("", "write SERVICE:OPERATION=FAULT, as sqs:SendMessage=fail"),
            ("sqs=fail", "write SERVICE:OPERATION=FAULT, as sqs:SendMessage=fail"),
            ("sns:Publish=fail", "unknown service `sns`; there are dynamodb, sqs and s3"),
            ("s3:Put=fail", "unknown operation `Put` of s3; there are DeleteObject, GetObject, HeadObject, PutObject, and * for all of them"),
            ("s3:*=lost", "unknown fault `lost`; there are fail, lose-reply, drop-before, drop-after, twice and delay:MS"),
            ("s3:*=delay:1s", "unknown fault `delay:1s`; there are fail, lose-reply, drop-before, drop-after, twice and delay:MS"),
            ("s3:*=fail,rate=0", "the rate `0` is not over 0 and at most 1"),
            ("s3:*=fail,rate=1.5", "the rate `1.5` is not over 0 and at most 1"),
            ("s3:*=fail,rate=NaN", "the rate `NaN` is not over 0 and at most 1"),
            ("s3:*=fail,count=0", "the count `0` is not a number from 1 on"),
            ("s3:*=fail,often", "unknown option `often`; there are rate=R and count=N"),
        ] {
            let refused = text.parse::<FaultRule>().expect_err(text);
            assert_eq!(refused.to_string(), why, "{text}");
        }
    }
}
