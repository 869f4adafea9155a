//! A request as it was received, and how its values are looked up.

use std::cell::OnceCell;
use std::fmt;

use percent_encoding::percent_decode;

use crate::body::Document;

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

/// The reason why a place has no single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookupError {
    Missing,
    Repeated,
}

/// A request whose values are being read. Its JSON body is parsed once, and only when a value in it is wanted.
pub(crate) struct Received<'a> {
    request: Request<'a>,
    json: OnceCell<Document>,
}

impl<'a> std::ops::Deref for Received<'a> {
    type Target = Request<'a>;

    fn deref(&self) -> &Request<'a> {
        &self.request
    }
}

impl<'a> Received<'a> {
    pub(crate) fn new(request: &Request<'a>) -> Received<'a> {
        Received {
            request: *request,
            json: OnceCell::new(),
        }
    }

    pub(crate) fn json(&self) -> &Document {
        self.json.get_or_init(|| Document::parse(self.request.body))
    }
}

impl<'a> Request<'a> {
    /// The header's only value, without the blanks around it (RFC 9110, section 5.5).
    pub(crate) fn header(&self, name: &str) -> Result<&'a [u8], LookupError> {
        let mut values = self
            .headers
            .iter()
            .filter(|(given, _)| given.eq_ignore_ascii_case(name));
        let (_, value) = values.next().ok_or(LookupError::Missing)?;
        match values.next() {
            Some(_) => Err(LookupError::Repeated),
            None => Ok(trim_blanks(value)),
        }
    }

    /// The query parameter's only value, decoded.
    pub(crate) fn query(&self, name: &str) -> Result<Vec<u8>, LookupError> {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        form_value(query.as_bytes(), name)
    }

    /// The form field's only value, decoded.
    pub(crate) fn form(&self, name: &str) -> Result<Vec<u8>, LookupError> {
        form_value(self.body, name)
    }
}

fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn form_value(form: &[u8], name: &str) -> Result<Vec<u8>, LookupError> {
    let mut values = form.split(|byte| *byte == b'&').filter_map(|item| {
        let equals = item
            .iter()
            .position(|byte| *byte == b'=')
            .unwrap_or(item.len());
        let (key, value) = item.split_at(equals);
        (decode(key) == name.as_bytes()).then(|| decode(value.get(1..).unwrap_or_default()))
    });
    let value = values.next().ok_or(LookupError::Missing)?;
    match values.next() {
        Some(_) => Err(LookupError::Repeated),
        None => Ok(value),
    }
}

/// Percent-decoding with `+` for a blank; a broken escape stays as it is.
fn decode(text: &[u8]) -> Vec<u8> {
    let plus_to_blank = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
    let text: Vec<u8> = text.iter().map(plus_to_blank).collect();
    percent_decode(&text).collect()
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
            Err(LookupError::Repeated)
        );
        assert_eq!(request("/in").query("sig"), Err(LookupError::Missing));
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
