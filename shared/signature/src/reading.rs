//! The reading of a request: its signatures, its time and its id.

use std::borrow::Cow;

use crate::error::Reason;
use crate::request::Received;
use crate::scheme::Scheme;
use crate::signature_field;
use crate::timestamp::{self, SignedTime};

/// Everything that a request presents to a scheme. Each part stands for itself, so that all of them can be told when
/// one is wrong.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// The decoded signatures.
    pub(crate) signatures: Result<Vec<Vec<u8>>, Reason>,
    /// The time of signing; `None` if the scheme has none.
    pub(crate) time: Result<Option<SignedTime<'a>>, Reason>,
    /// The signed id; empty where the scheme has none.
    pub(crate) id: Result<Cow<'a, [u8]>, Reason>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(scheme: &Scheme, assume_utc: bool, request: &Received<'a>) -> Reading<'a> {
        let (signatures, paired) = match signature_field::read(scheme.signature.as_slice(), request)
        {
            Ok(presented) => (Ok(presented.candidates), presented.timestamp),
            Err(reason) => (Err(reason), None),
        };
        Reading {
            signatures,
            time: time(scheme, assume_utc, paired, request),
            id: id(scheme, request),
        }
    }
}

fn time<'a>(
    scheme: &Scheme,
    assume_utc: bool,
    paired: Option<Vec<u8>>,
    request: &Received<'a>,
) -> Result<Option<SignedTime<'a>>, Reason> {
    let Some(time) = &scheme.timestamp else {
        return Ok(None);
    };
    let text = match &time.from {
        Some(place) => {
            let found = place.read(request);
            found
                .map_err(|error| error.or(Reason::MissingTimestamp))?
                .bytes
        }
        None => paired.unwrap_or_default().into(),
    };
    if text.is_empty() {
        return Err(Reason::MissingTimestamp);
    }
    let at = timestamp::parse(&text, time.format.as_slice(), assume_utc)?;
    Ok(Some(SignedTime { text, at }))
}

fn id<'a>(scheme: &Scheme, request: &Received<'a>) -> Result<Cow<'a, [u8]>, Reason> {
    let Some(place) = &scheme.id else {
        return Ok(Cow::default());
    };
    let found = place.read(request);
    let id = found.map_err(|error| error.or(Reason::MissingId))?.bytes;
    if id.is_empty() {
        Err(Reason::MissingId)
    } else {
        Ok(id)
    }
}
