use std::io::{self, Write, stdout};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use hookgate::Source;
use hookgate::config::Config;
use hookgate::system_now;
use hookgate_api::{Nothing, ShowEvent};
use hookgate_signature::SampleValues;
use hookgate_twin::{Token, Twin, TwinOptions};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::api::Api;
use crate::lines::log_lines;
use crate::output::coloured;
use crate::project::Project;
use crate::samples;
use crate::samples::Signed;
use crate::send::{sign, tamper};
use crate::twin::TwinClient;
use crate::{BoxError, CommandResult, variables};

/// Send good and bad events from five systems, and show what happens.
#[derive(Debug, Args)]
#[command(
    after_help = "It starts its own gateway with its own configuration, needs nothing else, and exits with 0
only if every event ended as it should."
)]
pub(crate) struct Demo {
    /// Print what the functions log.
    #[arg(long)]
    verbose: bool,
}

const SYSTEMS: [&str; 5] = ["partssource", "product", "pps", "pakk", "wss"];

/// Older than every system's tolerance, and than a token's lifetime.
const STALE: Duration = Duration::from_secs(2 * 3600);

/// Time limit for an event to reach its final state.
const PATIENCE: Duration = Duration::from_secs(30);

const GOOD_END: &str = "\
Everything ended as it should. Pakk signs no time, so an old request of it is known as the
same request again. `cargo run -- dev` keeps a gateway running; `hookgate --help` says more.";

/// The trials of a system, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Good,
    Duplicate,
    Tampered,
    Stale,
    UnknownType,
    Poison,
}

impl Case {
    const ALL: [Case; 6] = [
        Case::Good,
        Case::Duplicate,
        Case::Tampered,
        Case::Stale,
        Case::UnknownType,
        Case::Poison,
    ];

    fn name(self) -> &'static str {
        match self {
            Case::Good => "good",
            Case::Duplicate => "same again",
            Case::Tampered => "tampered",
            Case::Stale => "stale",
            Case::UnknownType => "unknown type",
            Case::Poison => "poison",
        }
    }

    /// The width of its column.
    fn width(self) -> usize {
        match self {
            Case::UnknownType => 25,
            _ => 21,
        }
    }

    /// The expected cell for a source that answers failed checks with the status `refused`.
    fn expected(self, system: &str, refused: u16) -> String {
        match self {
            Case::Good => "200 accepted, done".to_owned(),
            Case::UnknownType => "200 accepted, unhandled".to_owned(),
            Case::Duplicate => "200 duplicate, done".to_owned(),
            // Pakk signs no time: an old request is the same request again, and known as such.
            Case::Stale if system == "pakk" => "200 duplicate, done".to_owned(),
            Case::Tampered | Case::Stale => refused.to_string(),
            Case::Poison => "200 accepted, dead".to_owned(),
        }
    }
}

/// One system under test, with its good request for the cases that repeat it.
struct System<'a> {
    name: &'a str,
    source: Source,
    project: &'a Project,
    twin: &'a TwinClient,
    api: &'a Api,
    url: String,
    good: Option<Signed>,
}

impl Demo {
    pub(crate) async fn run(self) -> CommandResult {
        let filter = if self.verbose {
            crate::lines::FILTER
        } else {
            "off"
        };
        log_lines(EnvFilter::try_new(filter)?);
        let project = own()?;
        let data = tempfile::tempdir()?;
        let twin = Twin::start(TwinOptions {
            config: project.config.clone(),
            variables: project.variables.clone(),
            listen: ([127, 0, 0, 1], 0).into(),
            data: data.path().to_owned(),
            token: Token::random(),
            faults: Vec::new(),
        })
        .await?;
        writeln!(
            stdout(),
            "A gateway runs at {}; events are signed as each system's guide says.\n",
            twin.url
        )?;
        let client = TwinClient::new(&twin.url)?;
        let api = Api::local(&twin.url, twin.token.reveal())?;
        let mut table = Table::new()?;
        for name in SYSTEMS {
            let mut system = System {
                name,
                source: project.source(name).await?,
                project: &project,
                twin: &client,
                api: &api,
                url: format!("{}/webhooks/{name}", twin.url),
                good: None,
            };
            let mut row = Vec::new();
            for case in Case::ALL {
                let expected = case.expected(name, system.source.reject_status());
                row.push((system.happens(case).await?, expected));
            }
            table.print(name, &row)?;
        }
        twin.stop().await;
        Ok(table.verdict()?)
    }
}

