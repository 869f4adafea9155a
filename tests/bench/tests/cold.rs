//! The refusal of `hookgate-bench cold` where it cannot measure.

use std::process::Command;

#[test]
fn a_program_that_is_missing_is_named_with_the_command_that_provides_it() {
    let empty = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_hookgate-bench"))
        .args(["cold", "--target"])
        .arg(empty.path())
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("aws-lambda-rie is missing"), "{said}");
    assert!(
        said.contains("run: tests/scripts/provision.sh peers"),
        "{said}"
    );
}
