//! The smoke test that operators run after a deployment, against a twin.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Dev, project, run};

const CONFIG: &str = include_str!("../demo.toml");
const SECRETS: &str = include_str!("../demo.env");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn smoke(dev: &Dev, source: &str) -> (i32, String, String) {
    let mut smoke = Command::new(root().join("tests/scripts/smoke.sh"));
    smoke
        .args([dev.url(), source])
        .env("XDG_RUNTIME_DIR", &dev.folder)
        .env("HOOKGATE_CONFIG", root().join("cli/demo.toml"))
        .env("HOOKGATE_COMMAND", env!("CARGO_BIN_EXE_hookgate"));
    run(&mut smoke)
}

#[test]
fn the_smoke_test_passes_for_every_source_that_signs_with_a_secret() {
    let folder = project(CONFIG, SECRETS);
    let dev = Dev::start(folder.path(), &[]);
    for source in ["partssource", "product", "pakk", "wss", "stripe", "acme"] {
        let (code, seen, errors) = smoke(&dev, source);
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
    let secrets = SECRETS.replace("pakk-development-secret", "another-secret");
    let folder = project(CONFIG, &secrets);
    let dev = Dev::start(folder.path(), &[]);
    let (code, _, errors) = smoke(&dev, "pakk");
    assert_eq!(code, 1);
    assert!(
        errors.contains("the event is refused: 401"),
        "it says why: {errors}"
    );
}
