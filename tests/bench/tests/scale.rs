//! The simulation of much traffic, against the page that shows it.

use std::process::Command;

const PAGE: &str = include_str!("../../../docs/scale.md");

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hookgate-bench"))
        .arg("scale")
        .args(arguments)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The lines of a table or a sentence; what is around them may differ.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty())
}

#[test]
fn the_page_shows_what_the_command_prints() {
    let printed = run(&[]);
    assert!(lines(&printed).count() > 30, "{printed}");
    for line in lines(&printed) {
        assert!(
            PAGE.lines().any(|shown| shown == line),
            "not in docs/scale.md: {line}"
        );
    }
    let rows = |text: &str| lines(text).filter(|line| line.starts_with("| ")).count();
    let (shown, _) = PAGE
        .split_once("\n## What to raise")
        .expect("a heading after the tables");
    assert_eq!(
        rows(shown),
        rows(&printed),
        "the page has rows that are not printed"
    );
}

#[test]
fn slower_handlers_need_more_batches_side_by_side() {
    let slow = run(&["--batch-ms", "4000"]);
    let row = lines(&slow).find(|line| line.starts_with("| concurrent batches"));
    let row = row.expect("a row");
    assert!(
        row.contains("| 400 | 5 | at once | it is raised |"),
        "{row}"
    );
}
