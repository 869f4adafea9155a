//! Measurements that anybody can repeat.

mod cold;
mod cost;
mod loss;
mod meter;

use clap::{Args, Subcommand};

use crate::Outcome;

/// Measure what the gateway promises.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    command: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Kill a gateway under load, again and again, and count what is lost and what is repeated.
    Loss(loss::Loss),
    /// Measure cold starts under Lambda's emulator, beside other functions.
    Cold(cold::Cold),
    /// Count the calls of an event's way, and what they cost.
    Cost(cost::Cost),
}

impl Bench {
    pub(crate) async fn run(self) -> Outcome {
        match self.command {
            Which::Loss(loss) => loss.run().await,
            Which::Cold(cold) => cold.run().await,
            Which::Cost(cost) => cost.run().await,
        }
    }
}
