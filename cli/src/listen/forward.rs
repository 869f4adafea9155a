//! Forwarding events to a program on this machine, as their providers sent them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde_json::{Value, json};

use super::feed::{Listed, Received};
use crate::BoxError;
use crate::output::tell;

/// Long enough for a program that stops in a debugger for a moment.
const TIMEOUT: Duration = Duration::from_secs(60);

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Status codes of a proxy whose backend is down.
const DOWN: [u16; 3] = [502, 503, 504];

/// Connection headers, and headers that the new request sets itself.
const LEFT_OUT: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that identify the event; a sender's headers with these names are left out.
const OWN: &str = "x-hookgate-";

/// A local URL that events go to.
#[derive(Debug)]
pub(super) struct Forwarder {
    url: Url,
    http: Client,
    skip_failed: bool,
}

/// The result of forwarding an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Forwarded {
    Answered { status: u16, took: Duration },
    Failed(String),
}

impl Forwarder {
    pub(super) fn new(url: &Url, skip_failed: bool) -> Result<Forwarder, BoxError> {
        let http = Client::builder().timeout(TIMEOUT).no_proxy();
        Ok(Forwarder {
            url: url.clone(),
            http: http.redirect(Policy::none()).build()?,
            skip_failed,
        })
    }

    /// Posts an event; again until it is answered, unless failures are to be skipped.
    pub(super) async fn forward(&self, event: &Listed, request: Received) -> Forwarded {
        let headers = headers(event, &request.headers);
        let mut wait = FIRST_WAIT;
        loop {
            let outcome = self.post(headers.clone(), request.body.clone()).await;
            if self.skip_failed || !outcome.is_down() {
                return outcome;
            }
            if wait == FIRST_WAIT {
                tell(&format!(
                    "{}: {}; retrying until it accepts the event",
                    shown(&self.url),
                    outcome.text()
                ));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn post(&self, headers: HeaderMap, body: Bytes) -> Forwarded {
        let start = Instant::now();
        let request = self.http.post(self.url.clone()).headers(headers).body(body);
        match request.send().await {
            Ok(response) => Forwarded::Answered {
                status: response.status().as_u16(),
                took: start.elapsed(),
            },
            Err(error) if error.is_timeout() => {
                Forwarded::Failed(format!("no answer in {} s", TIMEOUT.as_secs()))
            }
            Err(error) if error.is_connect() => Forwarded::Failed("no one listens there".into()),
            Err(_) => Forwarded::Failed("the connection ended without an answer".into()),
        }
    }
}

impl Forwarded {
    fn is_down(&self) -> bool {
        match self {
            Forwarded::Answered { status, .. } => DOWN.contains(status),
            Forwarded::Failed(_) => true,
        }
    }

    /// The outcome at the end of a line.
    pub(super) fn text(&self) -> String {
        match self {
            Forwarded::Answered { status, took } => format!("{status} in {} ms", took.as_millis()),
            Forwarded::Failed(why) => why.clone(),
        }
    }

    /// The outcome as a member of a JSON line.
    pub(super) fn json(&self) -> Value {
        match self {
            Forwarded::Answered { status, took } => {
                json!({ "status": status, "took_ms": took.as_secs_f64() * 1000.0 })
            }
            Forwarded::Failed(why) => json!({ "error": why }),
        }
    }
}

/// The provider's headers but those of its connection, and which event this is.
fn headers(event: &Listed, received: &[(String, String)]) -> HeaderMap {
    let named = received
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let named = named.flat_map(|(_, value)| value.split(','));
    let named: Vec<String> = named.map(|name| name.trim().to_ascii_lowercase()).collect();
    let provider = received.iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        !LEFT_OUT.contains(&name.as_str()) && !name.starts_with(OWN) && !named.contains(&name)
    });
    let provider = provider.map(|(name, value)| (name.as_str(), value.as_str()));
    let event = &event.summary;
    let own = [
        ("x-hookgate-event", Some(event.key.as_str())),
        ("x-hookgate-source", Some(event.source.as_str())),
        ("x-hookgate-tenant", event.tenant.as_deref()),
    ];
    let own = own
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let mut headers = HeaderMap::new();
    for (name, value) in provider.chain(own) {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// A URL without what may be secret in it: user, password and query.
fn shown(url: &Url) -> String {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::feed::tests::event;

    #[test]
    fn headers_of_the_connection_stay_behind_and_names_of_the_gateways_own_are_set_by_it_alone() {
        let event = event("the-key", jiff::Timestamp::UNIX_EPOCH);
        let received = [
            ("content-type", "application/json"),
            ("x-signature", "one"),
            ("x-signature", "two"),
            ("Host", "gateway.example"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("x-hookgate-event", "forged"),
        ];
        let received = received.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = headers(&event, &received);
        let all = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        let expected: [(&str, &[u8]); 6] = [
            ("content-type", b"application/json"),
            ("x-signature", b"one"),
            ("x-signature", b"two"),
            ("x-hookgate-event", b"the-key"),
            ("x-hookgate-source", b"acme"),
            ("x-hookgate-tenant", "zürich".as_bytes()),
        ];
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(all, expected);
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url = Url::parse("http://me:word@localhost:3000/hooks?key=1").unwrap();
        assert_eq!(shown(&url), "http://localhost:3000/hooks");
    }
}
