//! The costs of an event, against the page on costs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/costs.md");

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hookgate-bench"))
        .arg("cost")
        .args(if arguments.contains(&"--events") {
            &[][..]
        } else {
            &["--events", "20"]
        })
        .args(arguments)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| run(&[]))
}

/// The rows of the table with these first cells in its head: each row's cells.
fn rows(page: &str, head: &str) -> Vec<Vec<String>> {
    let (_, table) = page.split_once(head).expect("a table");
    let table = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let rows = table.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    });
    rows.collect()
}

/// What, and how often, in a table for one event.
fn counts(page: &str) -> BTreeMap<String, String> {
    let rows = rows(page, "| what | how often |").into_iter();
    let counts = rows.map(|cells| (cells[0].replace('`', ""), cells[1].clone()));
    counts.collect()
}

/// The sum of each row of a table of dollars, by the row's name and size of batches.
fn sums(head: &str) -> BTreeMap<(String, String), f64> {
    let rows = rows(text(), head).into_iter();
    let sums = rows.map(|cells| {
        let sum = cells.last().expect("a sum").parse().expect("dollars");
        ((cells[0].clone(), cells[1].clone()), sum)
    });
    sums.collect()
}

#[test]
fn an_event_makes_the_calls_that_the_page_says_and_no_others() {
    let mut counted = counts(text());
    counted.retain(|what, count| {
        let bytes = what.starts_with("bytes");
        if bytes {
            // They differ a little from run to run: the page's dollars have them.
            let count: f64 = count.parse().expect("a number");
            assert!((100.0..10_000.0).contains(&count), "{what}: {count}");
        }
        !bytes && count != "0"
    });
    assert_eq!(counted, counts(PAGE));
}

#[test]
fn the_page_has_the_dollars_that_the_command_prints() {
    for head in ["| topology | batch |", "| change | batch |"] {
        let (printed, page) = (rows(text(), head), rows(PAGE, head));
        assert_eq!(printed.len(), page.len(), "{head}");
        for (printed, page) in printed.iter().zip(&page) {
            assert_eq!(printed[..2], page[..2]);
            for (printed, page) in printed[2..].iter().zip(&page[2..]) {
                let dollars = |cell: &str| cell.parse::<f64>().expect("dollars");
                let (printed, page) = (dollars(printed), dollars(page));
                // Twenty events with bodies of chance have two items of the archive in batches of ten, and each may
                // take a write unit more or less, which is three cents.
                assert!(
                    (printed - page).abs() <= 0.08 + page * 0.01,
                    "{printed} {page}"
                );
            }
        }
    }
}

#[test]
fn a_program_reads_an_array_of_topologies_with_each_size_of_batches() {
    let all: Value = serde_json::from_str(&run(&["--json"])).expect("JSON");
    let all = all.as_array().expect("an array");
    let mut seen = BTreeSet::new();
    for one in all {
        let members: Vec<&str> = one
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            members,
            ["batch", "dollars_per_million", "parts", "topology"]
        );
        let parts = one["parts"].as_object().expect("parts");
        let sum: f64 = parts
            .values()
            .map(|part| part.as_f64().expect("dollars"))
            .sum();
        let total = one["dollars_per_million"].as_f64().expect("dollars");
        assert!((sum - total).abs() < 1e-9, "{one}");
        seen.insert((
            one["topology"].as_str().expect("a name"),
            one["batch"].as_u64().expect("a size"),
        ));
    }
    for topology in [
        "http-api",
        "function-url",
        "alb",
        "queue-first-http-api",
        "queue-first-function-url",
    ] {
        for batch in [1, 2, 10] {
            assert!(seen.remove(&(topology, batch)), "{topology} {batch}");
        }
    }
    assert!(seen.is_empty(), "{seen:?}");
}

/// The dollars that an event may cost at most, in batches of ten.
const LIMITS: [(&str, f64); 4] = [
    ("http-api", 4.5),
    ("function-url", 3.43),
    ("queue-first-http-api", 3.9),
    ("queue-first-function-url", 2.8),
];

#[test]
fn a_million_events_cost_no_more_than_the_page_promises() {
    // Enough events that what happens once, such as the first look at a route, does not count.
    let all = rows(&run(&["--events", "100"]), "| topology | batch |");
    for (topology, limit) in LIMITS {
        let row = all.iter().find(|row| row[0] == topology && row[1] == "10");
        let sum = row.and_then(|row| row.last()).expect("a sum");
        assert!(
            sum.parse::<f64>().expect("dollars") <= limit,
            "{topology}: {sum}"
        );
        assert!(PAGE.contains(&format!("| {topology} | {limit} |")));
    }
}

#[test]
fn a_topology_that_is_said_to_save_saves() {
    let (all, changed) = (sums("| topology | batch |"), sums("| change | batch |"));
    let all = |name: &str, batch: &str| all[&(name.to_owned(), batch.to_owned())];
    let changed = |name: &str| changed[&(name.to_owned(), "10".to_owned())];
    let base = all("http-api", "10");
    assert!((1.0..20.0).contains(&base), "{base}");
    for (cheaper, saved) in [("`archive = \"none\"`", 0.3), ("`LogFilter: warn`", 0.02)] {
        assert!(changed(cheaper) < base - saved, "{cheaper}");
    }
    for dearer in [
        "`Architecture: x86_64`",
        "`PointInTimeRecovery: true`",
        "bodies of 100 KB",
        "bodies of 1 MB, in S3",
    ] {
        assert!(changed(dearer) > base, "{dearer}");
    }
    assert!(base < all("http-api", "2") && all("http-api", "2") < all("http-api", "1"));
    // The API's dollar, and its lines in the log.
    assert!((1.0..1.3).contains(&(base - all("function-url", "10"))));
    assert!(all("alb", "10") < base);
    // A write unit.
    assert!((0.55..0.7).contains(&(base - all("queue-first-http-api", "10"))));
}

#[test]
fn the_page_has_the_alarms_and_series_that_the_templates_have() {
    let (_, line) = text().split_once("In the templates: ").expect("a line");
    let numbers = line.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<&str> = numbers.filter(|number| !number.is_empty()).collect();
    let [alarms, series, per_source, access_line] = numbers[..4] else {
        panic!("{line}");
    };
    assert!(
        PAGE.contains(&format!("alarms: {alarms} metrics")),
        "{line}"
    );
    assert_eq!(per_source, "10", "the page says ten");
    let series = format!("metrics: {series}, and ten for each source");
    assert!(PAGE.contains(&series), "{line}");
    assert!(PAGE.contains(&format!("{access_line} bytes")), "{line}");
}

#[test]
fn the_page_has_what_managed_gateways_list_and_where_it_was_read() {
    assert_eq!(rows(text(), "| gateway |"), rows(PAGE, "| gateway |"));
}
