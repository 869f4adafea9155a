//! The time of a page of each list and search that the operators' API offers.

mod capture;
mod examples;
mod fill;
mod load;
mod measure;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use hookgate::{BoxError, system_now, unix_ms};

use load::{Load, SPAN};

/// Fill a table with events, and measure each kind of list and search.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The table is the embedded engine's, in a file. Its items are those that the gateway writes: archived in
batches of ten, with their items in the ledger; three events in a thousand wait, are dead or unhandled. It exits
with 0 only if no page takes longer than a second."
)]
pub(crate) struct Lists {
    /// Number of events. Ten million need about 15 GB.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1000..))]
    events: usize,
    /// Number of pages of each list.
    #[arg(long, default_value_t = 5, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pages: usize,
    /// The folder for the table; one that is deleted by default.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Lists {
    pub(crate) async fn run(self) -> Result<ExitCode, BoxError> {
        let folder = match &self.data {
            Some(folder) => tempfile::tempdir_in(folder)?,
            None => tempfile::tempdir()?,
        };
        // Whole milliseconds, as ingest notes them.
        let end = Duration::from_millis(unix_ms(system_now()));
        let load = Load {
            events: self.events,
            start: std::time::UNIX_EPOCH + end - SPAN - Duration::from_secs(3600),
        };
        let start = Instant::now();
        fill::fill(folder.path(), load).await?;
        let bytes = std::fs::metadata(folder.path().join("dynamodb.sqlite"))?.len();
        println!(
            "{} events, {} MB, written in {} s\n",
            self.events,
            bytes / 1_000_000,
            start.elapsed().as_secs()
        );
        measure::measure(folder.path(), load, self.pages).await
    }
}
