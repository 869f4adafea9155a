//! Signing with the same rows that verify: for tests, samples and webhooks of one's own.

use crate::content::{self, Texts};
use crate::error::SignError;
use crate::grammar;
use crate::request::Request;
use crate::scheme::Algorithm;
use crate::verifier::Verifier;
use crate::{mac, timestamp};
use std::time::SystemTime;

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
    /// For JWT rows, whose issuer signs; when a value that the scheme signs is absent; when the scheme's signature
    /// is not in a header.
    pub fn sign(
        &self,
        outgoing: &Outgoing<'_>,
        now: SystemTime,
    ) -> Result<Vec<(String, String)>, SignError> {
        let scheme = &self.row().verify;
        if scheme.algorithm == Algorithm::Jwt {
            return Err(SignError::IssuerSigns);
        }
        let carrier = self.carriers().first().ok_or(SignError::NotInHeader)?;
        let header = carrier.header.clone().ok_or(SignError::NotInHeader)?;
        let mut headers = Vec::new();
        let id = match &scheme.id {
            Some(id) => {
                let text = outgoing
                    .id
                    .filter(|id| !id.is_empty())
                    .ok_or(SignError::MissingId)?;
                headers.push((id.header.clone(), text.to_owned()));
                text
            }
            None => "",
        };
        let time = self.write_timestamp(outgoing, now)?;
        if let (Some(name), Some(time)) = (
            scheme
                .timestamp
                .as_ref()
                .and_then(|time| time.header.clone()),
            &time,
        ) {
            headers.push((name, time.clone()));
        }
        let signature = self.signature(outgoing, &headers, id, time.as_deref(), now)?;
        let written = mac::encode(&signature, carrier.encoding).ok_or(SignError::NotInHeader)?;
        headers.push((header, grammar::write(carrier, &written, time.as_deref())));
        Ok(headers)
    }

    /// The time's text: written where the request has a place for it, read where the body states it.
    fn write_timestamp(
        &self,
        outgoing: &Outgoing<'_>,
        now: SystemTime,
    ) -> Result<Option<String>, SignError> {
        let Some(scheme) = &self.row().verify.timestamp else {
            return Ok(None);
        };
        if let Some(path) = &scheme.body {
            return Ok(content::body_text(
                &received(outgoing, outgoing.headers),
                path,
            ));
        }
        let format = self.formats().first().copied().ok_or(SignError::Time)?;
        timestamp::write(now, format)
            .map(Some)
            .ok_or(SignError::Time)
    }

    fn signature(
        &self,
        outgoing: &Outgoing<'_>,
        added: &[(String, String)],
        id: &str,
        time: Option<&str>,
        now: SystemTime,
    ) -> Result<Vec<u8>, SignError> {
        let scheme = &self.row().verify;
        let added = added
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        let headers: Vec<_> = outgoing.headers.iter().copied().chain(added).collect();
        let request = received(outgoing, &headers);
        let texts = Texts {
            timestamp: time.unwrap_or_default().as_bytes().into(),
            id: id.as_bytes().into(),
        };
        let parts = content::parts(scheme, &self.options, &request, &texts)
            .map_err(SignError::MissingContent)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.is_valid(now))
            .ok_or(SignError::NoSecret)?;
        mac::code(scheme.algorithm, &key.bytes, &parts).ok_or(SignError::NoSecret)
    }
}

fn received<'a>(outgoing: &Outgoing<'a>, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    Request {
        method: outgoing.method,
        url: outgoing.url,
        headers,
        body: outgoing.body,
    }
}
