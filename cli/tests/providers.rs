//! The built-in providers, as a user meets them.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use hookgate_signature::Provider;
use serde_json::Value;
use support::{Dev, hookgate, project, run};

/// The lines that `hookgate providers` says to paste, for each built-in provider.
fn every_source() -> String {
    let folder = tempfile::tempdir().unwrap();
    let lines = |name| {
        let (code, text, _) = run(&mut hookgate(folder.path(), &["providers", name]));
        assert_eq!(code, 0, "{name}");
        let (_, lines) = text.split_once("In hookgate.toml:\n").unwrap();
        lines.to_owned()
    };
    Provider::builtin_names().map(lines).collect()
}

fn secrets() -> String {
    let secret = "00112233445566778899aabbccddeeff";
    let line = |name: &str| format!("{}_SECRET={secret}\n", name.to_uppercase());
    Provider::builtin_names().map(line).collect()
}

#[test]
fn the_sample_of_every_built_in_provider_is_accepted_and_refused_when_it_is_changed() {
    let folder = project(&every_source(), &secrets());
    let dev = Dev::start(folder.path(), &[]);
    for name in Provider::builtin_names() {
        let (code, answer) = dev.ask(&["send", name, "--id", "evt_7"]);
        assert_eq!(code, 0, "{name}: {answer}");
        assert!(answer.contains("accepted"), "{name}: {answer}");
        let refused = Provider::builtin(name).unwrap().reject_status().to_string();
        let (code, answer) = dev.ask(&["send", name, "--tamper"]);
        assert_eq!(code, 1, "{name}: {answer}");
        assert!(answer.starts_with(&refused), "{name}: {answer}");
    }
    dev.stop();
}

#[test]
fn a_provider_is_explained_in_words_and_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |arguments: &[&str]| run(&mut hookgate(folder.path(), arguments));
    let (_, list, _) = ask(&["providers"]);
    assert_eq!(list.lines().count(), 1 + Provider::builtin_names().count());
    let (_, stripe, _) = ask(&["providers", "stripe"]);
    for line in [
        "HMAC-SHA256 in hex, header:Stripe-Signature, as `t=TIME,v1=SIGNATURE`",
        "timestamp \".\" body",
        "id from body:id, type from body:type, tenant from body:account",
        "status 400",
    ] {
        assert!(stripe.contains(line), "{stripe}");
    }
    let (_, json, _) = ask(&["providers", "stripe", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["verify"]["reject_status"], 400);
    assert_eq!(json["event"]["id"], "body:id");
    let (code, _, error) = ask(&["providers", "strip"]);
    assert_eq!(code, 2);
    assert!(error.contains("no provider `strip`"), "{error}");
}
