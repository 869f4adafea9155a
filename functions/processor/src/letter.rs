use aws_lambda_events::sqs::SqsMessage;
use hookgate::ports::DeadLetter;

/// What an operator is told of a dead letter.
pub(crate) struct Reason<'a> {
    pub(crate) class: &'a str,
    pub(crate) text: &'a str,
    pub(crate) handler: &'a str,
    pub(crate) attempt: u32,
    pub(crate) request_id: &'a str,
}

/// The longest reason that travels with a message, in characters.
const MAX_TEXT: usize = 300;

/// The record's text, untouched, with the reason as attributes.
pub(crate) fn dead_letter<'a>(record: &'a SqsMessage, reason: &Reason<'_>) -> DeadLetter<'a> {
    let first_seen = record
        .attributes
        .get("SentTimestamp")
        .map_or("-", String::as_str);
    let attributes = [
        ("Reason", clean(reason.text)),
        ("Class", reason.class.to_owned()),
        ("Attempt", reason.attempt.to_string()),
        ("FirstSeen", first_seen.to_owned()),
        ("Handler", reason.handler.to_owned()),
        ("RequestId", clean(reason.request_id)),
    ];
    DeadLetter {
        body: record.body.as_deref().unwrap_or_default(),
        attributes: attributes.into(),
    }
}

/// Text that a message attribute takes: no control characters, not empty, not long.
fn clean(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT)
        .collect();
    if kept.is_empty() {
        "-".to_owned()
    } else {
        kept
    }
}
