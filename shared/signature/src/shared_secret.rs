//! Checking a request against shared secrets: HMACs and tokens.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use crate::content::{Part, Texts};
use crate::error::Reason;
use crate::mac;
use crate::outcome::Verified;
use crate::place::Unread;
use crate::reading::Reading;
use crate::request::{Received, Request};
use crate::timestamp::SignedTime;
use crate::verifier::{Key, Verifier};

impl Verifier {
    pub(crate) fn check_secret(
        &self,
        request: &Request<'_>,
        now: SystemTime,
    ) -> Result<Verified, Reason> {
        let request = Received::new(request);
        let reading = Reading::new(self.scheme(), self.options.assume_utc, &request);
        let signatures = reading.signatures?;
        let time = reading.time?;
        let id = reading.id?;
        self.refuse_splice(&request, time.as_ref())?;
        let timestamp = time.as_ref().map(|time| time.text.clone());
        let parts = self
            .parts(&request, timestamp.unwrap_or_default(), id)
            .map_err(|unread| unread.or(Reason::MissingContent))?;
        let secret = self.matching_secret(&parts, &signatures, now)?;
        if let Some(time) = &time {
            time.drift(now).check(self.tolerance())?;
        }
        Ok(Verified {
            secret: Some(secret),
            signed_at: time.map(|time| time.at),
            issuer: None,
        })
    }

    /// A time without a zone directly before the body could give up, or take, characters of the body while what
    /// is signed stays the same: there the body must start as a JSON object or array does.
    fn refuse_splice(
        &self,
        request: &Request<'_>,
        time: Option<&SignedTime<'_>>,
    ) -> Result<(), Reason> {
        let content = &self.scheme().content;
        let adjacent = content
            .windows(2)
            .any(|pair| pair == [Part::Timestamp, Part::Body]);
        let structured = matches!(request.body.first(), Some(b'{' | b'['));
        if adjacent && !structured && time.is_some_and(SignedTime::is_open_ended) {
            return Err(Reason::MalformedBody);
        }
        Ok(())
    }

    /// The bytes that are signed, part by part.
    pub(crate) fn parts<'a>(
        &'a self,
        request: &Received<'a>,
        timestamp: Cow<'a, [u8]>,
        id: Cow<'a, [u8]>,
    ) -> Result<Vec<Cow<'a, [u8]>>, Unread<'a>> {
        let texts = Texts {
            timestamp,
            id,
            url: self.signed_url(request),
        };
        let parts = self.scheme().content.iter();
        parts.map(|part| part.bytes(request, &texts)).collect()
    }

    /// The URL that the provider called: the configured one, with the query that was received.
    fn signed_url<'a>(&'a self, request: &Request<'a>) -> Cow<'a, str> {
        match (&self.options.public_url, request.url.split_once('?')) {
            (None, _) => request.url.into(),
            (Some(url), Some((_, query))) if !url.contains('?') => format!("{url}?{query}").into(),
            (Some(url), _) => url.into(),
        }
    }

    fn matching_secret(
        &self,
        parts: &[Cow<'_, [u8]>],
        candidates: &[Vec<u8>],
        now: SystemTime,
    ) -> Result<usize, Reason> {
        let algorithm = self.scheme().algorithm;
        let matches = |key: &Key| {
            let code = mac::code(algorithm, &key.bytes, parts);
            code.is_some_and(|code| {
                candidates
                    .iter()
                    .any(|candidate| mac::equal(candidate, &code))
            })
        };
        self.keys
            .iter()
            .position(|key| key.is_valid(now) && matches(key))
            .ok_or(Reason::SignatureMismatch)
    }

    fn tolerance(&self) -> Duration {
        let row = self.scheme().timestamp.as_ref();
        let row = row.map_or(0, |time| time.tolerance_s);
        self.options.tolerance.unwrap_or(Duration::from_secs(row))
    }
}
