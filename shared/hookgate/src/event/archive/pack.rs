//! The form in which events are written together: gzip over a line of JSON that describes them, in the order of their
//! receipt, and then their bodies as they are, one after the other. A body in S3 is a pointer in the description.

use std::io::{Read, Write};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::{Body, BoxError, Event, EventKey, StoredBody, Trace, unix_ms};

/// The most that is read back from one place, against an archive that would not end.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// An event without its source, and without its body where that follows.
#[derive(Serialize, Deserialize)]
struct Description {
    /// Left out where it follows from the id: chance does not compress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    received_ms: u64,
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<Trace>,
    #[serde(flatten)]
    body: BodyPlace,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BodyPlace {
    /// The next bytes after the bodies of the events before.
    Bytes(usize),
    /// An object in S3.
    Stored(StoredBody),
}

/// Events as they are written, the first received first.
pub(crate) fn pack(events: &[&Event]) -> Result<Vec<u8>, BoxError> {
    let mut events = events.to_vec();
    events.sort_by_key(|event| (event.received, &event.key));
    let described: Vec<Description> = events.iter().map(|event| describe(event)).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, &described)?;
    encoder.write_all(b"\n")?;
    for event in events {
        if let Body::Inline(body) = &event.body {
            encoder.write_all(body)?;
        }
    }
    Ok(encoder.finish()?)
}

/// The events of a source in what was written; `None` if it cannot be read.
pub(crate) fn unpack(source: &str, packed: &[u8]) -> Option<Vec<Event>> {
    let unpacked = Bytes::from(decompress(packed)?);
    let end = unpacked.iter().position(|byte| *byte == b'\n')?;
    let described: Vec<Description> = serde_json::from_slice(&unpacked[..end]).ok()?;
    let mut bodies = unpacked.slice(end + 1..);
    let events = described.into_iter().map(|event| {
        let key = event.key(source)?;
        let body = match event.body {
            BodyPlace::Bytes(bytes) if bytes <= bodies.len() => {
                Body::Inline(bodies.split_to(bytes))
            }
            BodyPlace::Bytes(_) => return None,
            BodyPlace::Stored(stored) => Body::Stored(stored),
        };
        Some(Event {
            key,
            source: source.to_owned(),
            tenant: event.tenant,
            id: event.event_id,
            event_type: event.event_type,
            received: UNIX_EPOCH.checked_add(Duration::from_millis(event.received_ms))?,
            headers: event.headers,
            trace: event.trace,
            body,
        })
    });
    events.collect()
}

impl Description {
    fn key(&self, source: &str) -> Option<EventKey> {
        match (&self.key, &self.event_id) {
            (Some(key), _) => EventKey::parse(key),
            (None, Some(id)) => Some(EventKey::of_id(self.tenant.as_deref(), source, id)),
            (None, None) => None,
        }
    }
}

fn key_of_id(event: &Event) -> Option<EventKey> {
    let id = event.id.as_deref()?;
    Some(EventKey::of_id(event.tenant.as_deref(), &event.source, id))
}

fn describe(event: &Event) -> Description {
    Description {
        key: (key_of_id(event).as_ref() != Some(&event.key)).then(|| event.key.to_string()),
        tenant: event.tenant.clone(),
        event_id: event.id.clone(),
        event_type: event.event_type.clone(),
        received_ms: unix_ms(event.received),
        headers: event.headers.clone(),
        trace: event.recorded_trace().cloned(),
        body: match &event.body {
            Body::Inline(body) => BodyPlace::Bytes(body.len()),
            Body::Stored(stored) => BodyPlace::Stored(stored.clone()),
        },
    }
}

pub(crate) fn compress(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

pub(crate) fn decompress(compressed: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    GzDecoder::new(compressed)
        .take(MAX_BYTES)
        .read_to_end(&mut body)
        .ok()?;
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::TraceHeaders;

    fn event(ms: u64, body: Body) -> Event {
        Event {
            key: EventKey::new(None, "pakk", &ms.to_string()),
            source: "pakk".into(),
            tenant: Some("acme".into()),
            id: None,
            event_type: Some("stock \u{1f4e6}\n".into()),
            received: UNIX_EPOCH + Duration::from_millis(ms),
            headers: vec![("content-type".into(), "a\nb".into())],
            trace: None,
            body,
        }
    }

    #[test]
    fn any_bytes_come_back_each_with_its_event() {
        let stored = StoredBody::of(&EventKey::new(None, "pakk", "2"), b"large");
        let events = [
            event(3, Body::Inline(b"\x00\xff\n\xfe[]"[..].into())),
            event(1, Body::Inline(Bytes::new())),
            event(2, Body::Stored(stored)),
            event(4, Body::Inline(b"\n\n"[..].into())),
        ];
        let packed = pack(&events.iter().collect::<Vec<_>>()).unwrap();
        let [third, first, second, last] = events;
        let expected = [first, second, third, last];
        assert_eq!(unpack("pakk", &packed).as_deref(), Some(&expected[..]));
    }

    #[test]
    fn an_event_has_its_key_back_whatever_tells_it_apart() {
        let by_body = Event {
            id: Some("evt_1".into()),
            ..event(1, Body::Inline(b"{}"[..].into()))
        };
        let by_id = Event {
            key: EventKey::of_id(Some("acme"), "pakk", "evt_1"),
            ..by_body.clone()
        };
        for event in [by_body, by_id] {
            let packed = pack(&[&event]).unwrap();
            assert_eq!(unpack("pakk", &packed), Some(vec![event]));
        }
    }

    #[test]
    fn a_trace_that_is_recorded_nowhere_is_not_archived() {
        let traced = |sampled: &str| {
            let xray = format!("Root=1-67891233-abcdef012345678912345678;Sampled={sampled}");
            Event {
                trace: Trace::read(&TraceHeaders {
                    xray: Some(xray),
                    ..TraceHeaders::default()
                }),
                ..event(1, Body::Inline(Bytes::new()))
            }
        };
        for (sampled, is_there) in [("1", true), ("0", false)] {
            let event = traced(sampled);
            assert!(event.trace.is_some());
            let unpacked = unpack("pakk", &pack(&[&event]).unwrap()).unwrap();
            assert_eq!(unpacked[0].trace, event.trace.filter(|_| is_there));
        }
    }

    #[test]
    fn what_was_cut_off_is_not_read() {
        let event = event(1, Body::Inline(b"{}"[..].into()));
        let whole = decompress(&pack(&[&event]).unwrap()).unwrap();
        let short = compress(&whole[..whole.len() - 1]).unwrap();
        assert_eq!(unpack("pakk", &short), None);
        assert_eq!(unpack("pakk", b"no gzip"), None);
    }
}
