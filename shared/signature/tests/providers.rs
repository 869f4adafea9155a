//! Every file of `providers/`: its definition fits together, its samples sign and verify, and its vectors are beside it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use hookgate_signature::{
    About, Basis, KeyCache, Options, Outgoing, Provider, Reason, Request, Sample, SampleValues,
    Secret, Unverified, Verified, Verifier,
};

use support::{FOLDER, at_ms, issuers, vectors};

const ID: &str = "5f0c7d1e-8a51-4d0e-9b1c-3d2f6a7b8c9d";
const URL: &str = "https://hooks.example.com/webhooks/it";

fn about(provider: &str) -> About {
    About::provider(provider).unwrap_or_else(|| panic!("{provider}: a key is missing or unknown"))
}

fn row(provider: &str) -> Provider {
    Provider::from_table(Provider::builtin_table(provider).unwrap())
        .unwrap_or_else(|error| panic!("{provider}: {error}"))
}

/// A secret that every way of writing keys can read: hexadecimal digits that are base64 too.
fn verifier(provider: &str) -> Verifier {
    let row = row(provider);
    let trusted = serde_json::json!({ support::ISSUER: null });
    let (secrets, issuers) = match row.uses_jwt() {
        true => (vec![], issuers(&trusted)),
        false => (
            vec![Secret::new("00112233445566778899aabbccddeeff")],
            [].into(),
        ),
    };
    let options = Options {
        secrets,
        issuers,
        public_url: Some(URL.to_owned()),
        ..Options::default()
    };
    Verifier::new(row, options).unwrap_or_else(|error| panic!("{provider}: {error}"))
}

fn values(event_type: Option<&'static str>) -> SampleValues<'static> {
    SampleValues {
        id: ID,
        event_type,
        tenant: Some("tenant-7"),
        at: at_ms(&1_760_000_000_000_u64.into()),
    }
}

/// The sample's headers, with those that the definition's signature adds.
fn signed(verifier: &Verifier, sample: &Sample) -> Vec<(String, String)> {
    let mut headers: Vec<_> = sample.headers.clone().into_iter().collect();
    if verifier.provider().uses_jwt() {
        return headers;
    }
    let present: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let outgoing = Outgoing {
        method: "POST",
        url: "/webhooks/it",
        id: Some(ID),
        body: sample.body.as_bytes(),
        headers: &present,
    };
    let signature = verifier.sign(&outgoing, values(None).at);
    headers.extend(signature.unwrap());
    headers
}

fn with_request<T>(
    headers: &[(String, String)],
    body: &str,
    call: impl FnOnce(&Request<'_>) -> T,
) -> T {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    call(&Request {
        method: "POST",
        url: "/webhooks/it",
        headers: &headers,
        body: body.as_bytes(),
    })
}

#[test]
fn every_provider_has_vectors_and_all_vectors_a_provider() {
    let files = vectors::files(Path::new(FOLDER));
    let with_vectors: BTreeSet<_> = files
        .iter()
        .map(|file| file["provider"].as_str().unwrap())
        .collect();
    let built_in: BTreeSet<_> = Provider::builtin_names().collect();
    assert_eq!(with_vectors, built_in);
    for file in &files {
        assert!(!file["vectors"].as_array().unwrap().is_empty());
        assert!(file["source"].is_string(), "{}", file["provider"]);
    }
}

#[test]
fn every_row_fits_together() {
    for provider in Provider::builtin_names() {
        let row = Provider::from_table(Provider::builtin_table(provider).unwrap());
        assert!(row.is_ok(), "{provider}: {:?}", row.err());
    }
}

#[test]
fn every_provider_refuses_with_the_status_that_it_documents() {
    for file in vectors::files(Path::new(FOLDER)) {
        let row = row(file["provider"].as_str().unwrap());
        assert_eq!(file["reject_status"], row.reject_status(), "{file}");
    }
}

#[test]
fn every_provider_says_where_its_facts_come_from() {
    for provider in Provider::builtin_names() {
        let about = about(provider);
        assert!(!about.title.is_empty(), "{provider}");
        let links = [Some(&about.docs), about.source.as_ref()];
        let https = |link: &&String| link.starts_with("https://");
        assert!(links.iter().flatten().all(https), "{provider}");
        let sdk = [about.basis.verify, about.basis.event].contains(&Basis::Sdk);
        assert!(
            !sdk || about.source.is_some(),
            "{provider}: say which library"
        );
        let read = |basis| matches!(basis, Basis::Documentation | Basis::Sdk);
        let was_read = read(about.basis.verify) || read(about.basis.event);
        assert_eq!(about.checked.is_some(), was_read, "{provider}");
        let date = about.checked.and_then(|checked| checked.date);
        assert_eq!(
            date.is_some(),
            was_read,
            "{provider}: a day, without a time"
        );
        assert!(date.is_none_or(|date| date.year >= 2025), "{provider}");
        for warning in about.warnings {
            assert!(warning.ends_with('.'), "{provider}: a sentence: {warning}");
        }
    }
}

#[test]
fn every_built_in_row_verifies_what_it_signed_and_nothing_else() {
    for provider in Provider::builtin_names() {
        let verifier = verifier(provider);
        let samples = about(provider).samples;
        assert!(!samples.is_empty(), "{provider}");
        for sample in samples.iter().filter(|_| !verifier.provider().uses_jwt()) {
            let sample = sample.fill(&values(None));
            let headers = signed(&verifier, &sample);
            let check = |body: &str| {
                with_request(&headers, body, |request| {
                    verifier.check(request, &mut KeyCache::default(), values(None).at)
                })
            };
            let verdict = check(&sample.body);
            assert!(verdict.is_ok(), "{provider}: {verdict:?}");
            let expected = match verifier.provider().scheme().content.is_empty() {
                true => Ok(Verified::default()),
                false => Err(Unverified::Refused(Reason::SignatureMismatch)),
            };
            let altered = check(&format!("{} ", sample.body)).map(|_| Verified::default());
            assert_eq!(altered, expected, "{provider}");
        }
    }
}

#[test]
fn every_sample_shows_where_the_facts_of_its_event_are() {
    for provider in Provider::builtin_names() {
        let verifier = verifier(provider);
        let fields = verifier.provider().event();
        for sample in about(provider).samples {
            for event_type in [None, Some("another_type")] {
                let filled = sample.fill(&values(event_type));
                let headers = signed(&verifier, &filled);
                let event = with_request(&headers, &filled.body, |request| verifier.event(request))
                    .unwrap_or_else(|error| panic!("{provider}: {error}"));
                let id = fields.id.is_some().then_some(ID);
                assert_eq!(event.id.as_deref(), id, "{provider}");
                let named = fields.event_type.is_some();
                let event_type = named.then_some(filled.event_type.as_str());
                assert_eq!(event.event_type.as_deref(), event_type, "{provider}");
                let tenant = sample.has_tenant().then_some("tenant-7");
                assert_eq!(event.tenant.as_deref(), tenant, "{provider}");
            }
        }
    }
}
