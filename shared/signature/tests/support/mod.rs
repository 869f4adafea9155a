//! Reads the vectors and drives the checks the way a gateway does.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

pub mod vectors;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookgate_signature::{
    Audiences, FetchFailure, KeyCache, Options, Provider, Request, Secret, Unverified, Verified,
    Verifier,
};
use serde_json::Value;

pub const ISSUER: &str = "https://securetoken.google.com/pps-local-dev-376022";

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");

pub fn vectors() -> Value {
    vectors::read(Path::new(FOLDER))
}

pub fn at_ms(value: &Value) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(value.as_u64().unwrap())
}

/// A request that owns what it is made of.
#[derive(Clone)]
pub struct Owned {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Owned {
    pub fn parse(request: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let headers = request["headers"].as_array().unwrap().iter();
        Self {
            method: text(&request["method"]),
            url: text(&request["url"]),
            headers: headers
                .map(|pair| (text(&pair[0]), text(&pair[1]).into_bytes()))
                .collect(),
            body: vectors::body(request),
        }
    }

    /// Calls the function with a borrowed request.
    pub fn with<T>(&self, call: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        call(&Request {
            method: &self.method,
            url: &self.url,
            headers: &headers,
            body: &self.body,
        })
    }
}

pub fn options(config: &Value) -> Options {
    let secrets = config["secrets"].as_array().into_iter().flatten();
    Options {
        secrets: secrets
            .map(|secret| Secret::new(secret.as_str().unwrap()))
            .collect(),
        issuers: issuers(&config["trusted_issuers"]),
        variant: config["variant"].as_str().map(str::to_owned),
        assume_utc: config["assume_utc"].as_bool().unwrap_or_default(),
        tolerance: config["tolerance_s"].as_u64().map(Duration::from_secs),
        leeway: Duration::from_secs(config["leeway_s"].as_u64().unwrap_or_default()),
        public_url: config["public_url"].as_str().map(str::to_owned),
        loopback_http_issuers: false,
    }
}

pub fn issuers(trusted: &Value) -> BTreeMap<String, Audiences> {
    let audiences = |value: &Value| match value.as_array() {
        None => Audiences::Any,
        Some(list) => Audiences::OneOf(
            list.iter()
                .map(|aud| aud.as_str().unwrap().to_owned())
                .collect(),
        ),
    };
    trusted
        .as_object()
        .into_iter()
        .flatten()
        .map(|(issuer, value)| (issuer.clone(), audiences(value)))
        .collect()
}

pub fn verifier(provider: &str, config: &Value) -> Verifier {
    let row = Provider::builtin(provider).unwrap_or_else(|| panic!("no row for {provider}"));
    Verifier::new(row, options(config)).unwrap_or_else(|error| panic!("{provider}: {error}"))
}

/// Checks until there is a verdict, fetching from the documents, and says what was fetched.
pub fn drive(
    verifier: &Verifier,
    request: &Owned,
    cache: &mut KeyCache,
    now: SystemTime,
    fetch: impl Fn(&str) -> Result<Vec<u8>, FetchFailure>,
) -> (Result<Verified, Unverified>, Vec<String>) {
    let mut fetched = Vec::new();
    for _ in 0..4 {
        match request.with(|request| verifier.check(request, cache, now)) {
            Err(Unverified::NeedsDocument(url)) => {
                let document = fetch(&url);
                cache.supply(&url, document, now);
                fetched.push(url);
            }
            decided => return (decided, fetched),
        }
    }
    panic!("undecided after {fetched:?}");
}

pub fn serve(documents: &Value, url: &str) -> Result<Vec<u8>, FetchFailure> {
    match documents.get(url) {
        None => Err(FetchFailure::Status(404)),
        Some(Value::Null) => Err(FetchFailure::Unreachable),
        Some(document) => Ok(document.to_string().into_bytes()),
    }
}
