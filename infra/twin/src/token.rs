use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The token that opens a twin's operators' API, where IAM would on AWS.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token of the caller's choice.
    pub fn new(text: impl Into<String>) -> Token {
        Token(text.into())
    }

    /// A token that cannot be guessed: 122 random bits.
    pub fn random() -> Token {
        Token(Uuid::new_v4().simple().to_string())
    }

    /// The token's text, to be shown to the user who started the twin.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// True for a request that carries it, as a bearer token.
    pub(crate) fn opens(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
        let given = given.and_then(|value| value.strip_prefix(b"Bearer "));
        given.is_some_and(|given| given.ct_eq(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
