//! Measurements that anybody can repeat.

mod cold;
mod cost;
mod loss;
mod meter;

use clap::{Args, Subcommand};
use hookgate::Source;
use hookgate::system_now;
use hookgate_signature::Outgoing;

use crate::{BoxError, Outcome};

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

/// The path that all send their events to.
const PATH: &str = "/webhooks/bench";

/// The headers that make a body the request of a source's provider.
fn signed(source: &Source, body: &str) -> Result<Vec<(String, String)>, BoxError> {
    let outgoing = Outgoing {
        method: "POST",
        url: PATH,
        id: None,
        headers: &[],
        body: body.as_bytes(),
    };
    Ok(source.verifier().sign(&outgoing, system_now())?)
}
