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
    /// The place that was looked at, and what was wrong with the value there.
    pub source: String,
}

impl fmt::Display for MissingField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {}: {}", self.field, self.source)
    }
}

impl std::error::Error for MissingField {}

impl MissingField {
    pub(crate) fn absent(field: &'static str, place: &Place) -> MissingField {
        MissingField {
            field,
            source: place.to_string(),
        }
    }

    pub(crate) fn unusable(field: &'static str, place: &Place, unusable: Unusable) -> MissingField {
        MissingField {
            field,
            source: format!("{place} {}", unusable.as_str()),
        }
    }
}

/// The text of a fact.
pub(crate) struct Fact {
    pub(crate) text: String,
    /// False for a JSON number that does not fit 64 bits: two of them may read the same.
    pub(crate) exact: bool,
}

/// The reason why a value that is there cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    Repeated,
    NotText,
    Control,
    TooLong,
}

impl Unusable {
    fn as_str(self) -> &'static str {
        match self {
            Unusable::Repeated => "is repeated",
            Unusable::NotText => "is not UTF-8 text",
            Unusable::Control => "holds control characters",
            Unusable::TooLong => "is longer than 256 bytes",
        }
    }
}

impl Fact {
    /// Short, printable text; `None` when there is none.
    pub(crate) fn short(place: &Place, request: &Received<'_>) -> Result<Option<Fact>, Unusable> {
        let Some(fact) = Fact::of_any_length(place, request)? else {
            return Ok(None);
        };
        if fact.text.len() > MAX_FIELD_BYTES {
            return Err(Unusable::TooLong);
        }
        if fact.text.chars().any(char::is_control) {
            return Err(Unusable::Control);
        }
        Ok(Some(fact))
    }

    /// Text of any length; `None` when there is none or it is empty.
    pub(crate) fn of_any_length(
        place: &Place,
        request: &Received<'_>,
    ) -> Result<Option<Fact>, Unusable> {
        let found = match place.read(request) {
            Ok(found) => found,
            Err(LookupError::Missing) => return Ok(None),
            Err(LookupError::Repeated) => return Err(Unusable::Repeated),
        };
        let text = String::from_utf8(found.bytes.into_owned()).map_err(|_| Unusable::NotText)?;
        let exact = found.exact;
        Ok((!text.is_empty()).then_some(Fact { text, exact }))
    }
}
