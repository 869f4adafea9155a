//! The costs of an event, against the page on costs.

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

#[test]
fn an_event_makes_the_calls_that_the_page_says() {
    let told = bench();
    let page = include_str!("../../../docs/costs.md");
    for (key, marks) in [("calls_per_event", "`"), ("units_per_event", "")] {
        for (what, count) in told[key].as_object().expect("an object") {
            let line = format!("| {marks}{what}{marks} | {count} |").replace(".0 |", " |");
            // Sizes differ a little from run to run, and reads there are none.
            let said = what.starts_with("bytes") || count == 0.0 || page.contains(&line);
            assert!(said, "{line}");
        }
    }
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
