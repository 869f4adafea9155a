//! The built-in providers, as a user meets them.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use hookgate_signature::Provider;
use support::{Dev, project};

/// A source of each built-in provider, by its name.
fn every_provider() -> String {
    let source = |name: &str| match Provider::builtin(name).unwrap().uses_jwt() {
        true => format!(
            "[sources.{name}]\nprovider = {name:?}\nissuers = {{ \"https://issuer.example.com\" = \"any\" }}\n"
        ),
        false => format!("[sources.{name}]\nprovider = {name:?}\nsecrets = [\"env:SECRET\"]\n"),
    };
    Provider::builtin_names().map(source).collect()
}

#[test]
fn the_sample_of_every_built_in_provider_is_accepted_and_refused_when_it_is_changed() {
    let folder = project(
        &every_provider(),
        "SECRET=00112233445566778899aabbccddeeff\n",
    );
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
