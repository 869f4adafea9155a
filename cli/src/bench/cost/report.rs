//! What was counted and computed, for people and for programs.

use serde_json::{Value, json};

use super::prices::Age;
use super::run::Usage;
use super::{Bill, Cost};

impl Cost {
    pub(super) fn print(&self, base: &Usage, bills: &[Bill], idle: &[(&str, f64)], age: &Age) {
        let each = |count: f64| count / f64::from(self.events);
        println!("For one event of {} bytes, handled at once:\n", self.bytes);
        for (action, count) in &base.used.calls {
            println!("  {action:<24} {:>8.1}", each(*count as f64));
        }
        for (what, count) in base.units() {
            println!("  {what:<24} {:>8.1}", each(count));
        }
        println!(
            "\nDollars for a million events (us-east-1, prices found from {} to {}):\n",
            age.from, age.to
        );
        let columns = bills.first().map(|bill| bill.items.map(|(name, _)| name));
        print!("{:<32}", "");
        for name in columns.into_iter().flatten() {
            print!(" {name:>8}");
        }
        println!(" {:>8}", "sum");
        for bill in bills {
            print!("{:<32}", bill.name);
            for (name, dollars) in bill.items {
                print!(" {dollars:>width$.2}", width = name.len().max(8));
            }
            println!(" {:>8.2}", bill.sum());
        }
        println!(
            "\n{} MB of memory; {} ms for a request and {} ms for a batch are reckoned with.",
            self.memory_mb, self.ingest_ms, self.batch_ms
        );
        println!(
            "\nDollars a month without an event, with {} sources:\n",
            self.sources
        );
        for (what, dollars) in idle {
            println!("  {what:<24} {dollars:>8.2}");
        }
        println!("\nPrices without a date: {}.", age.undated.join(", "));
    }

    pub(super) fn as_json(
        &self,
        base: &Usage,
        bills: &[Bill],
        idle: &[(&str, f64)],
        age: &Age,
    ) -> Value {
        let each = |count: f64| count / f64::from(self.events);
        let calls = base
            .used
            .calls
            .iter()
            .map(|(action, count)| (action.clone(), json!(each(*count as f64))));
        let units = base
            .units()
            .map(|(what, count)| (what.to_owned(), json!(each(count))));
        let bills = bills.iter().map(|bill| {
            let items = bill.items.iter().map(|(name, dollars)| ((*name).to_owned(), json!(dollars)));
            json!({ "topology": bill.name, "dollars": Value::Object(items.collect()), "sum": bill.sum() })
        });
        json!({
            "bytes": self.bytes,
            "calls_per_event": Value::Object(calls.collect()),
            "units_per_event": Value::Object(units.into_iter().collect()),
            "dollars_per_million_events": bills.collect::<Vec<_>>(),
            "dollars_per_idle_month": Value::Object(idle.iter().map(|(what, dollars)| ((*what).to_owned(), json!(dollars))).collect()),
            "prices": age,
        })
    }
}
