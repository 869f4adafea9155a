//! Values in a JSON body, by JMESPath.

use std::fmt;
use std::sync::Arc;

use jmespath::{Expression, Rcvar, Variable};

/// A [JMESPath](https://jmespath.org) into a JSON body. It is compiled when it is read, and only then.
#[derive(Clone)]
pub struct BodyPath(Arc<Expression<'static>>);

impl BodyPath {
    /// If the path is wrong; the error says what is wrong with it.
    pub(crate) fn parse(path: &str) -> Result<BodyPath, String> {
        match jmespath::compile(path) {
            Ok(expression) => Ok(BodyPath(Arc::new(expression))),
            Err(_) => Err(format!(
                "`{path}` is not a JMESPath: see https://jmespath.org"
            )),
        }
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for BodyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for BodyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for BodyPath {
    fn eq(&self, other: &BodyPath) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for BodyPath {}

/// A JSON body, parsed once. A body that is not JSON has no values.
///
/// serde_json rejects more than 128 levels, which bounds every recursion over the value.
pub(crate) struct Document(Option<Rcvar>);

/// The text of a value in the body.
pub(crate) struct BodyText {
    pub(crate) text: String,
    /// False for a number that does not fit 64 bits: two of them may read the same.
    pub(crate) exact: bool,
}

impl Document {
    pub(crate) fn parse(body: &[u8]) -> Document {
        let value = serde_json::from_slice::<serde_json::Value>(body).ok();
        let value = value.and_then(|value| Variable::try_from(value).ok());
        Document(value.map(Rcvar::new))
    }

    pub(crate) fn is_json(&self) -> bool {
        self.0.is_some()
    }

    /// The text of the string, number or boolean at the path.
    pub(crate) fn text(&self, path: &BodyPath) -> Option<BodyText> {
        let found = path.0.search(self.0.as_ref()?).ok()?;
        let (text, exact) = match found.as_ref() {
            Variable::String(text) => (text.clone(), true),
            Variable::Number(number) => (number.to_string(), !number.is_f64()),
            Variable::Bool(flag) => (flag.to_string(), true),
            _ => return None,
        };
        Some(BodyText { text, exact })
    }
}
