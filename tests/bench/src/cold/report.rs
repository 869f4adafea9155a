//! The medians and goals, for people and for programs.

use serde_json::json;

use super::measured::Row;

/// The goals: name, measured value, and the most that it may be.
fn goals(rows: &[Row], own_us: f64) -> Vec<(&'static str, f64, f64)> {
    let named = |name: &str| rows.iter().find(|row| row.name == name);
    let all = (named("ingest"), named("processor"), named("hello, world"));
    let (Some(ingest), Some(processor), Some(hello)) = all else {
        return Vec::new();
    };
    vec![
        (
            "ingest's init, of hello world's",
            ingest.init_ms / hello.init_ms,
            1.5,
        ),
        (
            "ingest's first request, of a warm one's",
            ingest.first_ms / ingest.warm_ms,
            3.0,
        ),
        (
            "ingest's own time beyond its two calls, ms",
            own_us / 1000.0,
            0.3,
        ),
        ("ingest's zip, MB", ingest.zip_mb.unwrap_or(f64::NAN), 2.5),
        (
            "the processor's init, of hello world's",
            processor.init_ms / hello.init_ms,
            2.0,
        ),
        (
            "the processor's zip, MB",
            processor.zip_mb.unwrap_or(f64::NAN),
            3.0,
        ),
    ]
}

pub(super) fn print(rows: &[Row], own_us: f64) {
    println!(
        "{:<22} {:>9} {:>7} {:>9} {:>9} {:>7} {:>10} {:>10} {:>8} {:>7}",
        "median",
        "init ms",
        "ratio",
        "first ms",
        "warm ms",
        "ratio",
        "start CPU",
        "warm CPU",
        "peak MB",
        "zip MB"
    );
    let hello = rows.iter().find(|row| row.name == "hello, world");
    let of = |value: f64, base: Option<f64>| {
        base.map_or_else(String::new, |base| format!("{:.2}", value / base))
    };
    for row in rows {
        println!(
            "{:<22} {:>9.1} {:>7} {:>9.1} {:>9.2} {:>7} {:>10.1} {:>10.2} {:>8.1} {:>7}",
            row.name,
            row.init_ms,
            of(row.init_ms, hello.map(|hello| hello.init_ms)),
            row.first_ms,
            row.warm_ms,
            of(row.warm_ms, hello.map(|hello| hello.warm_ms)),
            row.start_cpu_ms,
            row.warm_cpu_ms,
            row.peak_mb,
            row.zip_mb.map_or_else(String::new, |mb| format!("{mb:.2}")),
        );
    }
    println!("\ningest's own time for a request, where AWS answers at once: {own_us:.0} µs\n");
    for (what, measured, most) in goals(rows, own_us) {
        let met = if measured <= most { "met" } else { "missed" };
        println!("{what:<44} {measured:>7.2}  at most {most:>4}  {met}");
    }
}

pub(super) fn as_json(rows: &[Row], own_us: f64) -> serde_json::Value {
    let rows_json = rows.iter().map(|row| {
        json!({
            "name": row.name, "init_ms": row.init_ms, "first_ms": row.first_ms, "warm_ms": row.warm_ms,
            "start_cpu_ms": row.start_cpu_ms, "warm_cpu_ms": row.warm_cpu_ms, "peak_mb": row.peak_mb,
            "zip_mb": row.zip_mb,
        })
    });
    let goals = goals(rows, own_us).into_iter();
    let goals = goals.map(
        |(what, measured, most)| json!({ "what": what, "measured": measured, "at_most": most }),
    );
    json!({ "functions": rows_json.collect::<Vec<_>>(), "own_us": own_us, "goals": goals.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_missed_where_a_function_takes_more_than_it_may() {
        let row = |name, init_ms, first_ms| Row {
            name,
            init_ms,
            first_ms,
            warm_ms: 2.0,
            start_cpu_ms: 1.0,
            warm_cpu_ms: 1.0,
            peak_mb: 1.0,
            zip_mb: Some(2.0),
        };
        let rows = [
            row("hello, world", 10.0, 2.0),
            row("ingest", 16.0, 5.0),
            row("processor", 21.0, 5.0),
        ];
        let goals = goals(&rows, 400.0);
        let met: Vec<bool> = goals.iter().map(|(_, is, most)| is <= most).collect();
        assert_eq!(met, [false, true, false, true, false, true]);
    }
}
