//! The lists of providers in the READMEs are made from `providers/`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use hookgate_signature::{About, Provider};

const COMMAND: &str = "UPDATE_README=1 cargo test -p hookgate-signature --test readme";

/// Compares what is between the markers, or writes it.
fn check(file: &str, list: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once("<!-- providers -->").unwrap();
    let (_, after) = rest.split_once("<!-- /providers -->").unwrap();
    let wanted = format!("{before}<!-- providers -->{list}<!-- /providers -->{after}");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&file, wanted).unwrap();
    } else {
        assert!(text == wanted, "{} is old: {COMMAND}", file.display());
    }
}

fn line(name: &str) -> String {
    let about = About::provider(name).unwrap();
    let table = Provider::builtin_table(name).unwrap();
    let algorithm = table["verify"]["algorithm"].as_str().unwrap();
    let checked = about.checked.map(|day| format!(", {day}"));
    format!(
        "| [{}]({}) | `{name}` | `{algorithm}` | {}{} | {} |\n",
        about.title,
        about.docs,
        about.basis.verify.as_str(),
        checked.unwrap_or_default(),
        about.basis.event.as_str(),
    )
}

#[test]
fn the_crates_readme_has_every_provider_in_its_table() {
    let lines: String = Provider::builtin_names().map(line).collect();
    let head =
        "| provider | name | algorithm | `verify` from | `event` from |\n|---|---|---|---|---|\n";
    check("README.md", &format!("\n{head}{lines}"));
}

#[test]
fn the_projects_readme_names_every_provider() {
    let names: Vec<_> = Provider::builtin_names()
        .map(|name| format!("`{name}`"))
        .collect();
    check("../../README.md", &format!("\n{}\n", names.join(", ")));
}
