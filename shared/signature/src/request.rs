//! A request as it was received, and how its values are looked up.

use std::fmt;

/// One HTTP request as it was received.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// Path and query as received. [`Options::public_url`](crate::Options::public_url) replaces it where a scheme signs the URL.
    pub url: &'a str,
    /// Names in any case, values as bytes, a repeated header as repeated pairs.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The raw body, before any parsing.
    pub body: &'a [u8],
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why a single value could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    Missing,
    Duplicate,
}

impl<'a> Request<'a> {
    /// The header's only value, without the blanks around it (RFC 9110, section 5.5).
    pub(crate) fn header(&self, name: &str) -> Result<&'a [u8], HeaderError> {
        let mut values = self
            .headers
            .iter()
            .filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let (_, value) = values.next().ok_or(HeaderError::Missing)?;
        match values.next() {
            Some(_) => Err(HeaderError::Duplicate),
            None => Ok(trim_blanks(value)),
        }
    }

    /// The query parameter's only value, decoded.
    pub(crate) fn query(&self, name: &str) -> Result<Vec<u8>, HeaderError> {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        form_value(query.as_bytes(), name)
    }

    /// The form field's only value, decoded.
    pub(crate) fn form(&self, name: &str) -> Result<Vec<u8>, HeaderError> {
        form_value(self.body, name)
    }
}

fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn form_value(form: &[u8], name: &str) -> Result<Vec<u8>, HeaderError> {
    let mut values = form.split(|byte| *byte == b'&').filter_map(|item| {
        let equals = item
            .iter()
            .position(|byte| *byte == b'=')
            .unwrap_or(item.len());
        let (key, value) = item.split_at(equals);
        (decode(key) == name.as_bytes()).then(|| decode(value.get(1..).unwrap_or_default()))
    });
    let value = values.next().ok_or(HeaderError::Missing)?;
    match values.next() {
        Some(_) => Err(HeaderError::Duplicate),
        None => Ok(value),
    }
}

/// Percent-decoding with `+` for a blank; a broken escape stays as it is.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                decoded.push(hex_digit(*high) << 4 | hex_digit(*low));
                rest = after;
            }
            (other, _) => decoded.push(*other),
        }
    }
    decoded
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_value_is_decoded_and_must_be_single() {
        let request = |url| Request {
            method: "GET",
            url,
            headers: &[],
            body: b"",
        };
        assert_eq!(
            request("/in?a=1&sig=%41b%2").query("sig"),
            Ok(b"Ab%2".to_vec())
        );
        assert_eq!(
            request("/in?sig=1&%73ig=2").query("sig"),
            Err(HeaderError::Duplicate)
        );
        assert_eq!(request("/in").query("sig"), Err(HeaderError::Missing));
    }

    #[test]
    fn blanks_around_a_header_value_are_not_part_of_it() {
        let headers: [(&str, &[u8]); 1] = [("X-Sig", b" \tabc \t")];
        let request = Request {
            method: "GET",
            url: "/",
            headers: &headers,
            body: b"",
        };
        assert_eq!(request.header("x-sig"), Ok(&b"abc"[..]));
    }
}
