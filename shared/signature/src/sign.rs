//! Signing with the same definitions that verify: for tests, samples and webhooks of your own.

use std::time::SystemTime;

use crate::error::SignError;
use crate::fact::Fact;
use crate::place::Place;
use crate::request::{Received, Request};
use crate::verifier::Verifier;
use crate::{mac, timestamp};

/// A request that is about to be sent.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The URL it is sent to.
    pub url: &'a str,
    /// The event's id, for schemes that sign one.
    pub id: Option<&'a str>,
    /// The exact bytes that are sent.
    pub body: &'a [u8],
    /// Headers that it already has, for schemes that sign some.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl Verifier {
    /// The headers to add so that [`check`](Self::check) accepts the request: id, timestamp and signature, made
    /// with the first secret that has not expired.
    ///
    /// # Errors
    /// For JWT definitions, whose issuer signs; when a value that the scheme signs is absent; when the scheme's signature
    /// is not in a header.
    pub fn sign(
        &self,
        outgoing: &Outgoing<'_>,
        now: SystemTime,
    ) -> Result<Vec<(String, String)>, SignError> {
        if self.provider().uses_jwt() {
            return Err(SignError::IssuerSigns);
        }
        let field = self.fields().first().ok_or(SignError::NotInHeader)?;
        let Place::Header(name) = &field.from else {
            return Err(SignError::NotInHeader);
        };
        let mut added = Vec::new();
        let id = self.id(outgoing, &mut added)?;
        let time = self.timestamp(outgoing, now, &mut added)?;
        let code = self.code(outgoing, &added, &id, time.as_deref(), now)?;
        let value = field
            .write(&code, time.as_deref())
            .ok_or(SignError::NotInHeader)?;
        added.push((name.clone(), value));
        Ok(added)
    }

    /// The id's text: added where it is in a header, read where the request already states it.
    fn id(&self, outgoing: &Outgoing<'_>, added: &mut Headers) -> Result<String, SignError> {
        let id = match &self.scheme().id {
            None => return Ok(String::new()),
            Some(Place::Header(name)) => {
                let id = outgoing.id.ok_or(SignError::MissingId)?;
                added.push((name.clone(), id.to_owned()));
                id.to_owned()
            }
            Some(place) => stated(place, outgoing)?,
        };
        Some(id)
            .filter(|id| !id.is_empty())
            .ok_or(SignError::MissingId)
    }

    /// The time's text: written where it is in a header or beside the signature, read where the request already
    /// states it.
    fn timestamp(
        &self,
        outgoing: &Outgoing<'_>,
        now: SystemTime,
        added: &mut Headers,
    ) -> Result<Option<String>, SignError> {
        let Some(scheme) = &self.scheme().timestamp else {
            return Ok(None);
        };
        let name = match &scheme.from {
            Some(Place::Header(name)) => Some(name),
            None => None,
            Some(place) => return stated(place, outgoing).map(Some),
        };
        let format = scheme.format.as_slice().first().ok_or(SignError::Time)?;
        let text = timestamp::write(now, *format).ok_or(SignError::Time)?;
        added.extend(name.map(|name| (name.clone(), text.clone())));
        Ok(Some(text))
    }

    fn code(
        &self,
        outgoing: &Outgoing<'_>,
        added: &Headers,
        id: &str,
        time: Option<&str>,
        now: SystemTime,
    ) -> Result<Vec<u8>, SignError> {
        let added = added
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<_> = outgoing.headers.iter().copied().chain(added).collect();
        let request = received(outgoing, &headers);
        let time = time.unwrap_or_default().as_bytes();
        let parts = self
            .parts(&request, time.into(), id.as_bytes().into())
            .map_err(|unread| SignError::MissingContent(unread.to_string()))?;
        let key = self
            .keys
            .iter()
            .find(|key| key.is_valid(now))
            .ok_or(SignError::NoSecret)?;
        mac::code(self.scheme().algorithm, &key.bytes, &parts).ok_or(SignError::NoSecret)
    }
}

/// Headers to add, by name.
type Headers = Vec<(String, String)>;

/// The text that the request already has at a place.
fn stated(place: &Place, outgoing: &Outgoing<'_>) -> Result<String, SignError> {
    let problem = match Fact::of_any_length(place, &received(outgoing, outgoing.headers)) {
        Ok(Some(fact)) => return Ok(fact.text),
        Ok(None) => format!("{} is missing", place.described()),
        Err(problem) => problem,
    };
    Err(SignError::MissingContent(problem))
}

fn received<'a>(outgoing: &Outgoing<'a>, headers: &'a [(&'a str, &'a [u8])]) -> Received<'a> {
    Received::new(&Request {
        method: outgoing.method,
        url: outgoing.url,
        headers,
        body: outgoing.body,
    })
}
