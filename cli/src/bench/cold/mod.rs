//! How long a function takes that was not running, and one that was: ingest and the processor beside a
//! Rust function that does nothing and a Python one that does ingest's job.

mod emulator;
mod own_time;
mod subjects;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use emulator::Function;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::json;
use subjects::{Ground, Subject};

use crate::{BoxError, Outcome};

/// Measure cold starts under Lambda's emulator, beside other functions.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It needs the functions, their peers and the emulator; one command provides them: tests/scripts/provision.sh peers
All are called in turns, in one run, against the same embedded engines. Milliseconds of a machine like this
one say little: look at the ratios."
)]
pub(crate) struct Cold {
    /// How often each function is started.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How often each is called after its first request.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    warm: u16,
    /// Where builds and provisioned programs are.
    #[arg(long, default_value = "target")]
    target: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was measured of a function: a value for each round.
#[derive(Default)]
struct Measured {
    init_ms: Vec<f64>,
    first_ms: Vec<f64>,
    warm_ms: Vec<f64>,
    warm_cpu_ms: Vec<f64>,
    start_cpu_ms: Vec<f64>,
    peak_mb: Vec<f64>,
}

/// A function's medians.
struct Row {
    name: &'static str,
    init_ms: f64,
    first_ms: f64,
    warm_ms: f64,
    start_cpu_ms: f64,
    warm_cpu_ms: f64,
    peak_mb: f64,
    zip_mb: Option<f64>,
}

impl Cold {
    pub(crate) async fn run(self) -> Outcome {
        let ground = Ground::prepare().await?;
        let subjects = ground.subjects(&self.target)?;
        if cfg!(debug_assertions) {
            return Err("ingest's own time is that of a release build; run: cargo run --release -- bench cold".into());
        }
        let mut measured: Vec<Measured> = subjects.iter().map(|_| Measured::default()).collect();
        for round in 0..self.rounds {
            eprint!("\rround {} of {}", round + 1, self.rounds);
            for turn in turns(round, subjects.len()) {
                self.round(&ground, &subjects[turn], &mut measured[turn])
                    .await?;
            }
        }
        eprintln!();
        let rows: Vec<Row> = subjects
            .iter()
            .zip(measured)
            .map(|(subject, measured)| measured.row(subject))
            .collect::<Result<_, _>>()?;
        let own_us = ground.own_time_us().await?;
        if self.json {
            println!("{:#}", as_json(&rows, own_us));
        } else {
            print(&rows, own_us);
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn round(
        &self,
        ground: &Ground,
        subject: &Subject,
        measured: &mut Measured,
    ) -> Result<(), BoxError> {
        let emulator = self.target.join("test-servers/rie/aws-lambda-rie");
        let function = Function::start(&emulator, &subject.program, &subject.environment).await?;
        let cold = function.invoke(&ground.event(subject.job)?).await?;
        let init = function
            .init_ms()
            .ok_or("the emulator did not say how long the initialisation took")?;
        let (start_cpu, _) = function.process().ok_or("the function's process is gone")?;
        measured.init_ms.push(init);
        measured.first_ms.push(cold - init);
        measured.start_cpu_ms.push(start_cpu);
        for _ in 0..self.warm {
            measured
                .warm_ms
                .push(function.invoke(&ground.event(subject.job)?).await?);
        }
        let (cpu, peak) = function.process().ok_or("the function's process is gone")?;
        measured
            .warm_cpu_ms
            .push((cpu - start_cpu) / f64::from(self.warm));
        measured.peak_mb.push(peak);
        function.stop().await
    }
}

impl Measured {
    fn row(mut self, subject: &Subject) -> Result<Row, BoxError> {
        Ok(Row {
            name: subject.name,
            init_ms: median(&mut self.init_ms),
            first_ms: median(&mut self.first_ms),
            warm_ms: median(&mut self.warm_ms),
            start_cpu_ms: median(&mut self.start_cpu_ms),
            warm_cpu_ms: median(&mut self.warm_cpu_ms),
            peak_mb: median(&mut self.peak_mb),
            zip_mb: subject
                .is_a_binary
                .then(|| zip_mb(&subject.program[0]))
                .transpose()?,
        })
    }
}

/// Whose turn it is in a round: each round begins with another, so that none is always measured after the same one.
fn turns(round: u16, subjects: usize) -> impl Iterator<Item = usize> {
    (0..subjects).map(move |turn| (turn + usize::from(round)) % subjects)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What a program has in a zip file, in MB of a million bytes.
fn zip_mb(path: &str) -> Result<f64, BoxError> {
    let mut zipped = DeflateEncoder::new(Vec::new(), Compression::best());
    zipped.write_all(&std::fs::read(path)?)?;
    Ok(zipped.finish()?.len() as f64 / 1e6)
}

/// A goal: what it is, what was measured, and the most that it may be.
fn goals(rows: &[Row], own_us: f64) -> Vec<(&'static str, f64, f64)> {
    let named = |name: &str| rows.iter().find(|row| row.name == name);
    let (Some(ingest), Some(hello)) = (named("ingest"), named("hello, world")) else {
        return Vec::new();
    };
    vec![
        (
            "init, of hello world's",
            ingest.init_ms / hello.init_ms,
            1.5,
        ),
        (
            "first request, of a warm one's",
            ingest.first_ms / ingest.warm_ms,
            3.0,
        ),
        (
            "ingest's own time beyond its two calls, ms",
            own_us / 1000.0,
            0.3,
        ),
        ("zip, MB", ingest.zip_mb.unwrap_or(f64::NAN), 2.5),
    ]
}

fn print(rows: &[Row], own_us: f64) {
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
    println!("\ningest's own time for a request, with ports that answer at once: {own_us:.0} µs\n");
    for (what, measured, most) in goals(rows, own_us) {
        let met = if measured <= most { "met" } else { "missed" };
        println!("{what:<44} {measured:>7.2}  at most {most:>4}  {met}");
    }
}

fn as_json(rows: &[Row], own_us: f64) -> serde_json::Value {
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
    fn each_function_has_one_turn_in_a_round_and_each_begins_as_often() {
        let rounds: Vec<Vec<usize>> = (0..4).map(|round| turns(round, 4).collect()).collect();
        let first: Vec<usize> = rounds.iter().map(|round| round[0]).collect();
        assert_eq!(first, [0, 1, 2, 3]);
        for mut round in rounds {
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_goal_is_missed_where_ingest_takes_more_than_it_may() {
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
        let rows = [row("hello, world", 10.0, 2.0), row("ingest", 16.0, 5.0)];
        let goals = goals(&rows, 400.0);
        let met: Vec<bool> = goals.iter().map(|(_, is, most)| is <= most).collect();
        assert_eq!(met, [false, true, false, true]);
    }
}
