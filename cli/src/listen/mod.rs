//! A live tail of a gateway's events, which can forward them to a program on this machine.

mod feed;
mod forward;
mod position;

use std::convert::Infallible;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use hookgate::{chain, system_now};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;

use self::feed::{Listed, Selection};
use self::forward::{Forwarded, Forwarder};
use self::position::{LATE, Position};
use crate::api::{Access, Api, ApiError};
use crate::events::NO_PAYLOAD;
use crate::moment::moment;
use crate::output::{line, or_dash, tell};
use crate::{BoxError, CommandResult, dev};

const EVERY: Duration = Duration::from_secs(1);

/// The delay after a gateway did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(3);

/// Period before the horizon that each poll covers. Few events become visible later than that.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// Interval between polls that cover as much as [`LATE`].
const LOOK_FAR_EVERY: Duration = Duration::from_secs(60);

/// The most that this machine's clock may be ahead of the gateway's, as for AWS's signatures.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// Interval between writes of the position while events keep coming.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Follow events as they come in, and forward them to a program on this machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hookgate listen --source stripe
  hookgate listen --forward http://localhost:3000/hooks
  hookgate listen --type 'order.*' --since 10m --json | jq .key

It goes on where the last run with the same filters and target ended, until Ctrl-C.")]
pub(crate) struct Listen {
    /// POST each event's body and headers to this URL.
    #[arg(long, value_name = "URL", value_parser = target)]
    forward: Option<Url>,
    /// Skip events that the target does not accept, instead of retrying them.
    #[arg(long, requires = "forward")]
    skip_failed: bool,
    #[command(flatten)]
    selection: Selection,
    /// Start at this time: 2026-01-31T12:00:00Z, or 30m, 2h, 7d for that long ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<String>,
    /// Start now, and store no position.
    #[arg(long)]
    no_resume: bool,
    #[command(flatten)]
    access: Access,
}

/// A running listener.
#[derive(Debug)]
struct Listening<'a> {
    listen: &'a Listen,
    api: Api,
    forwarder: Option<Forwarder>,
    position: Position,
    file: Option<PathBuf>,
    written: Instant,
    looked_far: Option<Instant>,
}

impl Listen {
    pub(crate) async fn run(self) -> CommandResult {
        let mut listening = self.start().await?;
        let ended = tokio::select! {
            failed = listening.follow() => failed.map(|never| match never {}),
            signal = dev::terminated() => signal.map_err(BoxError::from),
        };
        let written = listening.write();
        ended?;
        written?;
        Ok(ExitCode::SUCCESS)
    }

    async fn start(&self) -> Result<Listening<'_>, BoxError> {
        let api = self.access.open().await?;
        let forwarder = self.forward.as_ref();
        let forwarder = forwarder.map(|url| Forwarder::new(url, self.skip_failed));
        let file = match self.no_resume {
            true => None,
            false => Some(self.position_file(&api)?),
        };
        let mut listening = Listening {
            listen: self,
            position: self.first_position(&api, file.as_ref()).await?,
            api,
            forwarder: forwarder.transpose()?,
            file,
            written: Instant::now(),
            looked_far: None,
        };
        listening.write()?;
        Ok(listening)
    }

    fn position_file(&self, api: &Api) -> Result<PathBuf, BoxError> {
        let [source, event_type, tenant] = self.selection.words();
        let forward = self.forward.as_ref().map(Url::as_str);
        let words = [Some(api.url()), source, event_type, tenant, forward];
        Ok(position::file(&words)?)
    }

    /// The requested position, or that of the last run, or else the position after everything that is visible now.
    async fn first_position(
        &self,
        api: &Api,
        file: Option<&PathBuf>,
    ) -> Result<Position, BoxError> {
        let told = self
            .since
            .as_deref()
            .map(str::parse::<Timestamp>)
            .transpose()?;
        let kept = || file.map_or(Ok(None), |file| Position::read(file));
        let (position, whence) = match told {
            Some(since) => (Some(Position::at(since)), "from"),
            None => (kept()?, "where it ended,"),
        };
        if let Some(position) = position {
            tell(&format!("Listening {whence} {}", position.horizon()));
            return Ok(position);
        }
        let mut position = Position::behind(now()? - CLOCKS);
        for event in self.selection.since(api, position.look_from(LATE)).await? {
            position.mark(&event);
        }
        tell("Listening from now on");
        Ok(position)
    }
}

