//! Requests that a provider sends to test the endpoint, and their answers.

use std::fmt;

use serde::Deserialize;

use crate::fact::Fact;
use crate::place::Place;
use crate::request::Received;

/// The longest text that a handshake echoes, in bytes.
const MAX_ECHO_BYTES: usize = 4096;

/// A test request of the provider's: when the value at `from` equals `equals`, the value at `echo` is the answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handshake {
    /// The place of the value that distinguishes the test from an event.
    pub from: Place,
    /// The value there.
    pub equals: String,
    /// The value to answer with, as plain text.
    pub echo: Place,
}

impl Handshake {
    pub(crate) fn answer(&self, request: &Received<'_>) -> Option<HandshakeAnswer> {
        let told = Fact::short(&self.from, request).ok()??;
        let echo = Fact::of_any_length(&self.echo, request).ok()??.text;
        let fits = told.text == self.equals && echo.len() <= MAX_ECHO_BYTES;
        fits.then(|| HandshakeAnswer {
            status: 200,
            content_type: "text/plain".to_owned(),
            body: echo.into_bytes(),
        })
    }
}

/// The response to a provider's test request.
#[derive(Clone, PartialEq, Eq)]
pub struct HandshakeAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Without the body, which repeats what was sent.
impl fmt::Debug for HandshakeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeAnswer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}
