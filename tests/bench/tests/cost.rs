//! The costs of an event, against the page on costs.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

fn bench() -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_hookgate-bench"))
        .args(["cost", "--events", "20", "--json"])
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The rows of the page's table for one event: what, and how often.
fn rows_for_one_event() -> BTreeMap<String, String> {
    let page = include_str!("../../../docs/costs.md");
    let (_, table) = page
        .split_once("| what | how often | for |")
        .expect("a table");
    let table = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split('|').map(|cell| cell.trim().replace('`', ""));
        cells.collect()
    };
    let rows = table.map(|line| {
        let cells = cells(line);
        (cells[1].clone(), cells[2].clone())
    });
    rows.collect()
}

#[test]
fn an_event_makes_the_calls_that_the_page_says_and_no_others() {
    let told = bench();
    let mut counted = BTreeMap::new();
    for key in ["calls_per_event", "units_per_event"] {
        for (what, count) in told[key].as_object().expect("an object") {
            let count = count.as_f64().expect("a number");
            if what.starts_with("bytes") {
                // They differ a little from run to run: the page's dollars have them.
                assert!((100.0..10_000.0).contains(&count), "{what}: {count}");
            } else if count > 0.0 {
                counted.insert(what.clone(), count.to_string());
            }
        }
    }
    assert_eq!(counted, rows_for_one_event());
}

#[test]
fn a_topology_that_is_said_to_save_saves() {
    let told = bench();
    let bills = told["dollars_per_million_events"]
        .as_array()
        .expect("bills");
    let sum = |name: &str| {
        let mut named = bills.iter().filter(|bill| bill["topology"] == name);
        let bill = named.next().unwrap_or_else(|| panic!("{name} in {told}"));
        bill["sum"].as_f64().expect("a number")
    };
    let base = sum("HTTP API, arm64, batches of ten");
    assert!((1.0..20.0).contains(&base), "{base}");
    for cheaper in ["Function URL", "archive = \"none\"", "LogFilter = warn"] {
        assert!(sum(cheaper) < base - 0.2, "{cheaper}");
    }
    for dearer in [
        "x86_64",
        "one message a batch",
        "bodies of 100 KB",
        "bodies of 1 MB, in S3",
    ] {
        assert!(sum(dearer) > base, "{dearer}");
    }
    // The API's dollar, and its lines in the log.
    assert!((1.0..1.3).contains(&(base - sum("Function URL"))));
}

#[test]
fn the_page_has_the_alarms_and_series_that_the_templates_have() {
    let stack = &bench()["stack"];
    let page = include_str!("../../../docs/costs.md");
    let (alarms, series) = (&stack["alarm_metrics"], &stack["series"]);
    assert!(
        page.contains(&format!("alarms: {alarms} metrics")),
        "{stack}"
    );
    assert_eq!(stack["series_per_source"], 9, "the page says nine");
    let line = format!("metrics: {series}, and nine for each source");
    assert!(page.contains(&line), "{stack}");
    assert_eq!(stack["dashboards"], 1, "the page has one dashboard");
}
