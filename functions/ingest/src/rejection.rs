use bytes::Bytes;
use hookgate::metrics::{Dimension, Metric};
use hookgate::{AwsError, BadRequest, EventKey, MetricLine, Trace, chain};
use hookgate_signature::{MissingField, Reason, Unverified};
use http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use thiserror::Error;

use crate::reply::json_response;

/// After how many seconds a provider is asked to come again.
const RETRY_AFTER_S: &str = "5";

/// A refusal of a request. Only here reasons become status codes.
///
/// The texts are all that a caller reads: in its own terms, and no help to a forger. The reason of a
/// failed check goes to the log alone.
#[derive(Debug, Error)]
pub enum Rejection {
    /// The request cannot be read.
    #[error(transparent)]
    BadRequest(BadRequest),
    /// The path is not a webhook's.
    #[error("not found: send webhooks to /webhooks/{{source}}")]
    UnknownPath,
    /// No such source.
    #[error("not found: no such source")]
    UnknownSource,
    /// Not a POST.
    #[error("method not allowed: send webhooks with POST")]
    Method,
    /// The body is larger than can be stored.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The largest that can.
        limit: usize,
    },
    /// The request is not authentic.
    #[error("the request could not be authenticated")]
    NotAuthentic {
        /// The status that the source's provider expects.
        status: u16,
        /// The reason, for the log.
        reason: Reason,
    },
    /// The request could not be checked.
    #[error("the request cannot be checked at the moment")]
    Undecided(Reason),
    /// The signed request lacks a field.
    #[error(transparent)]
    MissingField(#[from] MissingField),
    /// The id is known with another body.
    #[error("an event with this id and another body was received before")]
    PayloadMismatch(EventKey),
    /// The table did not record the event.
    #[error("the event could not be stored; send it again")]
    Table(#[source] AwsError),
    /// The large body was not stored.
    #[error("the event could not be stored; send it again")]
    Bodies(#[source] AwsError),
    /// The queue did not accept the message.
    #[error("the event could not be queued; send it again")]
    Queue(#[source] AwsError),
    /// Not finished in time.
    #[error("the event could not be stored in time; send it again")]
    TimedOut,
}

impl Rejection {
    /// `status` is what the source's definition answers.
    pub(crate) fn unverified(why: Unverified, status: u16) -> Rejection {
        match why {
            Unverified::Refused(reason) => Rejection::NotAuthentic { status, reason },
            Unverified::Undecided(_) | Unverified::NeedsDocument(_) => {
                Rejection::Undecided(why.reason())
            }
        }
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        match self {
            Rejection::UnknownPath | Rejection::UnknownSource => StatusCode::NOT_FOUND,
            Rejection::Method => StatusCode::METHOD_NOT_ALLOWED,
            Rejection::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Rejection::NotAuthentic { status, .. } => {
                StatusCode::from_u16(*status).unwrap_or(StatusCode::UNAUTHORIZED)
            }
            Rejection::BadRequest(_) | Rejection::MissingField(_) => StatusCode::BAD_REQUEST,
            Rejection::PayloadMismatch(_) => StatusCode::CONFLICT,
            Rejection::Undecided(_)
            | Rejection::Table(_)
            | Rejection::Bodies(_)
            | Rejection::Queue(_)
            | Rejection::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word for it in logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Rejection::BadRequest(_) => "bad_request",
            Rejection::UnknownPath => "unknown_path",
            Rejection::UnknownSource => "unknown_source",
            Rejection::Method => "method",
            Rejection::TooLarge { .. } => "too_large",
            Rejection::NotAuthentic { reason, .. } | Rejection::Undecided(reason) => {
                reason.as_str()
            }
            Rejection::MissingField(_) => "missing_field",
            Rejection::PayloadMismatch(_) => "payload_mismatch",
            Rejection::Table(_) => "store_unavailable",
            Rejection::Bodies(_) => "bodies_unavailable",
            Rejection::Queue(_) => "queue_unavailable",
            Rejection::TimedOut => "timed_out",
        }
    }

    /// The field that the request lacks.
    fn missing(&self) -> Option<&MissingField> {
        match self {
            Rejection::MissingField(missing) => Some(missing),
            _ => None,
        }
    }

    /// Logs and counts it. `source` counts only where it is a configured one.
    pub(crate) fn log_and_count(&self, source: &str, trace: Option<&Trace>) {
        let mismatch = matches!(self, Rejection::PayloadMismatch(_));
        MetricLine::new()
            .count(Metric::EventsRejected, 1)
            .count(Metric::PayloadMismatch, mismatch.into())
            .by(Dimension::Source, source)
            .by(Dimension::Reason, self.reason())
            .emit_with(|| self.log(source, trace));
    }

    fn log(&self, source: &str, trace: Option<&Trace>) {
        let (status, reason) = (self.status().as_u16(), self.reason());
        let trace_id = trace.map(Trace::id);
        let outcome = "rejected";
        match self {
            Rejection::Table(error) | Rejection::Bodies(error) | Rejection::Queue(error) => {
                let error = chain(error);
                tracing::error!(
                    outcome,
                    source,
                    status,
                    reason,
                    trace_id,
                    error,
                    "request rejected"
                );
            }
            Rejection::PayloadMismatch(key) => {
                tracing::warn!(outcome, source, status, reason, trace_id, %key, "request rejected");
            }
            Rejection::BadRequest(why) => {
                tracing::warn!(outcome, source, status, reason, problem = %why, "request rejected");
            }
            _ => tracing::warn!(
                outcome,
                source,
                status,
                reason,
                field = self.missing().map(|missing| missing.field),
                problem = self.missing().map(|missing| missing.problem.as_str()),
                trace_id,
                "request rejected"
            ),
        }
    }

    pub(crate) fn respond(&self) -> Response<Bytes> {
        let status = self.status();
        let mut response = json_response(status, &serde_json::json!({ "error": self.to_string() }));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}
