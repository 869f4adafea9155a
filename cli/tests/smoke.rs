//! What an operator runs after a deployment, against a twin.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Dev, run};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn smoke(url: &str, source: &str) -> (i32, String, String) {
    let mut smoke = Command::new(root().join("tests/scripts/smoke.sh"));
    smoke
        .args([url, source])
        .env("HOOKGATE_COMMAND", env!("CARGO_BIN_EXE_hookgate"));
    run(&mut smoke)
}

#[test]
fn the_smoke_test_passes_for_every_source_that_signs_with_a_secret() {
    let dev = Dev::start(&root(), &[]);
    for source in ["partssource", "product", "pakk", "wss", "stripe", "acme"] {
        let (code, seen, errors) = smoke(dev.url(), source);
        assert_eq!(code, 0, "{source}: {seen}{errors}");
        let steps = seen.lines().map(|line| line.split_once(':').unwrap().0);
        assert_eq!(
            steps.collect::<Vec<_>>(),
            ["accepted", "done", "duplicate", "refused"],
            "{source}"
        );
    }
}

#[test]
fn the_smoke_test_fails_where_the_secret_is_not_the_gateways() {
    let folder = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(root().join("hookgate.toml")).unwrap();
    std::fs::write(folder.path().join("hookgate.toml"), config).unwrap();
    let secrets = std::fs::read_to_string(root().join("hookgate.env")).unwrap();
    let secrets = secrets.replace("pakk-development-secret", "another-secret");
    std::fs::write(folder.path().join("hookgate.env"), secrets).unwrap();
    let dev = Dev::start(folder.path(), &[]);
    let (code, _, errors) = smoke(dev.url(), "pakk");
    assert_eq!(code, 1);
    assert!(
        errors.contains("the event is refused: 401"),
        "it says why: {errors}"
    );
}
