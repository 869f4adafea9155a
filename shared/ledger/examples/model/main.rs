//! The exhausted model of the inbound protocol.
//!
//! ```text
//! cargo run --release -p hookgate-ledger --example model               the budgets of the test
//! cargo run --release -p hookgate-ledger --example model -- --full     larger ones: minutes, gigabytes
//! cargo run --release -p hookgate-ledger --example model -- --mutants  every broken rule, by its shortest way
//! ```

mod protocol;

use std::process::ExitCode;
use std::time::Instant;

use protocol::{BUDGETS, FULL, Mutation, Verdict, search};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => holds(&BUDGETS),
        Some("--full") => holds(&FULL),
        Some("--mutants") => mutants(),
        Some(other) => {
            eprintln!("`{other}` is none of --full, --mutants");
            ExitCode::from(2)
        }
    }
}

fn holds(budgets: &[protocol::Budget]) -> ExitCode {
    println!(
        "{:>11}  {:>12}  {:>5}  {:>7}  budget",
        "states", "steps", "depth", "seconds"
    );
    for budget in budgets {
        let start = Instant::now();
        match search(*budget, Mutation::None) {
            Verdict::Holds(found) => println!(
                "{:>11}  {:>12}  {:>5}  {:>7.1}  {budget}",
                found.states,
                found.steps,
                found.depth,
                start.elapsed().as_secs_f64()
            ),
            Verdict::Broken(way) => {
                println!("with {budget}:\n{way}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn mutants() -> ExitCode {
    let mut all_die = true;
    for mutation in Mutation::ALL {
        let verdict = search(mutation.budget(), mutation);
        println!("{}", mutation.name());
        match verdict {
            Verdict::Broken(way) => println!("{way}\n"),
            Verdict::Holds(found) => {
                println!("      lives: {} states\n", found.states);
                all_die = false;
            }
        }
    }
    ExitCode::from(u8::from(!all_die))
}
