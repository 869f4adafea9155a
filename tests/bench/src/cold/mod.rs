//! Cold starts and warm requests: ingest and the processor beside a Rust function that does nothing and a
//! Python one that does ingest's job.

mod emulator;
mod measured;
mod own_time;
mod report;
mod subjects;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use emulator::Function;
use hookgate::BoxError;
use measured::{Measured, Row};
use report::{as_json, print};
use subjects::{Ground, Subject};

/// Measure cold starts under Lambda's emulator, beside other functions.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It needs the functions, their peers and the emulator. One command provides them: tests/scripts/provision.sh peers
All are called in turns, in one run, against the same embedded engines. Milliseconds of a machine like this
one say little: look at the ratios."
)]
pub(crate) struct Cold {
    /// Number of starts of each function.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Number of calls of each after its first request.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    warm: u16,
    /// Folder of builds and provisioned programs.
    #[arg(long, default_value = "target")]
    target: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Cold {
    pub(crate) async fn run(self) -> Result<ExitCode, BoxError> {
        let ground = Ground::prepare().await?;
        let subjects = ground.subjects(&self.target)?;
        if cfg!(debug_assertions) {
            return Err("ingest's own time is that of a release build; run: cargo run --release -p hookgate-bench -- cold".into());
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

/// The order of the functions in a round: each round begins with another, so that none is always measured after the
/// same one.
fn turns(round: u16, subjects: usize) -> impl Iterator<Item = usize> {
    (0..subjects).map(move |turn| (turn + usize::from(round)) % subjects)
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
}
