use hookgate::{AwsError, chain};
use hookgate_api::{Failed, Failure, NoRoute};
use http::StatusCode;
use thiserror::Error;

/// A refusal of a request: the only statuses of errors.
#[derive(Debug, Error)]
pub enum Rejection {
    /// There is nothing at this path.
    #[error("there is nothing at this path")]
    UnknownPath,
    /// The path does not know this method.
    #[error("this path does not allow this method")]
    Method,
    /// The body is too large.
    #[error("the body is larger than {} KiB", crate::MAX_BODY_BYTES / 1024)]
    TooLarge,
    /// The request makes no sense, in the caller's terms.
    #[error("{0}")]
    Asked(String),
    /// The path names nothing that exists.
    #[error("there is no {0}")]
    NotFound(&'static str),
    /// It cannot be done as things stand.
    #[error("{0}")]
    Conflict(String),
    /// Nothing that was requested could be done.
    #[error("{what}")]
    NothingDone {
        /// The sum of it.
        what: &'static str,
        /// Each of the things.
        failed: Vec<Failed>,
        /// The status that says whether to try again.
        status: StatusCode,
    },
    /// The table or a queue does not answer.
    #[error("try again later")]
    Unavailable(#[from] AwsError),
}

impl From<NoRoute> for Rejection {
    fn from(why: NoRoute) -> Rejection {
        match why {
            NoRoute::UnknownPath => Rejection::UnknownPath,
            NoRoute::UnknownMethod => Rejection::Method,
        }
    }
}

impl Rejection {
    pub(crate) fn asked(why: impl Into<String>) -> Rejection {
        Rejection::Asked(why.into())
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Rejection::UnknownPath | Rejection::NotFound(_) => StatusCode::NOT_FOUND,
            Rejection::Method => StatusCode::METHOD_NOT_ALLOWED,
            Rejection::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Rejection::Asked(_) => StatusCode::BAD_REQUEST,
            Rejection::Conflict(_) => StatusCode::CONFLICT,
            Rejection::NothingDone { status, .. } => *status,
            Rejection::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// An operator is told what did not answer, and may see it in no other way.
    pub(crate) fn failure(self) -> Failure {
        Failure {
            error: chain(&self),
            failed: match self {
                Rejection::NothingDone { failed, .. } => failed,
                _ => Vec::new(),
            },
        }
    }

    pub(crate) fn log(&self) {
        if let Rejection::Unavailable(error) = self {
            tracing::error!(error = chain(error), "an operator's request failed");
        }
    }
}
