//! The figures, for people and for programs.

use serde_json::{Map, Value, json};

use super::bill::{Assumptions, Bill, Idle};
use super::prices::Age;
use super::run::Usage;
use super::stack::Stack;

/// The figures that were measured and computed.
pub(super) struct Figures {
    /// The events of each run.
    pub(super) events: u32,
    /// The size of an event's body.
    pub(super) bytes: u32,
    /// The usage of the first topology.
    pub(super) base: Usage,
    pub(super) bills: Vec<Bill>,
    pub(super) idle: Idle,
    pub(super) assumed: Assumptions,
    pub(super) stack: Stack,
    pub(super) prices: Age,
}

impl Figures {
    pub(super) fn print(&self) {
        println!("For one event of {} bytes, handled at once:\n", self.bytes);
        for (name, count) in self.calls().into_iter().chain(self.units()) {
            println!("  {name:<24} {count:>8.1}");
        }
        println!(
            "\nDollars for a million events (us-east-1, prices found from {} to {}):\n",
            self.prices.from, self.prices.to
        );
        self.print_bills();
        let assumed = &self.assumed;
        println!(
            "\nAssumed: {} MB of memory, {} ms for a request, {} ms for a batch.",
            assumed.memory_mb, assumed.ingest_ms, assumed.batch_ms
        );
        println!(
            "\nDollars a month without an event, with {} sources:\n",
            assumed.sources
        );
        for (name, dollars) in self.idle {
            println!("  {name:<24} {dollars:>8.2}");
        }
        println!(
            "\nPrices without a date: {}.",
            self.prices.undated.join(", ")
        );
    }

    fn print_bills(&self) {
        let columns = self.bills.first().map(|bill| bill.items);
        print!("{:<32}", "");
        for (name, _) in columns.into_iter().flatten() {
            print!(" {name:>8}");
        }
        println!(" {:>8}", "sum");
        for bill in &self.bills {
            print!("{:<32}", bill.name);
            for (name, dollars) in bill.items {
                print!(" {dollars:>width$.2}", width = name.len().max(8));
            }
            println!(" {:>8.2}", bill.sum());
        }
    }

    pub(super) fn json(&self) -> Value {
        let bills = self.bills.iter().map(|bill| {
            let dollars = object(bill.items);
            json!({ "topology": bill.name, "dollars": dollars, "sum": bill.sum() })
        });
        json!({
            "bytes": self.bytes,
            "calls_per_event": object(self.calls()),
            "units_per_event": object(self.units()),
            "dollars_per_million_events": bills.collect::<Vec<_>>(),
            "dollars_per_idle_month": object(self.idle),
            "stack": self.stack,
            "prices": self.prices,
        })
    }

    /// The calls that an event makes.
    fn calls(&self) -> Vec<(&str, f64)> {
        let calls = self.base.used.calls.iter();
        let calls = calls.map(|(action, count)| (action.as_str(), self.per_event(*count as f64)));
        calls.collect()
    }

    /// The units that an event is charged for.
    fn units(&self) -> Vec<(&str, f64)> {
        let units = self.base.units().into_iter();
        let units = units.map(|(name, count)| (name, self.per_event(count)));
        units.collect()
    }

    fn per_event(&self, count: f64) -> f64 {
        count / f64::from(self.events)
    }
}

fn object<'a>(members: impl IntoIterator<Item = (&'a str, f64)>) -> Value {
    let members = members.into_iter();
    let members = members.map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(members.collect::<Map<_, _>>())
}