/// The demo's own configuration and secrets, whatever the user's hookgate.toml says.
fn own() -> Result<Project, BoxError> {
    let variables = variables::parse(include_str!("../demo.env"));
    Ok(Project {
        config: Config::parse(include_str!("../demo.toml"))?,
        variables: variables.map_err(|line| format!("demo.env, line {line}"))?,
    })
}

impl System<'_> {
    /// Runs the case; returns the response, and the event's final state.
    async fn happens(&mut self, case: Case) -> Result<String, BoxError> {
        let now = system_now();
        let signed = match case {
            Case::Good => {
                let signed = self.sample(now, None, false).await?;
                self.good = Some(signed.clone());
                signed
            }
            Case::Duplicate => self.again()?,
            Case::Stale if self.name == "pakk" => self.again()?,
            Case::Tampered => {
                let mut signed = self.sample(now, None, false).await?;
                tamper(&self.source, &mut signed);
                signed
            }
            Case::Stale => self.sample(now - STALE, None, false).await?,
            Case::UnknownType => self.sample(now, Some("something.new"), false).await?,
            Case::Poison => self.sample(now, None, true).await?,
        };
        let (status, answer) = self
            .twin
            .post(&self.url, &signed.headers, signed.body)
            .await?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        match (answer["status"].as_str(), answer["event"].as_str()) {
            (Some(word), Some(key)) => Ok(format!("{status} {word}, {}", self.end(key).await?)),
            _ => Ok(status.to_string()),
        }
    }

    fn again(&self) -> Result<Signed, BoxError> {
        self.good
            .clone()
            .ok_or_else(|| "the good request comes first".into())
    }

    async fn sample(
        &self,
        at: SystemTime,
        event_type: Option<&str>,
        poison: bool,
    ) -> Result<Signed, BoxError> {
        let id = uuid::Uuid::new_v4().to_string();
        let values = SampleValues {
            id: &id,
            event_type,
            tenant: None,
            at,
        };
        let unsigned = samples::of(&self.project.config.sources[self.name], &values, poison);
        sign(&self.source, self.twin, unsigned, &id, &self.url, at).await
    }

    /// The state that an event ends in.
    async fn end(&self, key: &str) -> Result<String, BoxError> {
        let deadline = system_now() + PATIENCE;
        loop {
            let event = self.api.ask::<ShowEvent>(key, &Nothing {}).await?;
            let state = event.summary.state;
            if state.is_over() || system_now() > deadline {
                return Ok(state.to_string());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The printed table: one row per system, and at the end whether everything went as expected.
struct Table {
    colour: bool,
    wrong: Vec<String>,
}

impl Table {
    fn new() -> io::Result<Table> {
        write!(stdout(), "{:<12}", "")?;
        for case in Case::ALL {
            write!(stdout(), "{:<1$}", case.name(), case.width())?;
        }
        writeln!(stdout())?;
        Ok(Table {
            colour: coloured(),
            wrong: Vec::new(),
        })
    }

    fn print(&mut self, name: &str, row: &[(String, String)]) -> io::Result<()> {
        write!(stdout(), "{name:<12}")?;
        for ((happened, expected), case) in row.iter().zip(Case::ALL) {
            let (right, width) = (happened == expected, case.width());
            if !right {
                self.wrong.push(format!(
                    "{name}, {}: {happened}, but should be {expected}",
                    case.name()
                ));
            }
            match (self.colour, right) {
                (true, true) => write!(stdout(), "\x1b[32m{happened:<width$}\x1b[0m")?,
                (true, false) => write!(stdout(), "\x1b[31m{happened:<width$}\x1b[0m")?,
                (false, _) => write!(stdout(), "{happened:<width$}")?,
            }
        }
        writeln!(stdout())
    }

    fn verdict(&self) -> io::Result<ExitCode> {
        if self.wrong.is_empty() {
            writeln!(stdout(), "\n{GOOD_END}")?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(stdout(), "\nNot as it should be:")?;
        for line in &self.wrong {
            writeln!(stdout(), "  {line}")?;
        }
        Ok(ExitCode::FAILURE)
    }
}
