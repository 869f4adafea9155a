//! The issuers' keys: a cache that says what to fetch and is given the result.
//!
//! It does no I/O. [`Verifier::check`](crate::Verifier::check) names a URL, the caller fetches it and calls
//! [`KeyCache::supply`]. Sources: [OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html),
//! [RFC 7517](https://www.rfc-editor.org/rfc/rfc7517).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::error::Reason;
use crate::jwks::{Jwk, parse_jwks};
use crate::outcome::Unverified;

/// The largest document that is accepted, in bytes; a caller need not read further.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// The age at which an issuer's keys are fetched again.
pub const JWKS_TTL: Duration = Duration::from_secs(3600);

/// The age at which a discovery document is fetched again.
pub const DISCOVERY_TTL: Duration = Duration::from_secs(24 * 3600);

/// The time after its TTL for which a document is still used while its issuer cannot be reached.
pub const STALE_IF_ERROR: Duration = Duration::from_secs(24 * 3600);

/// The least time between two fetches of a document: what a flood of unknown key ids can cause.
pub const REFRESH_COOLDOWN: Duration = Duration::from_secs(60);

/// The least time between two fetches of a document that was never had.
pub const RETRY_COOLDOWN: Duration = Duration::from_secs(5);

/// The reason why a document could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFailure {
    /// No connection, or none in time.
    Unreachable,
    /// A status other than 200.
    Status(u16),
    /// A redirect, which is never followed.
    Redirect,
    /// More than [`MAX_DOCUMENT_BYTES`].
    TooLarge,
}

/// The issuers' documents: one for a process, shared by its verifiers.
#[derive(Debug, Default)]
pub struct KeyCache {
    /// By issuer: where its keys are.
    discovery: BTreeMap<String, Cached<String>>,
    /// By URL: the keys there.
    keys: BTreeMap<String, Cached<Vec<Jwk>>>,
}

impl KeyCache {
    /// Takes the answer to a [`NeedsDocument`](Unverified::NeedsDocument). An answer that nothing waits for is ignored.
    pub fn supply(&mut self, url: &str, document: Result<Vec<u8>, FetchFailure>, now: SystemTime) {
        let document = document
            .ok()
            .filter(|document| document.len() <= MAX_DOCUMENT_BYTES);
        for (issuer, cached) in &mut self.discovery {
            if discovery_url(issuer) == url {
                cached.supply(
                    document
                        .as_deref()
                        .and_then(|document| jwks_uri(document, issuer)),
                    now,
                );
            }
        }
        if let Some(cached) = self.keys.get_mut(url) {
            cached.supply(document.as_deref().and_then(parse_jwks), now);
        }
    }

    /// The issuer's key of that id. The issuer must be a trusted one: its name becomes a URL and an entry.
    pub(crate) fn find(
        &mut self,
        issuer: &str,
        kid: &str,
        loopback_http: bool,
        now: SystemTime,
    ) -> Result<&Jwk, Unverified> {
        const UNAVAILABLE: Unverified = Unverified::Undecided(Reason::KeysUnavailable);
        let discovery = self.discovery.entry(issuer.to_owned()).or_default();
        if discovery.wants_fetch(DISCOVERY_TTL, now) {
            return Err(Unverified::NeedsDocument(discovery_url(issuer)));
        }
        let jwks_uri = discovery.usable(DISCOVERY_TTL, now).cloned();
        let Some(url) = jwks_uri.filter(|url| is_fetchable(url, loopback_http)) else {
            return Err(UNAVAILABLE);
        };
        let keys = self.keys.entry(url.clone()).or_default();
        if keys.wants_fetch(JWKS_TTL, now) {
            return Err(Unverified::NeedsDocument(url));
        }
        let Some(known) = keys.usable(JWKS_TTL, now) else {
            return Err(UNAVAILABLE);
        };
        match known.iter().find(|key| key.kid == kid) {
            Some(key) => Ok(key),
            None if keys.may_refresh(now) => Err(Unverified::NeedsDocument(url)),
            None if keys.failed => Err(UNAVAILABLE),
            None => Err(Reason::JwtUnknownKid.into()),
        }
    }
}

/// A document, when it was had, and how the last attempt went.
#[derive(Debug)]
struct Cached<T> {
    value: Option<(T, SystemTime)>,
    attempted: Option<SystemTime>,
    failed: bool,
}

impl<T> Default for Cached<T> {
    fn default() -> Cached<T> {
        Cached {
            value: None,
            attempted: None,
            failed: false,
        }
    }
}

