//! Where a value of an event is, and what is read there.

use crate::error::ConfigError;
use crate::request::{HeaderError, Request};
use jmespath::{Expression, Variable};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::fmt;

/// The longest event id, type or tenant that is accepted, in bytes. DynamoDB keys and log lines stay small.
pub const MAX_FIELD_BYTES: usize = 256;

/// `header:NAME` or `body:PATH`, where the path is a [JMESPath](https://jmespath.org) into the JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldSource {
    /// A request header.
    Header(String),
    /// A JMESPath into the JSON body.
    Body(String),
}

impl fmt::Display for FieldSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Body(path) => write!(f, "body:{path}"),
        }
    }
}

impl<'de> Deserialize<'de> for FieldSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Ok(Self::Header(name.to_owned())),
            Some(("body", path)) if !path.is_empty() => Ok(Self::Body(path.to_owned())),
            _ => Err(D::Error::custom(format!(
                "`{text}`: write `header:NAME` or `body:PATH`"
            ))),
        }
    }
}

/// A source that is ready to read: its path is compiled.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) source: FieldSource,
    path: Option<Path>,
}

/// Text found in a request, and whether the text says all there was.
pub(crate) struct Found {
    pub(crate) text: String,
    /// False for a JSON number that does not fit 64 bits: two of them may read the same.
    pub(crate) exact: bool,
}

/// Why a value that is there cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    Repeated,
    NotText,
    Control,
    TooLong,
}

impl Unusable {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "is repeated",
            Self::NotText => "is not UTF-8 text",
            Self::Control => "holds control characters",
            Self::TooLong => "is longer than 256 bytes",
        }
    }
}

impl Field {
    pub(crate) fn new(source: &FieldSource, key: &str) -> Result<Self, ConfigError> {
        let path = match source {
            FieldSource::Header(_) => None,
            FieldSource::Body(path) => Some(Path::new(path, key)?),
        };
        Ok(Self {
            source: source.clone(),
            path,
        })
    }

    /// The value as short, printable text; `None` when there is none.
    pub(crate) fn read(
        &self,
        request: &Request<'_>,
        body: &Document,
    ) -> Result<Option<Found>, Unusable> {
        let Some(found) = self.read_any(request, body)? else {
            return Ok(None);
        };
        if found.text.len() > MAX_FIELD_BYTES {
            return Err(Unusable::TooLong);
        }
        if found.text.chars().any(char::is_control) {
            return Err(Unusable::Control);
        }
        Ok(Some(found))
    }

    /// The value as text of any length; `None` when there is none or it is empty.
    pub(crate) fn read_any(
        &self,
        request: &Request<'_>,
        body: &Document,
    ) -> Result<Option<Found>, Unusable> {
        let found = match &self.source {
            FieldSource::Header(name) => read_header(request, name)?,
            FieldSource::Body(_) => self.path.as_ref().and_then(|path| body.read(path)),
        };
        Ok(found.filter(|found| !found.text.is_empty()))
    }
}

fn read_header(request: &Request<'_>, name: &str) -> Result<Option<Found>, Unusable> {
    let value = match request.header(name) {
        Ok(value) => value,
        Err(HeaderError::Missing) => return Ok(None),
        Err(HeaderError::Duplicate) => return Err(Unusable::Repeated),
    };
    let text = std::str::from_utf8(value).map_err(|_| Unusable::NotText)?;
    Ok(Some(Found {
        text: text.to_owned(),
        exact: true,
    }))
}

/// A compiled JMESPath.
#[derive(Debug)]
pub(crate) struct Path(Expression<'static>);

impl Path {
    pub(crate) fn new(path: &str, key: &str) -> Result<Self, ConfigError> {
        let compiled = jmespath::compile(path).map_err(|_| {
            ConfigError::new(
                key,
                format!("`{path}` is not a JMESPath: see https://jmespath.org"),
            )
        })?;
        Ok(Self(compiled))
    }
}

/// A JSON body, parsed once; anything that is not JSON has no values.
///
/// serde_json refuses more than 128 levels, which bounds every recursion over the value.
pub(crate) struct Document(Option<jmespath::Rcvar>);

impl Document {
    /// A body that no field points into.
    pub(crate) fn absent() -> Self {
        Self(None)
    }

    pub(crate) fn parse(body: &[u8]) -> Self {
        let value = serde_json::from_slice::<serde_json::Value>(body).ok();
        Self(
            value
                .and_then(|value| Variable::try_from(value).ok())
                .map(jmespath::Rcvar::new),
        )
    }

    /// The text of a string, number or boolean at the path.
    pub(crate) fn read(&self, path: &Path) -> Option<Found> {
        let found = path.0.search(self.0.as_ref()?).ok()?;
        match found.as_ref() {
            Variable::String(text) => Some(Found {
                text: text.clone(),
                exact: true,
            }),
            Variable::Number(number) => Some(Found {
                text: number.to_string(),
                exact: !number.is_f64(),
            }),
            Variable::Bool(flag) => Some(Found {
                text: flag.to_string(),
                exact: true,
            }),
            _ => None,
        }
    }
}
