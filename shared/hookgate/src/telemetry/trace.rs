//! The trace that a request belongs to, by W3C Trace Context and by AWS X-Ray.
//!
//! Both are read strictly and written anew, because they travel on into a queue's attribute, log lines
//! and whatever a handler calls: what a stranger wrote there goes no further unless it is a trace.

use hookgate_signature::Request;
use serde::{Deserialize, Serialize};

/// A trace, under the name that each of the two ways has for it. At least one is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TraceHeaders", into = "TraceHeaders")]
pub struct Trace {
    id: String,
    w3c: Option<W3c>,
    xray: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct W3c {
    parent: String,
    state: Option<String>,
}

/// A trace as headers write it: of a request, or in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceHeaders {
    /// `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// `tracestate`; several headers are joined by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// `X-Amzn-Trace-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xray: Option<String>,
}

impl Trace {
    /// The trace that a request says it belongs to. It is not signed, and decides nothing.
    pub fn of(request: &Request<'_>) -> Option<Trace> {
        let states = values(request, "tracestate");
        Trace::read(&TraceHeaders {
            traceparent: single(request, "traceparent"),
            tracestate: (!states.is_empty()).then(|| states.join(",")),
            xray: single(request, "x-amzn-trace-id"),
        })
    }

    /// Reads headers. What is not written as its specification says is dropped; `None` if nothing is left.
    pub fn read(headers: &TraceHeaders) -> Option<Trace> {
        let w3c = headers.traceparent.as_deref().and_then(traceparent);
        let xray = headers.xray.as_deref().and_then(xray);
        let (id, parent) = match (w3c, &xray) {
            (Some((id, parent)), _) => (id, Some(parent)),
            (None, Some((id, _))) => (id.clone(), None),
            (None, None) => return None,
        };
        let state = headers.tracestate.as_deref().and_then(tracestate);
        Some(Trace {
            id,
            w3c: parent.map(|parent| W3c { parent, state }),
            xray: xray.map(|(_, text)| text),
        })
    }

    /// Its id: 32 hexadecimal digits. X-Ray's `1-67891233-abcdef012345678912345678` is the same id
    /// without the `1` and the hyphens. Where both ways name a trace, it is W3C's.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// False for a trace of X-Ray's alone that it was told not to record: there is nothing to find under its id.
    pub fn is_recorded(&self) -> bool {
        let unsampled = |xray: &str| xray.split(';').any(|part| part == "Sampled=0");
        self.w3c.is_some() || !self.xray().is_some_and(unsampled)
    }

    /// The header `traceparent`, for a request that belongs to this trace.
    pub fn traceparent(&self) -> Option<&str> {
        self.w3c.as_ref().map(|w3c| w3c.parent.as_str())
    }

    /// The header `tracestate`.
    pub fn tracestate(&self) -> Option<&str> {
        self.w3c.as_ref()?.state.as_deref()
    }

    /// The header `X-Amzn-Trace-Id`, and the queue's attribute `AWSTraceHeader`.
    pub fn xray(&self) -> Option<&str> {
        self.xray.as_deref()
    }
}

impl From<Trace> for TraceHeaders {
    fn from(trace: Trace) -> TraceHeaders {
        TraceHeaders {
            traceparent: trace.traceparent().map(str::to_owned),
            tracestate: trace.tracestate().map(str::to_owned),
            xray: trace.xray,
        }
    }
}

impl TryFrom<TraceHeaders> for Trace {
    type Error = &'static str;

    fn try_from(headers: TraceHeaders) -> Result<Trace, Self::Error> {
        Trace::read(&headers).ok_or("no trace")
    }
}

fn values(request: &Request<'_>, wanted: &str) -> Vec<String> {
    let headers = request.headers.iter();
    let named = headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let text = named.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    text.collect()
}

/// The value of a header; a repeated header has none.
fn single(request: &Request<'_>, wanted: &str) -> Option<String> {
    let [value] = <[String; 1]>::try_from(values(request, wanted)).ok()?;
    Some(value)
}

/// The trace id and the header, in the form of version 00, which versions to come begin with.
///
/// Source: <https://www.w3.org/TR/trace-context/#traceparent-header>
fn traceparent(text: &str) -> Option<(String, String)> {
    let (known, rest) = text.split_at_checked(55)?;
    let parts: Vec<&str> = known.split('-').collect();
    let &[version, id, parent, flags] = parts.as_slice() else {
        return None;
    };
    let well_formed = is_hex(version, 2)
        && version != "ff"
        && (rest.is_empty() || (version != "00" && rest.starts_with('-')))
        && is_id(id, 32)
        && is_id(parent, 16)
        && is_hex(flags, 2);
    well_formed.then(|| (id.to_owned(), format!("00-{id}-{parent}-{flags}")))
}

/// The header without the white space around its members.
///
/// Source: <https://www.w3.org/TR/trace-context/#tracestate-header>
fn tracestate(text: &str) -> Option<String> {
    let members = text
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']));
    let members: Vec<&str> = members.filter(|member| !member.is_empty()).collect();
    let well_formed = text.len() <= 512
        && (1..=32).contains(&members.len())
        && members.iter().all(|member| is_member(member));
    well_formed.then(|| members.join(","))
}

fn is_member(text: &str) -> bool {
    let Some((key, value)) = text.split_once('=') else {
        return false;
    };
    let key_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/@".contains(&b);
    let first = key.bytes().next();
    first.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && key.len() <= 256
        && key.bytes().all(key_byte)
        && (1..=256).contains(&value.len())
        && value
            .bytes()
            .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}

/// The trace id without its hyphens, and the header with the fields that are known.
///
/// Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
fn xray(text: &str) -> Option<(String, String)> {
    let fields = text
        .split(';')
        .map(|field| field.trim_matches(' ').split_once('='));
    let (mut root, mut parent, mut sampled) = (None, None, None);
    for (name, value) in fields.flatten() {
        let place = match name {
            "Root" => &mut root,
            "Parent" => &mut parent,
            "Sampled" => &mut sampled,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return None;
        }
    }
    let (time, unique) = root?.strip_prefix("1-")?.split_once('-')?;
    let well_formed = text.len() <= 512
        && is_hex(time, 8)
        && is_hex(unique, 24)
        && parent.is_none_or(|parent| is_id(parent, 16))
        && sampled.is_none_or(|sampled| ["0", "1", "?"].contains(&sampled));
    let mut header = format!("Root=1-{time}-{unique}");
    for (name, value) in [("Parent", parent), ("Sampled", sampled)] {
        if let Some(value) = value {
            header.push_str(&format!(";{name}={value}"));
        }
    }
    well_formed.then(|| (format!("{time}{unique}"), header))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Hexadecimal digits that are not all zero.
fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|b| b != b'0')
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