impl<T> Cached<T> {
    fn supply(&mut self, value: Option<T>, now: SystemTime) {
        self.attempted = Some(now);
        self.failed = value.is_none();
        if let Some(value) = value {
            self.value = Some((value, now));
        }
    }

    /// Absent or older than its TTL, and not just tried.
    fn wants_fetch(&self, ttl: Duration, now: SystemTime) -> bool {
        match &self.value {
            Some((_, had)) if age(*had, now) < ttl => false,
            Some(_) => self.may_refresh(now),
            None => self.rested(RETRY_COOLDOWN, now),
        }
    }

    fn may_refresh(&self, now: SystemTime) -> bool {
        self.rested(REFRESH_COOLDOWN, now)
    }

    fn rested(&self, cooldown: Duration, now: SystemTime) -> bool {
        self.attempted
            .is_none_or(|attempted| age(attempted, now) >= cooldown)
    }

    fn usable(&self, ttl: Duration, now: SystemTime) -> Option<&T> {
        let (value, had) = self.value.as_ref()?;
        (age(*had, now) < ttl.saturating_add(STALE_IF_ERROR)).then_some(value)
    }
}

/// A clock that was set back makes nothing older.
fn age(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

fn discovery_url(issuer: &str) -> String {
    format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    )
}

/// The URL of the keys, if the document is the issuer's own (OpenID Connect Discovery, section 4.3).
fn jwks_uri(document: &[u8], issuer: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Discovery {
        issuer: String,
        jwks_uri: String,
    }
    let discovery: Discovery = serde_json::from_slice(document).ok()?;
    (discovery.issuer == issuer).then_some(discovery.jwks_uri)
}

/// True for a URL that may be fetched: https, or http on loopback where that is allowed; no user, no fragment.
pub(crate) fn is_fetchable(url: &str, loopback_http: bool) -> bool {
    let (rest, must_be_loopback) = match (url.strip_prefix("https://"), url.strip_prefix("http://"))
    {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) if loopback_http => (rest, true),
        _ => return false,
    };
    let plain = url
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>'));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    plain
        && !authority.is_empty()
        && !authority.contains('@')
        && (!must_be_loopback || is_loopback(authority))
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let v4 = host
        .parse::<std::net::Ipv4Addr>()
        .is_ok_and(|address| address.is_loopback());
    v4 || host == "localhost" || host == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_outlives_its_ttl_by_a_day_while_it_cannot_be_fetched_again() {
        let start = SystemTime::UNIX_EPOCH;
        let mut cached = Cached::default();
        assert!(cached.wants_fetch(JWKS_TTL, start));
        cached.supply(Some(()), start);
        let later = start + JWKS_TTL;
        assert!(!cached.wants_fetch(JWKS_TTL, later - Duration::from_secs(1)));
        assert!(cached.wants_fetch(JWKS_TTL, later));
        cached.supply(None, later);
        assert!(!cached.wants_fetch(JWKS_TTL, later + REFRESH_COOLDOWN - Duration::from_secs(1)));
        assert!(cached.wants_fetch(JWKS_TTL, later + REFRESH_COOLDOWN));
        let end = later + STALE_IF_ERROR;
        assert!(
            cached
                .usable(JWKS_TTL, end - Duration::from_secs(1))
                .is_some()
        );
        assert!(cached.usable(JWKS_TTL, end).is_none());
    }

    #[test]
    fn only_plain_https_urls_are_fetched() {
        for url in ["https://a.example", "https://a.example:8443/x?y=1"] {
            assert!(is_fetchable(url, false), "{url}");
        }
        let refused = [
            "http://a.example/",
            "https://",
            "https:///x",
            "https://user@a.example/",
            "https://a.example/#x",
            "ftp://a",
            "//a.example",
            "https://a.example\\@b",
            "https://a.example/ x",
            "HTTPS://a.example",
            "",
            "http://127.0.0.1@a.example/",
            "http://127.0.0.1.a.example/",
        ];
        for url in refused {
            assert!(!is_fetchable(url, true), "{url}");
        }
    }

    #[test]
    fn http_is_for_loopback_and_only_where_allowed() {
        for url in [
            "http://127.0.0.1:9000/x",
            "http://localhost/x",
            "http://[::1]:9/x",
            "http://[::1]/",
        ] {
            assert!(
                is_fetchable(url, true) && !is_fetchable(url, false),
                "{url}"
            );
        }
    }
}
