//! The places of a request where a value may be, in one notation.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::body::BodyPath;
use crate::error::Reason;
use crate::request::{LookupError, Received};

/// A place in a request: `header:NAME`, `query:NAME`, `form:NAME` or `body:PATH`.
#[derive(Clone, Debug, Eq)]
pub enum Place {
    /// A header, its name in any case.
    Header(String),
    /// A query parameter.
    Query(String),
    /// A field of a form body.
    Form(String),
    /// A string, number or boolean in a JSON body.
    Body(BodyPath),
}

/// A value that was found in a request.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// False for a JSON number that does not fit 64 bits: two of them may read the same.
    pub(crate) exact: bool,
}

/// A place that has no single value in a request.
#[derive(Debug)]
pub(crate) struct Unread<'p> {
    place: &'p Place,
    pub(crate) problem: LookupError,
}

impl Unread<'_> {
    /// The reason to reject a request for it, where the absence of the value has its own.
    pub(crate) fn or(&self, missing: Reason) -> Reason {
        match self.problem {
            LookupError::Missing => missing,
            LookupError::Repeated => Reason::DuplicateHeader,
        }
    }
}

/// As in "the header `x-id` is missing".
impl fmt::Display for Unread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.problem {
            LookupError::Missing => "missing",
            LookupError::Repeated => "repeated",
        };
        write!(f, "{} is {problem}", self.place.described())
    }
}

impl Place {
    /// The place in words, as in "the header `x-id`".
    pub(crate) fn described(&self) -> String {
        match self {
            Place::Header(name) => format!("the header `{name}`"),
            Place::Query(name) => format!("the query parameter `{name}`"),
            Place::Form(name) => format!("the form field `{name}`"),
            Place::Body(path) => format!("`{path}` in the body"),
        }
    }

    /// Reads the notation. The error says what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Place, String> {
        match text.split_once(':') {
            Some(("header", name)) if is_token(name) => Ok(Place::Header(name.to_owned())),
            Some(("header", name)) if !name.is_empty() => {
                Err(format!("`{name}` cannot be the name of a header"))
            }
            Some(("query", name)) if !name.is_empty() => Ok(Place::Query(name.to_owned())),
            Some(("form", name)) if !name.is_empty() => Ok(Place::Form(name.to_owned())),
            Some(("body", path)) if !path.is_empty() => BodyPath::parse(path).map(Place::Body),
            _ => Err(format!(
                "`{text}` is not a place: write `header:NAME`, `query:NAME`, `form:NAME` or `body:PATH`"
            )),
        }
    }

    /// The only value at this place. A body value that is neither string, number nor boolean is missing.
    pub(crate) fn read<'p, 'a>(&'p self, request: &Received<'a>) -> Result<Found<'a>, Unread<'p>> {
        let unread = |problem| Unread {
            place: self,
            problem,
        };
        self.find(request).map_err(unread)
    }

    fn find<'a>(&self, request: &Received<'a>) -> Result<Found<'a>, LookupError> {
        let bytes = match self {
            Place::Header(name) => Cow::Borrowed(request.header(name)?),
            Place::Query(name) => Cow::Owned(request.query(name)?),
            Place::Form(name) => Cow::Owned(request.form(name)?),
            Place::Body(path) => {
                let value = request.json().text(path).ok_or(LookupError::Missing)?;
                return Ok(Found {
                    bytes: Cow::Owned(value.text.into_bytes()),
                    exact: value.exact,
                });
            }
        };
        Ok(Found { bytes, exact: true })
    }
}

/// A token of RFC 9110, section 5.6.2: anything else can never be the name of a header.
fn is_token(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}

impl PartialEq for Place {
    fn eq(&self, other: &Place) -> bool {
        match (self, other) {
            (Place::Header(one), Place::Header(other)) => one.eq_ignore_ascii_case(other),
            (Place::Query(one), Place::Query(other)) => one == other,
            (Place::Form(one), Place::Form(other)) => one == other,
            (Place::Body(one), Place::Body(other)) => one == other,
            _ => false,
        }
    }
}

/// The notation that [`Place`] is read from.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Header(name) => write!(f, "header:{name}"),
            Place::Query(name) => write!(f, "query:{name}"),
            Place::Form(name) => write!(f, "form:{name}"),
            Place::Body(path) => write!(f, "body:{path}"),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Place, D::Error> {
        Place::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    const HEADERS: &[(&str, &[u8])] = &[("X-A", b"1"), ("X-Twice", b"1"), ("x-twice", b"1")];

    fn read(place: &str, body: &[u8]) -> Result<String, String> {
        let request = Received::new(&Request {
            method: "POST",
            url: "/in?a=1&twice=1&twice=2",
            headers: HEADERS,
            body,
        });
        let place = Place::parse(place).unwrap();
        let found = place.read(&request).map_err(|unread| unread.to_string())?;
        Ok(String::from_utf8(found.bytes.into_owned()).unwrap())
    }

    #[test]
    fn every_place_gives_its_only_value_or_says_that_it_is_missing_or_repeated() {
        let form = b"a=1&twice=1&twice=2";
        let json = br#"{"a":1,"b":{"c":true},"list":[1]}"#;
        for place in ["header:x-a", "query:a", "form:a"] {
            assert_eq!(read(place, form), Ok("1".into()), "{place}");
        }
        let missing = [
            ("header:x-b", "the header `x-b` is missing"),
            ("query:b", "the query parameter `b` is missing"),
            ("form:b", "the form field `b` is missing"),
            ("body:a", "`a` in the body is missing"),
        ];
        let repeated = [
            ("header:X-TWICE", "the header `X-TWICE` is repeated"),
            ("query:twice", "the query parameter `twice` is repeated"),
            ("form:twice", "the form field `twice` is repeated"),
        ];
        for (place, told) in missing.into_iter().chain(repeated) {
            assert_eq!(read(place, form), Err(told.into()));
        }
        assert_eq!(read("body:a", json), Ok("1".into()));
        assert_eq!(read("body:b.c", json), Ok("true".into()));
        for place in ["body:b", "body:list", "body:d"] {
            assert!(
                read(place, json)
                    .unwrap_err()
                    .ends_with(" in the body is missing")
            );
        }
    }

    #[test]
    fn what_is_not_a_place_is_refused() {
        for text in [
            "",
            "header",
            "header:",
            "query:",
            "form:",
            "body:",
            "heder:x",
            "header:a b",
            "header:ä",
            "body:a[",
            "Header:x",
            " header:x",
        ] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_place_is_shown_as_it_is_written() {
        for text in ["header:X-Id", "query:id", "form:id", "body:data.id"] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
    }
}
