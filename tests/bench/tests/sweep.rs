//! The measurement of the sweeper, with few rows.

use std::process::Command;

#[test]
fn every_row_is_sent_with_its_batch_and_removed_by_a_call_of_its_own() {
    let output = Command::new(env!("CARGO_BIN_EXE_hookgate-bench"))
        .args(["sweep", "--rows", "200", "--call-ms", "1"])
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(printed.starts_with("200 rows in "), "{printed}");
    assert!(printed.contains("| `DeleteItem` | 1.000 |"), "{printed}");
    let batches = printed
        .lines()
        .find_map(|line| line.strip_prefix("| `SendMessageBatch` | "));
    let batches = batches.and_then(|cell| cell.trim_end_matches(" |").parse::<f64>().ok());
    assert!(batches < Some(0.5), "{printed}");
}
