//! How signatures are written into a header, and how they are read out of it.

use crate::content::body_text;
use crate::error::Reason;
use crate::mac;
use crate::request::{HeaderError, Request};
use crate::scheme::{Carrier, List, Pairs};
use std::borrow::Cow;

/// The longest signature value that is looked at, in bytes.
pub const MAX_SIGNATURE_BYTES: usize = 4096;

/// How many signatures one request may present: enough for any rotation, too few to be a burden.
pub const MAX_CANDIDATES: usize = 16;

/// What a request presents as proof.
#[derive(Default)]
pub(crate) struct Presented {
    /// Decoded signatures.
    pub(crate) candidates: Vec<Vec<u8>>,
    /// The timestamp that came with them.
    pub(crate) timestamp: Option<Vec<u8>>,
}

/// Everything that the carriers present. A carrier that is absent or malformed does not spoil another.
pub(crate) fn read(carriers: &[Carrier], request: &Request<'_>) -> Result<Presented, Reason> {
    let mut presented = Presented::default();
    let mut refused = Reason::MissingSignature;
    for carrier in carriers {
        match read_one(carrier, request) {
            Ok(one) => {
                presented.candidates.extend(one.candidates);
                presented.timestamp = presented.timestamp.or(one.timestamp);
            }
            Err(Reason::DuplicateHeader) => return Err(Reason::DuplicateHeader),
            Err(Reason::MissingSignature) => {}
            Err(reason) => refused = reason,
        }
    }
    match presented.candidates.len() {
        0 => Err(refused),
        1..=MAX_CANDIDATES => Ok(presented),
        _ => Err(Reason::MalformedSignature),
    }
}

fn read_one(carrier: &Carrier, request: &Request<'_>) -> Result<Presented, Reason> {
    let value = raw(carrier, request).map_err(|error| match error {
        HeaderError::Missing => Reason::MissingSignature,
        HeaderError::Duplicate => Reason::DuplicateHeader,
    })?;
    if value.is_empty() {
        return Err(Reason::MissingSignature);
    }
    if value.len() > MAX_SIGNATURE_BYTES {
        return Err(Reason::MalformedSignature);
    }
    let value = unprefixed(carrier, &value).ok_or(Reason::MalformedSignature)?;
    match (&carrier.list, &carrier.pairs) {
        (Some(list), _) => decoded(carrier, &listed(list, value)?, None),
        (_, Some(pairs)) => paired(carrier, pairs, value),
        _ => decoded(carrier, &[value], None),
    }
}

/// The value where the carrier points, undecoded.
pub(crate) fn raw<'a>(
    carrier: &Carrier,
    request: &Request<'a>,
) -> Result<Cow<'a, [u8]>, HeaderError> {
    if let Some(name) = &carrier.header {
        return request.header(name).map(Cow::Borrowed);
    }
    if let Some(name) = &carrier.query {
        return request.query(name).map(Cow::Owned);
    }
    if let Some(name) = &carrier.form {
        return request.form(name).map(Cow::Owned);
    }
    let text = carrier
        .body
        .as_ref()
        .and_then(|path| body_text(request, path));
    text.map(|text| Cow::Owned(text.into_bytes()))
        .ok_or(HeaderError::Missing)
}

fn unprefixed<'v>(carrier: &Carrier, value: &'v [u8]) -> Option<&'v [u8]> {
    let Some(prefix) = &carrier.prefix else {
        return Some(value);
    };
    match value.strip_prefix(prefix.as_bytes()) {
        None if carrier.prefix_optional => Some(value),
        stripped => stripped.filter(|rest| !rest.is_empty()),
    }
}

fn decoded(
    carrier: &Carrier,
    texts: &[&[u8]],
    timestamp: Option<&[u8]>,
) -> Result<Presented, Reason> {
    let case = carrier.hex_case.unwrap_or_default();
    let candidates: Vec<_> = texts
        .iter()
        .filter_map(|text| mac::decode(text, carrier.encoding, case))
        .collect();
    if candidates.is_empty() {
        return Err(Reason::MalformedSignature);
    }
    Ok(Presented {
        candidates,
        timestamp: timestamp.map(<[u8]>::to_vec),
    })
}

fn listed<'v>(list: &List, value: &'v [u8]) -> Result<Vec<&'v [u8]>, Reason> {
    let items = items(value, &list.separator, list.trim)?;
    let versioned = items
        .iter()
        .filter_map(|item| split_once(item, &list.version_separator));
    Ok(versioned
        .filter(|(version, _)| is_one_of(version, &list.versions))
        .map(|(_, text)| text)
        .collect())
}

fn paired(carrier: &Carrier, pairs: &Pairs, value: &[u8]) -> Result<Presented, Reason> {
    let items = items(value, &pairs.separator, pairs.trim)?;
    let named: Vec<_> = items
        .iter()
        .filter_map(|item| split_once(item, &pairs.equals))
        .collect();
    let signatures: Vec<_> = named
        .iter()
        .filter(|(name, _)| is_one_of(name, &pairs.signature_keys))
        .map(|(_, text)| *text)
        .collect();
    let Some(key) = &pairs.timestamp_key else {
        return decoded(carrier, &signatures, None);
    };
    let mut times = named
        .iter()
        .filter(|(name, _)| *name == key.as_bytes())
        .map(|(_, text)| *text);
    match (times.next(), times.next()) {
        (Some(time), None) => decoded(carrier, &signatures, Some(time)),
        (None, _) if !signatures.is_empty() => Err(Reason::MissingTimestamp),
        _ => Err(Reason::MalformedSignature),
    }
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

fn split_once<'v>(text: &'v [u8], separator: &str) -> Option<(&'v [u8], &'v [u8])> {
    let separator = separator.as_bytes();
    let at = text
        .windows(separator.len().max(1))
        .position(|window| window == separator)?;
    Some((text.get(..at)?, text.get(at + separator.len()..)?))
}

fn is_one_of(name: &[u8], names: &[String]) -> bool {
    names.iter().any(|wanted| wanted.as_bytes() == name)
}

/// The value that presents one signature.
pub(crate) fn write(carrier: &Carrier, signature: &str, timestamp: Option<&str>) -> String {
    let prefix = carrier.prefix.as_deref().unwrap_or_default();
    if let Some(list) = &carrier.list {
        let version = list
            .versions
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        return format!("{prefix}{version}{}{signature}", list.version_separator);
    }
    let Some(pairs) = &carrier.pairs else {
        return format!("{prefix}{signature}");
    };
    let key = pairs
        .signature_keys
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let signed = format!("{key}{}{signature}", pairs.equals);
    match (&pairs.timestamp_key, timestamp) {
        (Some(key), Some(time)) => format!(
            "{prefix}{key}{}{time}{}{signed}",
            pairs.equals, pairs.separator
        ),
        _ => format!("{prefix}{signed}"),
    }
}
