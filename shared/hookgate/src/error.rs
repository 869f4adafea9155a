//! The error of every call to AWS.

use std::error::Error;

use thiserror::Error;

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A call to AWS that failed, after the client's own retries.
#[derive(Debug, Error)]
#[error("{operation} failed")]
pub struct AwsError {
    /// The work that was to be done: `record the event`, `send the message`.
    pub operation: &'static str,
    /// The cause.
    #[source]
    pub source: BoxError,
}

impl AwsError {
    /// An error of `operation`.
    pub fn new(operation: &'static str, source: impl Into<BoxError>) -> AwsError {
        AwsError {
            operation,
            source: source.into(),
        }
    }
}

/// Names the operation that an error ended.
pub(crate) trait OrFailed<T> {
    /// The value, or an error of `operation`.
    fn or_failed(self, operation: &'static str) -> Result<T, AwsError>;
}

impl<T, E: Into<BoxError>> OrFailed<T> for Result<T, E> {
    fn or_failed(self, operation: &'static str) -> Result<T, AwsError> {
        self.map_err(|error| AwsError::new(operation, error))
    }
}

/// An error with its causes, in one line, for a log.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
