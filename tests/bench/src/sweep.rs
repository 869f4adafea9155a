//! The time that the sweeper takes to empty the outbox, and the calls that it makes.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hookgate::event::Until;
use hookgate::{Body, BoxError, Clock, Event, EventKey, Message, Number, system_now};
use hookgate_sweeper::Sweeper;
use hookgate_twin::engines::Engines;

use crate::cost::{Meter, Metered};

/// The time of one invocation.
const INVOCATION: Duration = Duration::from_secs(60);

/// The number of rows that are added side by side.
const SIDE_BY_SIDE: usize = 64;

/// Fill the outbox, and measure how fast the sweeper empties it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Sweep {
    /// Number of rows.
    #[arg(long, default_value_t = 100_000)]
    rows: usize,
    /// Size of an event's body.
    #[arg(long, default_value_t = 2048)]
    bytes: usize,
    /// Milliseconds by which each call of the sweeper is later, as calls on AWS are.
    #[arg(long, default_value_t = 0)]
    call_ms: u64,
}

impl Sweep {
    pub(crate) async fn run(self) -> Result<ExitCode, BoxError> {
        let meter = Meter::default();
        let engines = Engines::in_memory(Box::new(system_now)).await?;
        self.fill(&engines).await?;
        let call = Duration::from_millis(self.call_ms);
        let engines = engines.over(Metered::new(meter.clone()).after(call));
        let table = engines.table(None);
        let sweeper = Sweeper::new(table, engines.queue(), Vec::new(), Clock::system());
        let (mut sent, mut invocations) = (0, 0);
        let began = Instant::now();
        while sent < self.rows {
            invocations += 1;
            let swept = sweeper.sweep(system_now() + INVOCATION).await?;
            if swept.sent == 0 {
                return Err(format!("{} rows were left", self.rows - sent).into());
            }
            sent += swept.sent;
        }
        let took = began.elapsed().as_secs_f64();
        let used = meter.used();
        let rows = self.rows as f64;
        let calls: u64 = used.calls.values().sum();
        println!(
            "{sent} rows in {took:.1} s and {invocations} invocations: {:.0} rows a second, {:.2} calls a row.",
            rows / took,
            calls as f64 / rows
        );
        println!("\n| what | for a row |\n|---|---|");
        for (action, count) in &used.calls {
            println!("| `{action}` | {:.3} |", *count as f64 / rows);
        }
        println!("| write units | {:.2} |", used.writes / rows);
        println!("| read units | {:.2} |", used.reads / rows);
        engines.stop().await;
        Ok(ExitCode::SUCCESS)
    }

    async fn fill(&self, engines: &Engines) -> Result<(), BoxError> {
        let table = engines.table(None);
        let added = stream::iter(0..self.rows).map(|number| {
            let (table, message) = (table.clone(), self.message(number));
            async move {
                let due = Until::Due(message.event.received);
                table.add_to_outbox(&message, due).await
            }
        });
        added
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect::<()>()
            .await?;
        Ok(())
    }

    fn message(&self, number: usize) -> Message {
        let id = format!("evt_{number}");
        let body: Vec<u8> = (0..self.bytes)
            .map(|_| fastrand::alphanumeric() as u8)
            .collect();
        Message {
            event: Event {
                key: EventKey::new(None, "bench", &id),
                source: "bench".to_owned(),
                tenant: None,
                id: Some(id),
                event_type: None,
                received: system_now(),
                headers: Vec::new(),
                trace: None,
                body: Body::Inline(body.into()),
            },
            number: Number::default(),
            replay: None,
            probe: false,
            held_ms: 0,
        }
    }
}
