//! Facts that a request states of its event, as text.

use std::fmt;

use crate::place::Place;
use crate::request::{LookupError, Received};

/// The longest event id, type or tenant that is accepted, in bytes. DynamoDB keys and log lines stay small.
pub const MAX_FIELD_BYTES: usize = 256;

/// A fact that an authentic request does not state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingField {
    /// `id`, `type`, `tenant` or `dedupe`.
    pub field: &'static str,
    /// The place that was looked at and what is wrong there, as in "the header `x-id` is missing".
    pub problem: String,
}

impl fmt::Display for MissingField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request lacks its {}: {}", self.field, self.problem)
    }
}

impl std::error::Error for MissingField {}

/// The text of a fact.
pub(crate) struct Fact {
    pub(crate) text: String,
    /// False for a JSON number that does not fit 64 bits: two of them may read the same.
    pub(crate) exact: bool,
}

impl Fact {
    /// Short, printable text; `None` when there is none. The error says why a value that is there cannot be used.
    pub(crate) fn short(place: &Place, request: &Received<'_>) -> Result<Option<Fact>, String> {
        let Some(fact) = Fact::of_any_length(place, request)? else {
            return Ok(None);
        };
        if fact.text.len() > MAX_FIELD_BYTES {
            return unusable(place, "is longer than 256 bytes");
        }
        if fact.text.chars().any(char::is_control) {
            return unusable(place, "holds control characters");
        }
        Ok(Some(fact))
    }

    /// Text of any length; `None` when there is none or it is empty.
    pub(crate) fn of_any_length(
        place: &Place,
        request: &Received<'_>,
    ) -> Result<Option<Fact>, String> {
        let found = match place.read(request) {
            Ok(found) => found,
            Err(unread) if unread.problem == LookupError::Missing => return Ok(None),
            Err(unread) => return Err(unread.to_string()),
        };
        let Ok(text) = String::from_utf8(found.bytes.into_owned()) else {
            return unusable(place, "is not UTF-8 text");
        };
        let exact = found.exact;
        Ok((!text.is_empty()).then_some(Fact { text, exact }))
    }
}

fn unusable<T>(place: &Place, problem: &str) -> Result<T, String> {
    Err(format!("{} {problem}", place.described()))
}
