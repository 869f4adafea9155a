//! The figures, for people and for programs. Tables are Markdown, as in docs/costs.md.

use serde_json::{Value, json};

use super::bill::{Assumptions, Bill, Idle};
use super::managed::Managed;
use super::prices::Age;
use super::run::Usage;
use super::stack::Stack;

/// The figures that were measured and computed.
pub(super) struct Figures {
    /// The size of an event's body.
    pub(super) bytes: u32,
    /// The usage of the first topology.
    pub(super) base: Usage,
    /// The bills of each topology.
    pub(super) bills: Vec<Bill>,
    /// The bills of the first one with changed settings.
    pub(super) changed: Vec<Bill>,
    pub(super) managed: Vec<Managed>,
    pub(super) idle: Idle,
    pub(super) assumed: Assumptions,
    pub(super) stack: Stack,
    pub(super) prices: Age,
}

/// The bills as an array.
pub(super) fn json(bills: &[Bill]) -> Value {
    let bills = bills.iter().map(|bill| {
        json!({
            "topology": bill.topology,
            "batch": bill.batch,
            "dollars_per_million": bill.sum(),
            "parts": bill.parts(),
        })
    });
    bills.collect()
}

impl Figures {
    pub(super) fn print(&self) {
        println!(
            "For one event of {} bytes, handled at once, in batches of ten:\n",
            self.bytes
        );
        println!("| what | how often |\n|---|---|");
        for (name, count) in self.per_event() {
            println!("| {name} | {} |", rounded(count));
        }
        println!(
            "\nDollars for a million events (us-east-1, prices found from {} to {}):\n",
            self.prices.from, self.prices.to
        );
        table("topology", &self.bills);
        println!("\nThe first of these with one thing changed:\n");
        table("change", &self.changed);
        self.print_managed();
        self.print_assumptions();
        self.print_idle();
    }

    fn print_managed(&self) {
        println!(
            "\nWhat managed gateways list, in dollars (second-hand; see tests/bench/managed.toml):\n"
        );
        println!("| gateway | a month | a million events | | read |\n|---|---|---|---|---|");
        for one in &self.managed {
            println!(
                "| [{}]({}) | {:.2} | {:.2} | {} | {} |",
                one.name, one.page, one.month, one.million, one.note, one.date
            );
        }
    }

    fn print_assumptions(&self) {
        let assumed = &self.assumed;
        println!(
            "\nAssumed: {} MB of memory, {} ms for a request, {} ms for a batch; {} events per second behind the load balancer.",
            assumed.memory_mb, assumed.ingest_ms, assumed.batch_ms, assumed.events_per_second
        );
        let stack = &self.stack;
        println!(
            "In the templates: {} metrics of alarms, {} series and {} for each source, an access log of {} bytes a line.",
            stack.alarm_metrics, stack.series, stack.series_per_source, stack.access_line_bytes
        );
        println!("Prices without a date: {}.", self.prices.undated.join(", "));
    }

    fn print_idle(&self) {
        println!(
            "\nDollars a month without an event, with {} sources:\n",
            self.assumed.sources
        );
        println!("| what | dollars |\n|---|---|");
        for (name, dollars) in self.idle {
            println!("| {name} | {dollars:.2} |");
        }
    }

    /// The calls that an event makes, and the units that it is charged for.
    fn per_event(&self) -> impl Iterator<Item = (&str, f64)> {
        let usage = &self.base;
        let calls = usage.used.calls.iter();
        let calls = calls.map(|(action, count)| (action.as_str(), *count as f64));
        let all = calls.chain(usage.units());
        all.map(|(name, count)| (name, usage.per_event(count)))
    }
}

fn table(first: &str, bills: &[Bill]) {
    let columns: Vec<&str> = bills
        .iter()
        .take(1)
        .flat_map(|bill| bill.parts.iter().map(|(name, _)| *name))
        .collect();
    println!("| {first} | batch | {} | sum |", columns.join(" | "));
    println!("|---|---|{}---|", "---|".repeat(columns.len()));
    for bill in bills {
        let parts = bill.parts.iter();
        let parts: String = parts
            .map(|(_, dollars)| format!(" {dollars:.2} |"))
            .collect();
        println!(
            "| {} | {} |{parts} {:.2} |",
            bill.topology,
            bill.batch,
            bill.sum()
        );
    }
}

/// A number with at most two digits behind the point.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
