//! A gateway that is killed under load, measured for losses.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_gateway_that_is_killed_loses_nothing_that_it_accepted() {
    let output = Command::new(env!("CARGO_BIN_EXE_hookgate-bench"))
        .args([
            "loss",
            "--events",
            "60",
            "--kills",
            "2",
            "--senders",
            "4",
            "--json",
        ])
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{output:?}");
    let measured: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(measured["events_accepted"], 60);
    assert_eq!(measured["events_lost"], 0);
    assert_eq!(measured["kills"], 2);
    assert!(measured["effects"].as_u64() >= Some(60), "{measured}");
}