impl Listening<'_> {
    /// Shows and forwards new events, and waits if the gateway does not answer.
    async fn follow(&mut self) -> Result<Infallible, BoxError> {
        let mut answered = false;
        let mut failures = 0;
        loop {
            match self.look().await {
                Ok(()) => {
                    if failures > 0 {
                        tell("The gateway answers again");
                    }
                    (answered, failures) = (true, 0);
                    tokio::time::sleep(EVERY).await;
                }
                Err(error) if answered && may_pass(&error, failures) => {
                    if failures == 0 {
                        tell(&format!("{}; trying again", chain(error.as_ref())));
                    }
                    failures += 1;
                    tokio::time::sleep(AFTER_FAILURE).await;
                    // A gateway that was started again has a new token, an identity new credentials.
                    self.api = self.listen.access.open().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Handles the events that became visible since the last poll.
    async fn look(&mut self) -> Result<(), BoxError> {
        let started = now()?;
        let far = self
            .looked_far
            .is_none_or(|at| at.elapsed() >= LOOK_FAR_EVERY);
        let from = self.position.look_from(if far { LATE } else { OVERLAP });
        let mut quiet = true;
        for event in self.listen.selection.since(&self.api, from).await? {
            if self.position.has_seen(&event.summary.key) {
                continue;
            }
            self.handle(&event).await?;
            self.position.mark(&event);
            quiet = false;
            if self.written.elapsed() >= WRITE_EVERY {
                self.write()?;
            }
        }
        self.position.advance(started - CLOCKS);
        if far {
            self.looked_far = Some(Instant::now());
        }
        if quiet && !far {
            return Ok(());
        }
        self.write()
    }

    async fn handle(&self, event: &Listed) -> Result<(), BoxError> {
        let Some(forwarder) = &self.forwarder else {
            return self.print(event, None);
        };
        let outcome = match feed::received(&self.api, &event.summary.key).await? {
            Some(request) => forwarder.forward(event, request).await,
            None => Forwarded::Failed(NO_PAYLOAD.to_owned()),
        };
        self.print(event, Some(&outcome))
    }

    fn print(&self, event: &Listed, outcome: Option<&Forwarded>) -> Result<(), BoxError> {
        let summary = &event.summary;
        if self.listen.access.json {
            let mut shown = serde_json::to_value(summary)?;
            if let Some(outcome) = outcome {
                shown["forward"] = outcome.json();
            }
            return Ok(writeln!(stdout(), "{shown}")?);
        }
        let outcome = outcome.map(|outcome| format!("  {}", outcome.text()));
        writeln!(
            stdout(),
            "{:<24}  {:<14}  {:<24}  {}{}",
            line(&summary.received_at),
            line(&summary.source),
            or_dash(summary.event_type.as_deref()),
            line(&summary.key),
            outcome.unwrap_or_default()
        )?;
        Ok(())
    }

    /// Writes the position, unless `--no-resume` was given.
    fn write(&mut self) -> Result<(), BoxError> {
        if let Some(file) = &self.file {
            self.position.write(file)?;
        }
        self.written = Instant::now();
        Ok(())
    }
}

/// Recognizes an error after which a retry can help. A rejected token may be that of the twin's previous run.
fn may_pass(error: &BoxError, failures: u32) -> bool {
    match error.downcast_ref::<ApiError>() {
        Some(ApiError::Refused(401 | 403, _)) => failures < 2,
        Some(ApiError::Refused(status, _)) => *status == 429 || *status >= 500,
        Some(ApiError::Unreachable(..) | ApiError::Strange(..)) => true,
        _ => false,
    }
}

fn target(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| "write a URL such as http://localhost:3000/hooks".to_owned())
}

fn now() -> Result<Timestamp, BoxError> {
    Ok(Timestamp::try_from(system_now())?)
}
