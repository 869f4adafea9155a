//! Every setting of a source reaches what checks its requests: from the text of `hookgate.toml` to the loaded source.
#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookgate::config::Config;
use hookgate::{MismatchPolicy, Runtime, Secrets, Source, UnusableSource};
use hookgate_signature::{KeyCache, Outgoing, Reason, Request, Unverified, Verified};
use serde_json::json;

const SIGNED_AT: u64 = 1_760_000_000;
const ISSUER: &str = "https://issuer.example";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

async fn load(text: &str, runtime: Runtime) -> Result<Source, UnusableSource> {
    let config = Config::parse(&format!("[sources.acme]\n{text}")).unwrap();
    let variables = [("NEW", "new secret"), ("OLD", "old secret")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secrets = Secrets::new(variables.into(), None);
    Source::load("acme", &config.sources["acme"], &secrets, runtime).await
}

async fn source(text: &str) -> Source {
    load(text, Runtime::Aws).await.unwrap()
}

/// A request to the source.
struct Sent {
    url: &'static str,
    headers: Vec<(String, String)>,
    body: &'static str,
}

impl Sent {
    /// A request that `signer` signs, for a provider that was given `url`.
    fn signed_by(signer: &Source, url: &str) -> Sent {
        let body = r#"{"id":"evt_1","kind":"ping"}"#;
        let outgoing = Outgoing {
            method: "POST",
            url,
            id: None,
            headers: &[],
            body: body.as_bytes(),
        };
        Sent {
            url: "/webhooks/acme?a=1",
            headers: signer.verifier().sign(&outgoing, at(SIGNED_AT)).unwrap(),
            body,
        }
    }

    fn with<T>(&self, call: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        call(&Request {
            method: "POST",
            url: self.url,
            headers: &headers,
            body: self.body.as_bytes(),
        })
    }

    fn check(&self, source: &Source, seconds: u64) -> Result<Verified, Unverified> {
        let keys = &mut KeyCache::default();
        self.with(|request| source.verifier().check(request, keys, at(seconds)))
    }
}

fn refused(reason: Reason) -> Result<Verified, Unverified> {
    Err(Unverified::Refused(reason))
}

#[tokio::test]
async fn the_first_secret_signs_and_all_verify() {
    let github = |secrets: &str| format!("provider = 'github'\nsecrets = {secrets}");
    let both = source(&github("['env:NEW', 'env:OLD']")).await;
    for (index, secret) in ["['env:NEW']", "['env:OLD']"].into_iter().enumerate() {
        let sent = Sent::signed_by(&source(&github(secret)).await, "/");
        assert_eq!(sent.check(&both, SIGNED_AT).unwrap().secret, Some(index));
    }
    let sent = Sent::signed_by(&both, "/");
    assert_eq!(sent.check(&both, SIGNED_AT).unwrap().secret, Some(0));
}

#[tokio::test]
async fn a_secret_verifies_until_its_not_after_and_no_longer() {
    let old = source("provider = 'github'\nsecrets = ['env:OLD']").await;
    let sent = Sent::signed_by(&old, "/");
    // 1,760,000,000 is 2025-10-09T08:53:20Z.
    let end = "not_after = '2025-10-09T08:54:20Z'";
    let rotated =
        format!("provider = 'github'\nsecrets = ['env:NEW', {{ from = 'env:OLD', {end} }}]");
    let rotated = source(&rotated).await;
    let in_time = sent.check(&rotated, SIGNED_AT + 60);
    assert_eq!(in_time.unwrap().secret, Some(1));
    let late = sent.check(&rotated, SIGNED_AT + 61);
    assert_eq!(late, refused(Reason::SignatureMismatch));
}

#[tokio::test]
async fn tolerance_s_takes_the_place_of_the_providers_own() {
    let slack = |setting: &str| format!("provider = 'slack'\nsecrets = ['env:NEW']\n{setting}");
    let its_own = source(&slack("")).await;
    let sent = Sent::signed_by(&its_own, "/");
    let strict = source(&slack("tolerance_s = 60")).await;
    let lax = source(&slack("tolerance_s = 3600")).await;
    for (source, limit) in [(its_own, 300), (strict, 60), (lax, 3600)] {
        assert!(sent.check(&source, SIGNED_AT + limit).is_ok());
        let late = sent.check(&source, SIGNED_AT + limit + 1);
        assert_eq!(late, refused(Reason::TimestampTooOld));
        let early = sent.check(&source, SIGNED_AT - limit - 1);
        assert_eq!(early, refused(Reason::TimestampInFuture));
    }
}

#[tokio::test]
async fn public_url_is_what_the_provider_signed() {
    let verify = "verify = { algorithm = 'hmac-sha256', signature = { from = 'header:x-sig', encoding = 'hex' }, content = ['url', 'body'] }";
    let rebuilt = source(&format!("secrets = ['env:NEW']\n{verify}")).await;
    let sent = Sent::signed_by(&rebuilt, "https://hooks.example/in?a=1");
    let mismatch = refused(Reason::SignatureMismatch);
    assert_eq!(sent.check(&rebuilt, SIGNED_AT), mismatch);
    assert_eq!(rebuilt.verifier().warnings().len(), 1);
    let given = format!("secrets = ['env:NEW']\npublic_url = 'https://hooks.example/in'\n{verify}");
    let given = source(&given).await;
    assert!(sent.check(&given, SIGNED_AT).is_ok());
    assert!(given.verifier().warnings().is_empty());
}

#[tokio::test]
async fn a_variant_is_used_only_where_it_is_chosen() {
    let wss = |setting: &str| format!("provider = 'wss'\nsecrets = ['env:NEW']\n{setting}");
    let text = source(&wss("")).await;
    let body_only = source(&wss("variant = 'body_only'")).await;
    let sent = Sent::signed_by(&body_only, "/");
    assert!(sent.check(&body_only, SIGNED_AT).is_ok());
    let mismatch = refused(Reason::SignatureMismatch);
    assert_eq!(sent.check(&text, SIGNED_AT), mismatch);
    let unknown = load(&wss("variant = 'none'"), Runtime::Aws).await;
    let unknown = unknown.unwrap_err().to_string();
    assert!(unknown.starts_with("sources.acme.variant: "), "{unknown}");
}

#[tokio::test]
async fn assume_utc_takes_a_time_without_a_zone() {
    let row = |content: &str, setting: &str| {
        format!(
            "secrets = ['env:NEW']\n{setting}\nverify = {{ algorithm = 'hmac-sha256', signature = {{ from = 'header:x-sig', encoding = 'hex' }}, timestamp = {{ from = 'header:x-time', format = 'iso8601' }}, content = ['{content}', '.', 'body'] }}"
        )
    };
    let signer = source(&row("2025-10-09T08:53:20", "")).await;
    let mut sent = Sent::signed_by(&signer, "/");
    sent.headers.retain(|(name, _)| name != "x-time");
    sent.headers
        .push(("x-time".to_owned(), "2025-10-09T08:53:20".to_owned()));
    let strict = source(&row("timestamp", "")).await;
    let malformed = refused(Reason::MalformedTimestamp);
    assert_eq!(sent.check(&strict, SIGNED_AT), malformed);
    let assuming = source(&row("timestamp", "assume_utc = true")).await;
    let signed_at = sent.check(&assuming, SIGNED_AT).unwrap().signed_at;
    assert_eq!(signed_at, Some(at(SIGNED_AT)));
}

#[tokio::test]
async fn on_mismatch_is_what_the_source_does() {
    let policy = async |setting: &str| {
        let text = format!("provider = 'pakk'\nsecrets = ['env:NEW']\n{setting}");
        source(&text).await.on_mismatch()
    };
    assert_eq!(policy("").await, MismatchPolicy::SameIdWins);
    assert_eq!(
        policy("on_mismatch = 'same-id-wins'").await,
        MismatchPolicy::SameIdWins
    );
    assert_eq!(
        policy("on_mismatch = 'reject'").await,
        MismatchPolicy::Reject
    );
}

#[tokio::test]
async fn verify_event_and_handshakes_change_single_keys_of_the_provider() {
    let text = "provider = 'product'\nsecrets = ['env:NEW']
        verify = { signature = { from = 'header:x-acme' }, reject_status = 403 }
        event = { type = 'body:kind', tenant = 'query:a' }
        handshakes = [{ from = 'body:kind', equals = 'ping', echo = 'body:id' }]";
    let source = source(text).await;
    let sent = Sent::signed_by(&source, "/");
    assert_eq!(sent.headers[0].0, "x-acme");
    assert!(sent.check(&source, SIGNED_AT).is_ok());
    assert_eq!(source.reject_status(), 403);
    let event = sent.with(|request| source.meta(request)).unwrap();
    assert_eq!(event.id.as_deref(), Some("evt_1"));
    assert_eq!(event.event_type.as_deref(), Some("ping"));
    assert_eq!(event.tenant.as_deref(), Some("1"));
    let answer = sent.with(|request| source.handshake(request)).unwrap();
    assert_eq!(answer.body, b"evt_1");
}

/// A request with a token that expires at [`SIGNED_AT`], with a signature that no key has made.
fn token(issuer: &str, audience: &str) -> Sent {
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(json!({ "alg": "RS256", "kid": "k" }));
    let claims = encode(json!({ "iss": issuer, "aud": audience, "exp": SIGNED_AT }));
    let value = format!("Bearer {header}.{claims}.AAAA");
    Sent {
        url: "/webhooks/acme",
        headers: vec![("Authorization".to_owned(), value)],
        body: "{}",
    }
}

/// The answer where all is well but the keys, which have to be fetched from the issuer.
fn keys_are_wanted(issuer: &str) -> Result<Verified, Unverified> {
    Err(Unverified::NeedsDocument(format!(
        "{issuer}/.well-known/openid-configuration"
    )))
}

#[tokio::test]
async fn leeway_s_is_how_far_a_tokens_times_may_be_off() {
    let pps =
        |setting: &str| format!("provider = 'pps'\nissuers = {{ '{ISSUER}' = 'any' }}\n{setting}");
    let sent = token(ISSUER, "us");
    let exact = source(&pps("")).await;
    let lenient = source(&pps("leeway_s = 10")).await;
    for (source, end) in [(exact, SIGNED_AT), (lenient, SIGNED_AT + 10)] {
        assert_eq!(sent.check(&source, end - 1), keys_are_wanted(ISSUER));
        assert_eq!(sent.check(&source, end), refused(Reason::JwtExpired));
    }
    let too_lenient = load(&pps("leeway_s = 61"), Runtime::Aws).await;
    let error = too_lenient.unwrap_err().to_string();
    assert!(error.starts_with("sources.acme.leeway_s: "), "{error}");
}

#[tokio::test]
async fn issuers_are_trusted_each_for_its_audiences() {
    let other = "https://other.example";
    let text = format!("provider = 'pps'\nissuers = {{ '{ISSUER}' = ['us'], '{other}' = 'any' }}");
    let source = source(&text).await;
    let check = |issuer, audience| token(issuer, audience).check(&source, SIGNED_AT - 1);
    assert_eq!(check(ISSUER, "us"), keys_are_wanted(ISSUER));
    assert_eq!(check(ISSUER, "them"), refused(Reason::JwtAudMismatch));
    assert_eq!(check(other, "them"), keys_are_wanted(other));
    let stranger = check("https://stranger.example", "us");
    assert_eq!(stranger, refused(Reason::JwtIssUntrusted));
}

#[tokio::test]
async fn an_issuer_at_plain_http_is_for_development_on_loopback_alone() {
    let text = |issuer: &str| format!("provider = 'pps'\nissuers = {{ '{issuer}' = ['us'] }}");
    for (issuer, local) in [("http://127.0.0.1:9000", true), ("http://a.example", false)] {
        let error = load(&text(issuer), Runtime::Aws).await.unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("sources.acme.issuers: "), "{error}");
        assert_eq!(load(&text(issuer), Runtime::Local).await.is_ok(), local);
    }
}
