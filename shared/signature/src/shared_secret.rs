//! Checking a request against shared secrets: HMACs and tokens.

use crate::content::{self, Part, Texts};
use crate::error::Reason;
use crate::request::{HeaderError, Request};
use crate::verifier::{Key, Verified, Verifier};
use crate::{grammar, mac, timestamp};
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

impl Verifier {
    pub(crate) fn check_secret(
        &self,
        request: &Request<'_>,
        now: SystemTime,
    ) -> Result<Verified, Reason> {
        let presented = grammar::read(self.carriers(), request)?;
        let time = self.read_timestamp(request, presented.timestamp)?;
        let texts = Texts {
            id: self.read_id(request)?,
            timestamp: time.text.into(),
        };
        self.refuse_splice(request, &texts)?;
        let parts = content::parts(&self.row().verify, &self.options, request, &texts)?;
        let secret = self.matching_secret(&parts, &presented.candidates, now)?;
        if let Some(signed_at) = time.signed_at {
            timestamp::check_fresh(signed_at, now, self.tolerance())?;
        }
        Ok(Verified {
            secret: Some(secret),
            signed_at: time.signed_at,
            issuer: None,
        })
    }

    fn read_timestamp(
        &self,
        request: &Request<'_>,
        paired: Option<Vec<u8>>,
    ) -> Result<SignedTime, Reason> {
        let Some(scheme) = &self.row().verify.timestamp else {
            return Ok(SignedTime::default());
        };
        let text = match (&scheme.header, &scheme.body) {
            (Some(name), _) => Some(
                request
                    .header(name)
                    .map_err(missing_or_repeated(Reason::MissingTimestamp))?
                    .to_vec(),
            ),
            (_, Some(path)) => content::body_text(request, path).map(String::into_bytes),
            _ => paired,
        };
        let text = text
            .filter(|text| !text.is_empty())
            .ok_or(Reason::MissingTimestamp)?;
        let signed_at = timestamp::parse(&text, scheme.format.as_slice(), self.options.assume_utc)?;
        Ok(SignedTime {
            text,
            signed_at: Some(signed_at),
        })
    }

    fn read_id<'a>(&self, request: &Request<'a>) -> Result<Cow<'a, [u8]>, Reason> {
        let Some(id) = &self.row().verify.id else {
            return Ok(Cow::default());
        };
        let id = request
            .header(&id.header)
            .map_err(missing_or_repeated(Reason::MissingId))?;
        if id.is_empty() {
            Err(Reason::MissingId)
        } else {
            Ok(Cow::Borrowed(id))
        }
    }

    /// A time without a zone directly before the body could give up, or take, characters of the body while what
    /// is signed stays the same: there the body must start as a JSON object or array does.
    fn refuse_splice(&self, request: &Request<'_>, texts: &Texts<'_>) -> Result<(), Reason> {
        let adjacent = self
            .row()
            .verify
            .content
            .windows(2)
            .any(|pair| pair == [Part::Timestamp, Part::Body]);
        let structured = matches!(request.body.first(), Some(b'{' | b'['));
        if adjacent && !structured && timestamp::is_open_ended(&texts.timestamp) {
            return Err(Reason::MalformedBody);
        }
        Ok(())
    }

    fn matching_secret(
        &self,
        parts: &[Cow<'_, [u8]>],
        candidates: &[Vec<u8>],
        now: SystemTime,
    ) -> Result<usize, Reason> {
        let algorithm = self.row().verify.algorithm;
        let matches = |key: &Key| {
            let code = mac::code(algorithm, &key.bytes, parts);
            code.is_some_and(|code| {
                candidates
                    .iter()
                    .any(|candidate| mac::equal(candidate, &code))
            })
        };
        let valid = self
            .keys
            .iter()
            .enumerate()
            .filter(|(_, key)| key.is_valid(now));
        let matching = valid
            .filter(|(_, key)| matches(key))
            .map(|(index, _)| index)
            .next();
        matching.ok_or(Reason::SignatureMismatch)
    }

    fn tolerance(&self) -> Duration {
        let row = self
            .row()
            .verify
            .timestamp
            .as_ref()
            .map_or(0, |time| time.tolerance_s);
        self.options.tolerance.unwrap_or(Duration::from_secs(row))
    }
}

#[derive(Default)]
struct SignedTime {
    text: Vec<u8>,
    signed_at: Option<SystemTime>,
}

fn missing_or_repeated(missing: Reason) -> impl Fn(HeaderError) -> Reason {
    move |error| match error {
        HeaderError::Missing => missing,
        HeaderError::Duplicate => Reason::DuplicateHeader,
    }
}
