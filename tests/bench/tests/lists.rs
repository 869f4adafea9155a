//! Lists of a table that the command fills by itself.

use std::process::Command;

/// The events that a list found, and where its last page ended.
fn found<'a>(output: &'a str, list: &str) -> (&'a str, &'a str) {
    let line = output.lines().find(|line| line.starts_with(list));
    let line = line.expect("a line for the list");
    let mut words = line[list.len()..].split_whitespace();
    (
        words.nth(1).expect("a number"),
        words.nth(2).expect("an end"),
    )
}

#[test]
fn every_list_of_a_table_that_was_filled_finds_its_events() {
    let output = Command::new(env!("CARGO_BIN_EXE_hookgate-bench"))
        .args(["lists", "--events", "1000", "--pages", "100"])
        .output()
        .expect("the command runs");
    let output = String::from_utf8(output.stdout).expect("text");
    for (list, events) in [
        ("all, newest first ", "1000"),
        ("all, oldest first ", "1000"),
        ("state: done ", "997"),
        ("state: dead ", "1"),
        ("state: waiting ", "1"),
        ("state: processing, of which are none ", "0"),
        ("one type in all events ", "1"),
        ("one tenant in all events ", "1"),
        ("one type, within its hour ", "1"),
    ] {
        assert_eq!(found(&output, list), (events, "the"), "{list}:\n{output}");
    }
}
