use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::trace::{Trace, TraceHeaders};
use crate::{Body, Event, EventKey, Number, StoredBody, unix_ms};

/// The newest version of the envelope. This build reads it and the one before, and writes the oldest that says all.
///
/// Version 2 has a `seq`, which a reader must compare. A message without one is written as version 1, so that the
/// builds before and after this one read it too.
pub const MESSAGE_VERSION: u32 = 2;

/// A queue message: an event and the number it is to be processed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event.
    pub event: Event,
    /// Its number among the carriers of the event: each replay begins an epoch, each failed attempt makes the next.
    pub number: Number,
    /// The id of the replay that sent it; `None` for all other messages.
    pub replay: Option<String>,
    /// True if it probes the open circuit breaker of its route.
    pub probe: bool,
    /// The time for which messages of this event were held, in milliseconds: a route's limit of time does not count it.
    pub held_ms: u64,
}

/// An error of reading a queue message.
#[derive(Debug, Error)]
pub enum MessageError {
    /// Not the envelope's JSON.
    #[error("not a message of this gateway")]
    Malformed(#[source] serde_json::Error),
    /// An envelope of another version.
    #[error("message version {0}, this build reads 1 to {MESSAGE_VERSION}")]
    Version(u32),
    /// The body is not base64.
    #[error("the body is not base64")]
    Base64(#[source] base64::DecodeError),
    /// There is neither a body nor a pointer to one, or both.
    #[error("a message needs either `body` or `claim_check`")]
    Body,
    /// The key cannot be one.
    #[error("the event key is malformed")]
    Key,
}

/// The envelope. It has either the body or a pointer to it. The body is base64, because a queue
/// rejects many control characters and all bytes that are not UTF-8.
#[derive(Serialize, Deserialize)]
struct Envelope {
    v: u32,
    key: String,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    epoch: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    seq: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    probe: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    held_ms: u64,
    received_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceHeaders>,
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim_check: Option<StoredBody>,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero<N: Default + PartialEq>(value: &N) -> bool {
    *value == N::default()
}

impl Envelope {
    fn body(&self) -> Result<Body, MessageError> {
        match (&self.body, &self.claim_check) {
            (Some(text), None) => {
                let body = STANDARD.decode(text).map_err(MessageError::Base64)?;
                Ok(Body::Inline(body.into()))
            }
            (None, Some(check)) => Ok(Body::Stored(check.clone())),
            _ => Err(MessageError::Body),
        }
    }
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Message {
    /// The envelope's JSON.
    ///
    /// # Errors
    /// None in practice: every field is text or a number.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let (body, claim_check) = match &self.event.body {
            Body::Inline(body) => (Some(STANDARD.encode(body)), None),
            Body::Stored(check) => (None, Some(check.clone())),
        };
        serde_json::to_string(&Envelope {
            v: if self.number.seq == 0 { 1 } else { 2 },
            key: self.event.key.as_str().to_owned(),
            source: self.event.source.clone(),
            tenant: self.event.tenant.clone(),
            event_id: self.event.id.clone(),
            event_type: self.event.event_type.clone(),
            epoch: self.number.epoch,
            seq: self.number.seq,
            replay: self.replay.clone(),
            probe: self.probe,
            held_ms: self.held_ms,
            received_ms: unix_ms(self.event.received),
            trace: self.event.trace.clone().map(TraceHeaders::from),
            headers: self.event.headers.clone(),
            body,
            claim_check,
        })
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// When the text is not an envelope, one of another version, or one with a broken part.
    pub fn from_json(text: &str) -> Result<Message, MessageError> {
        let version: Version = serde_json::from_str(text).map_err(MessageError::Malformed)?;
        if !(1..=MESSAGE_VERSION).contains(&version.v) {
            return Err(MessageError::Version(version.v));
        }
        let envelope: Envelope = serde_json::from_str(text).map_err(MessageError::Malformed)?;
        let body = envelope.body()?;
        Ok(Message {
            number: Number {
                epoch: envelope.epoch,
                seq: envelope.seq,
            },
            replay: envelope.replay,
            probe: envelope.probe,
            held_ms: envelope.held_ms,
            event: Event {
                key: EventKey::parse(&envelope.key).ok_or(MessageError::Key)?,
                source: envelope.source,
                tenant: envelope.tenant,
                id: envelope.event_id,
                event_type: envelope.event_type,
                received: UNIX_EPOCH + Duration::from_millis(envelope.received_ms),
                headers: envelope.headers,
                trace: envelope.trace.as_ref().and_then(Trace::read),
                body,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"\x00\xff\xfe\r\n\x0b";

    fn message() -> Message {
        Message {
            number: Number::first_of(2),
            replay: None,
            probe: false,
            held_ms: 0,
            event: Event {
                key: EventKey::new(None, "pakk", "body:00"),
                source: "pakk".into(),
                tenant: None,
                id: None,
                event_type: Some("stock \u{1f4e6}".into()),
                received: UNIX_EPOCH + Duration::from_millis(1_760_000_000_123),
                headers: vec![("content-type".into(), "application/octet-stream".into())],
                trace: Trace::read(&TraceHeaders {
                    xray: Some("Root=1-67891233-abcdef012345678912345678".into()),
                    ..TraceHeaders::default()
                }),
                body: Body::Inline(BYTES.into()),
            },
        }
    }

    fn large() -> Message {
        let mut large = message();
        large.event.body = Body::Stored(StoredBody::of(&large.event.key, BYTES));
        large
    }

    #[test]
    fn any_bytes_survive_the_envelope() {
        let json = message().to_json().unwrap();
        assert!(json.chars().all(|c| c >= ' '), "{json}");
        assert_eq!(Message::from_json(&json).unwrap(), message());
    }

    #[test]
    fn the_first_message_of_an_epoch_can_be_read_by_the_version_before() {
        let json = message().to_json().unwrap();
        assert!(
            json.starts_with(r#"{"v":1,"#) && !json.contains("seq"),
            "{json}"
        );
    }

    #[test]
    fn the_message_after_a_failed_attempt_is_of_version_two() {
        let mut next = message();
        next.number = next.number.next();
        let json = next.to_json().unwrap();
        assert!(json.starts_with(r#"{"v":2,"#), "{json}");
        assert_eq!(Message::from_json(&json).unwrap(), next);
    }

    #[test]
    fn the_message_of_a_replay_names_it_and_no_other_does() {
        let ordinary = message().to_json().unwrap();
        assert!(!ordinary.contains("replay"), "{ordinary}");
        let mut replayed = message();
        replayed.replay = Some("199c82cc07b-00000007".into());
        let json = replayed.to_json().unwrap();
        assert_eq!(Message::from_json(&json).unwrap(), replayed);
    }

    #[test]
    fn a_large_body_is_represented_by_its_claim_check_alone() {
        let json = large().to_json().unwrap();
        assert!(!json.contains("\"body\""), "{json}");
        assert_eq!(Message::from_json(&json).unwrap(), large());
    }

    #[test]
    fn a_message_has_either_a_body_or_a_claim_check() {
        let (small, large) = (message().to_json().unwrap(), large().to_json().unwrap());
        let why = |text: &str| Message::from_json(text).unwrap_err().to_string();
        let both = large.replace("\"claim_check\"", "\"body\":\"AA==\",\"claim_check\"");
        let neither = small.replace("\"body\"", "\"bidy\"");
        for text in [both, neither] {
            assert_eq!(why(&text), "a message needs either `body` or `claim_check`");
        }
        let short = large.replace("\"sha256\":\"", "\"sha256\":\"00");
        assert_eq!(why(&short), "not a message of this gateway");
    }

    #[test]
    fn what_is_no_envelope_says_why() {
        let json = message().to_json().unwrap();
        let why = |text: &str| Message::from_json(text).unwrap_err().to_string();
        assert_eq!(why("hello"), "not a message of this gateway");
        assert_eq!(
            why(r#"{"v":3,"new":true}"#),
            "message version 3, this build reads 1 to 2"
        );
        assert_eq!(
            why(r#"{"v":0}"#),
            "message version 0, this build reads 1 to 2"
        );
        assert_eq!(
            why(&json.replace("\"body\":\"", "\"body\":\"*")),
            "the body is not base64"
        );
        assert_eq!(
            why(&json.replace("\"key\":\"", "\"key\":\"x")),
            "the event key is malformed"
        );
        assert_eq!(
            why(&json.replace("\"epoch\":2", "\"epoch\":-1")),
            "not a message of this gateway"
        );
    }
}
