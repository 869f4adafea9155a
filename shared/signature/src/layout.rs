//! Layouts of several signatures in one value: a list of versions, or named items.

use serde::Deserialize;

use crate::error::Reason;

/// The number of signatures one request may present: enough for any rotation, too few to be a burden.
pub const MAX_CANDIDATES: usize = 16;

/// Several versioned signatures in one value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Between two signatures.
    pub separator: String,
    /// Between a version and its signature.
    pub version_separator: String,
    /// Versions that count; others are ignored.
    pub versions: Vec<String>,
    /// Removes blanks around an item.
    #[serde(default)]
    pub trim: bool,
}

/// Named items in one value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairs {
    /// Between two items.
    pub separator: String,
    /// Between a name and its value.
    pub equals: String,
    /// Names whose values are signatures.
    pub signature_keys: Vec<String>,
    /// The name whose value is the timestamp: exactly one such item must be there.
    pub timestamp_key: Option<String>,
    /// Removes blanks around an item.
    #[serde(default)]
    pub trim: bool,
}

impl List {
    /// The texts of the signatures whose version counts.
    pub(crate) fn signatures<'v>(&self, value: &'v [u8]) -> Result<Vec<&'v [u8]>, Reason> {
        let items = items(value, &self.separator, self.trim)?;
        Ok(named(&items, &self.version_separator, &self.versions))
    }

    pub(crate) fn write(&self, signature: &str) -> String {
        let version = first(&self.versions);
        format!("{version}{}{signature}", self.version_separator)
    }
}

/// The signatures and the timestamp among named items.
pub(crate) struct Paired<'v> {
    pub(crate) signatures: Vec<&'v [u8]>,
    pub(crate) timestamp: Option<&'v [u8]>,
}

impl Pairs {
    pub(crate) fn read<'v>(&self, value: &'v [u8]) -> Result<Paired<'v>, Reason> {
        let items = items(value, &self.separator, self.trim)?;
        let signatures = named(&items, &self.equals, &self.signature_keys);
        let Some(key) = &self.timestamp_key else {
            return Ok(Paired {
                signatures,
                timestamp: None,
            });
        };
        match named(&items, &self.equals, std::slice::from_ref(key))[..] {
            [time] => Ok(Paired {
                signatures,
                timestamp: Some(time),
            }),
            [] if !signatures.is_empty() => Err(Reason::MissingTimestamp),
            _ => Err(Reason::MalformedSignature),
        }
    }

    pub(crate) fn write(&self, signature: &str, timestamp: Option<&str>) -> String {
        let signed = format!("{}{}{signature}", first(&self.signature_keys), self.equals);
        match (&self.timestamp_key, timestamp) {
            (Some(key), Some(time)) => {
                format!("{key}{}{time}{}{signed}", self.equals, self.separator)
            }
            _ => signed,
        }
    }
}

fn first(names: &[String]) -> &str {
    names.first().map_or("", String::as_str)
}

fn items<'v>(value: &'v [u8], separator: &str, trim: bool) -> Result<Vec<&'v [u8]>, Reason> {
    let mut items = Vec::new();
    let mut rest = Some(value);
    while let Some(text) = rest {
        let (item, after) = match split_once(text, separator) {
            Some((item, after)) => (item, Some(after)),
            None => (text, None),
        };
        items.push(if trim { item.trim_ascii() } else { item });
        rest = after;
    }
    // Twice as many items as signatures leaves room for the names that are ignored.
    if items.len() > 2 * MAX_CANDIDATES {
        Err(Reason::MalformedSignature)
    } else {
        Ok(items)
    }
}

/// The values of the items whose whole name is one of those that are wanted.
fn named<'v>(items: &[&'v [u8]], equals: &str, wanted: &[String]) -> Vec<&'v [u8]> {
    items
        .iter()
        .filter_map(|item| split_once(item, equals))
        .filter(|(name, _)| wanted.iter().any(|wanted| wanted.as_bytes() == *name))
        .map(|(_, text)| text)
        .collect()
}

fn split_once<'v>(text: &'v [u8], separator: &str) -> Option<(&'v [u8], &'v [u8])> {
    let separator = separator.as_bytes();
    let at = text
        .windows(separator.len().max(1))
        .position(|window| window == separator)?;
    Some((text.get(..at)?, text.get(at + separator.len()..)?))
}
