//! The gateway that is killed: the twin, in a process of its own, whose log is read for effects.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use clap::Args;
use hookgate::BoxError;
use hookgate::config::Config;
use hookgate_twin::{Token, Twin, TwinOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::load::Load;
use crate::source::{CONFIG, variables};

/// The log that shows each run of the handler, and little else.
const FILTER: &str = "error,hookgate_processor=info";

/// The log line of the handler: the effect that is counted.
const EFFECT: &str = "event logged";

/// Run the gateway that `loss` kills.
#[derive(Clone, Debug, Args)]
pub(crate) struct Gateway {
    /// Folder to keep events in.
    data: PathBuf,
}

impl Gateway {
    /// Runs until it is killed.
    pub(crate) async fn run(self) -> Result<ExitCode, BoxError> {
        hookgate::log_json(FILTER);
        let options = TwinOptions {
            config: Config::parse(CONFIG)?,
            variables: variables(),
            listen: ([127, 0, 0, 1], 0).into(),
            data: self.data,
            token: Token::random(),
            faults: Vec::new(),
        };
        let twin = Twin::start(options).await?;
        println!("{}", json!({ "url": twin.url }));
        std::future::pending().await
    }
}

/// A gateway in a process of its own.
pub(super) struct Running {
    child: Child,
    reader: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Starts the gateway on the events in `folder`, and directs the load to it.
    pub(super) async fn start(folder: &Path, load: &Arc<Load>) -> Result<Running, BoxError> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("gateway")
            .arg(folder)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the gateway has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = lines.next_line().await?;
        let ready: Value = serde_json::from_str(&ready.ok_or("the gateway does not start")?)?;
        load.redirect(ready["url"].as_str().ok_or("the gateway gives no URL")?);
        let reader = tokio::spawn(read(lines, load.clone()));
        Ok(Running { child, reader })
    }

    /// Kills it with SIGKILL, and reads the last lines of its log.
    pub(super) async fn kill(mut self) -> Result<(), BoxError> {
        self.child.kill().await?;
        Ok(self.reader.await?)
    }
}

/// Counts the effects that the log shows.
async fn read(mut lines: Lines<BufReader<ChildStdout>>, load: Arc<Load>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(line) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        if let Some(key) = line["key"].as_str().filter(|_| line["message"] == EFFECT) {
            load.add_effect(key);
        }
    }
}
