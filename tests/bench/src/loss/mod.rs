//! Losses and repetitions of a gateway that is killed under load, again and again.

mod gateway;
mod load;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use hookgate::BoxError;
use serde_json::{Map, Value};

use crate::source::source;
pub(crate) use gateway::Gateway;
use gateway::Running;
use load::{Load, send};

/// Kill a gateway under load, again and again, and count what is lost and what is repeated.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It runs the gateway in a process of its own, as `hookgate dev` does, sends it signed events from
several senders that repeat each until it is answered with a 2xx, kills it with SIGKILL at random times,
starts it again, and lets it finish. An effect is a run of the event's handler. It exits with 0 only if
no accepted event is lost."
)]
pub(crate) struct Loss {
    /// Number of events.
    #[arg(long, default_value_t = 1000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    events: usize,
    /// Number of times that the gateway is killed.
    #[arg(long, default_value_t = 10)]
    kills: usize,
    /// Number of senders that send at a time.
    #[arg(long, default_value_t = 16, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    senders: usize,
    /// Seed of the times at which the gateway is killed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The time without any progress after which a missing event counts as lost: longer than any wait of the
/// gateway's own.
const PATIENCE: Duration = Duration::from_secs(240);

impl Loss {
    pub(crate) async fn run(self) -> Result<ExitCode, BoxError> {
        let folder = tempfile::tempdir()?;
        let load = Arc::new(Load::new(self.events));
        let source = Arc::new(source().await?);
        let start = Instant::now();
        let mut gateway = Running::start(folder.path(), &load).await?;
        let senders: Vec<_> = (0..self.senders)
            .map(|_| tokio::spawn(send(load.clone(), source.clone())))
            .collect();
        for accepted in self.times_of_death() {
            while load.accepted() < accepted {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            gateway.kill().await?;
            gateway = Running::start(folder.path(), &load).await?;
        }
        for sender in senders {
            sender.await?;
        }
        drained(&load).await;
        gateway.kill().await?;
        self.report(&load, start.elapsed());
        Ok(ExitCode::from(u8::from(load.missing() > 0)))
    }

    /// The numbers of accepted events at which the gateway is killed.
    fn times_of_death(&self) -> Vec<usize> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut times: Vec<usize> = (0..self.kills)
            .map(|_| random.usize(0..self.events))
            .collect();
        times.sort_unstable();
        times
    }

    fn report(&self, load: &Load, took: Duration) {
        let counts = [
            ("requests sent", load.sent()),
            ("events accepted", load.accepted()),
            ("kills", self.kills),
            ("effects", load.effects()),
            ("events lost", load.missing()),
            ("events handled more than once", load.repeated()),
        ];
        let seconds = took.as_secs_f64();
        if self.json {
            let counts = counts.map(|(name, count)| (name.replace(' ', "_"), count.into()));
            let seconds = ("seconds".to_owned(), seconds.into());
            let members: Map<String, Value> = counts.into_iter().chain([seconds]).collect();
            println!("{:#}", Value::Object(members));
            return;
        }
        for (name, count) in counts {
            println!("{name:<30} {count:>9}");
        }
        println!("{:<30} {seconds:>9.1}", "seconds");
    }
}

/// Waits until every accepted event is handled, or nothing happens any longer.
async fn drained(load: &Load) {
    let mut missing = load.missing();
    let mut since = Instant::now();
    while missing > 0 && since.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = load.missing();
        if now != missing {
            (missing, since) = (now, Instant::now());
        }
    }
}
