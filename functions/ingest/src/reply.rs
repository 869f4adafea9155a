//! The answers to requests that are not rejected: one log line with its metrics, and one response each.

use bytes::Bytes;
use hookgate::metrics::{Dimension, Metric};
use hookgate::{Event, MetricLine, one_line};
use hookgate_signature::HandshakeAnswer;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// The response to a request that is not rejected.
pub(crate) enum Reply {
    Accepted(Event),
    Duplicate(Event),
    Mismatch(Event),
    /// Of the source of this name.
    Handshake(String, HandshakeAnswer),
}

macro_rules! line {
    ($level:ident, $outcome:literal, $event:expr $(, $message:literal)?) => {
        tracing::$level!(
            outcome = $outcome,
            source = $event.source,
            event_type = one_line($event.type_or_dash()).as_ref(),
            tenant = $event.tenant.as_deref().map(one_line).as_deref(),
            event_id = $event.id.as_deref().map(one_line).as_deref(),
            key = %$event.key,
            trace_id = $event.trace_id(),
            body_bytes = $event.body.bytes(),
            $($message)?
        )
    };
}

impl Reply {
    pub(crate) fn respond(self) -> Response<Bytes> {
        match self {
            Reply::Accepted(event) => {
                // The most frequent line by far: metric filters of the template's count it, so that it is short.
                count(&event, &[Metric::EventsAccepted])
                    .emit_unless_logged(|| line!(info, "accepted", event));
                acknowledgement("accepted", &event)
            }
            Reply::Duplicate(event) => {
                count(&event, &[Metric::EventsDuplicate])
                    .emit_with(|| line!(info, "duplicate", event, "event already known"));
                acknowledgement("duplicate", &event)
            }
            Reply::Mismatch(event) => {
                count(&event, &[Metric::EventsDuplicate, Metric::PayloadMismatch]).emit_with(
                    || {
                        line!(
                            warn,
                            "payload_mismatch",
                            event,
                            "event id already known with another body"
                        );
                    },
                );
                acknowledgement("duplicate", &event)
            }
            Reply::Handshake(source, answer) => {
                tracing::info!(outcome = "handshake", source, "handshake answered");
                handshake(answer)
            }
        }
    }
}

fn count(event: &Event, metrics: &[Metric]) -> MetricLine {
    let metrics = metrics.iter();
    let line = metrics.fold(MetricLine::new(), |line, metric| line.count(*metric, 1));
    line.by(Dimension::Source, event.source.as_str())
}

fn acknowledgement(status: &'static str, event: &Event) -> Response<Bytes> {
    json_response(
        StatusCode::OK,
        &json!({ "status": status, "event": event.key.as_str() }),
    )
}

fn handshake(answer: HandshakeAnswer) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    if let Ok(value) = HeaderValue::from_str(&answer.content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
