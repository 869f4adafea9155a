use bytes::Bytes;
use hookgate::emit;
use hookgate::metrics::some;
use hookgate::ports::{PortError, chain};
use hookgate_signature::{MissingField, Reason, Unverified};
use http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use thiserror::Error;

/// After how many seconds a provider is asked to come again.
const RETRY_AFTER_S: &str = "5";

/// Why a request is refused. Only here reasons become status codes.
///
/// The texts are all that a caller reads: in its own terms, and no help to a forger. The reason of a
/// failed check goes to the log alone.
#[derive(Debug, Error)]
pub enum Rejection {
    /// Not the path of a webhook.
    #[error("not found: webhooks are taken at /webhooks/{{source}}")]
    UnknownPath,
    /// No such source.
    #[error("not found: no such source")]
    UnknownSource,
    /// Not a POST.
    #[error("method not allowed: webhooks are taken by POST")]
    Method,
    /// The body is larger than can be kept.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The largest that can.
        limit: usize,
    },
    /// The request is not authentic.
    #[error("the request could not be authenticated")]
    NotAuthentic {
        /// What the source's row answers.
        status: u16,
        /// Why, for the log.
        reason: Reason,
    },
    /// Whether the request is authentic could not be decided.
    #[error("the request cannot be checked at the moment")]
    Undecided(Reason),
    /// The signed request lacks a field.
    #[error(transparent)]
    MissingField(#[from] MissingField),
    /// The id is known with another body.
    #[error("an event with this id and another body was received before")]
    PayloadMismatch,
    /// The store did not record the event.
    #[error("the event could not be stored; send it again")]
    Store(#[source] PortError),
    /// The large body was not kept.
    #[error("the event could not be stored; send it again")]
    Bodies(#[source] PortError),
    /// The queue did not take the message.
    #[error("the event could not be queued; send it again")]
    Queue(#[source] PortError),
    /// Not finished in time.
    #[error("the event could not be stored in time; send it again")]
    TimedOut,
}

impl Rejection {
    /// `status` is what the source's row answers.
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
            Rejection::MissingField(_) => StatusCode::BAD_REQUEST,
            Rejection::PayloadMismatch => StatusCode::CONFLICT,
            Rejection::Undecided(_)
            | Rejection::Store(_)
            | Rejection::Bodies(_)
            | Rejection::Queue(_)
            | Rejection::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word for it in logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Rejection::UnknownPath => "unknown_path",
            Rejection::UnknownSource => "unknown_source",
            Rejection::Method => "method",
            Rejection::TooLarge { .. } => "too_large",
            Rejection::NotAuthentic { reason, .. } | Rejection::Undecided(reason) => {
                reason.as_str()
            }
            Rejection::MissingField(_) => "missing_field",
            Rejection::PayloadMismatch => "payload_mismatch",
            Rejection::Store(_) => "store_unavailable",
            Rejection::Bodies(_) => "bodies_unavailable",
            Rejection::Queue(_) => "queue_unavailable",
            Rejection::TimedOut => "timed_out",
        }
    }

    pub(crate) fn log(&self, source: &str, trace_id: Option<&str>) {
        let (status, reason) = (self.status().as_u16(), self.reason());
        match self {
            Rejection::Store(error) | Rejection::Bodies(error) | Rejection::Queue(error) => {
                tracing::error!(
                    outcome = "rejected",
                    source,
                    status,
                    reason,
                    trace_id,
                    error = chain(error),
                    "event"
                );
            }
            _ => tracing::warn!(
                outcome = "rejected",
                source,
                status,
                reason,
                trace_id,
                "event"
            ),
        }
    }

    /// `source` counts only where it is a configured one.
    pub(crate) fn count(&self, source: &str) {
        let mismatch = matches!(self, Rejection::PayloadMismatch);
        emit!(
            EventsRejected = 1,
            PayloadMismatch = some(mismatch.into());
            source = source, reason = self.reason()
        );
    }

    pub(crate) fn respond(&self) -> Response<Bytes> {
        let status = self.status();
        let mut response = crate::json(status, &serde_json::json!({ "error": self.to_string() }));
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
