//! What is lost, and what is repeated, when a gateway under load is killed again and again.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use hookgate::Source;
use hookgate::config::Config;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::bench::{PATH, signed};
use crate::project::Project;
use crate::{BoxError, Outcome};

/// Kill a gateway under load, again and again, and count what is lost and what is repeated.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It starts `hookgate dev` in a folder of its own, sends it signed events from several senders that
repeat what was not answered with a 2xx, kills it with SIGKILL at random times, starts it again,
and lets it come to its end. An effect is a run of the event's handler. It exits with 0 only if
nothing that was accepted is lost."
)]
pub(crate) struct Loss {
    /// How many events.
    #[arg(long, default_value_t = 1000)]
    events: usize,
    /// How often the gateway is killed.
    #[arg(long, default_value_t = 10)]
    kills: usize,
    /// How many senders send at a time.
    #[arg(long, default_value_t = 16)]
    senders: usize,
    /// Repeats the same times of death.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

const CONFIG: &str = "[sources.bench]\nprovider = \"product\"\nsecrets = [\"env:BENCH\"]\n";
const SECRET: &str = "a-secret-for-measuring";

/// How long nothing may happen before what is missing counts as lost: longer than any wait of the
/// gateway's own.
const PATIENCE: Duration = Duration::from_secs(240);

/// What the senders and the gateway's log say.
#[derive(Debug, Default)]
struct Tally {
    sent: AtomicUsize,
    next: AtomicUsize,
    accepted: Mutex<HashSet<String>>,
    effects: Mutex<HashMap<String, usize>>,
    url: Mutex<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    /// Events that were accepted and not handled yet.
    fn missing(&self) -> usize {
        let effects = lock(&self.effects);
        lock(&self.accepted)
            .iter()
            .filter(|key| !effects.contains_key(*key))
            .count()
    }
}

impl Loss {
    pub(crate) async fn run(self) -> Outcome {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("hookgate.toml"), CONFIG)?;
        let tally = Arc::new(Tally::default());
        let source = Arc::new(source().await?);
        let start = Instant::now();
        let mut gateway = Gateway::start(folder.path(), &tally).await?;
        let senders: Vec<_> = (0..self.senders)
            .map(|_| tokio::spawn(send(tally.clone(), source.clone(), self.events)))
            .collect();

        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut died_at: Vec<usize> = (0..self.kills)
            .map(|_| random.usize(0..self.events))
            .collect();
        died_at.sort_unstable();
        for accepted in died_at {
            while lock(&tally.accepted).len() < accepted {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            gateway.kill().await?;
            gateway = Gateway::start(folder.path(), &tally).await?;
        }
        for sender in senders {
            sender.await?;
        }
        drained(&tally).await;
        gateway.kill().await?;
        Ok(self.report(&tally, start.elapsed()))
    }

    fn report(&self, tally: &Tally, took: Duration) -> ExitCode {
        let lost = tally.missing();
        let effects = lock(&tally.effects);
        let repeated = effects.values().filter(|count| **count > 1).count();
        for (what, count) in [
            ("requests sent", tally.sent.load(Ordering::Relaxed)),
            ("events accepted", lock(&tally.accepted).len()),
            ("kills", self.kills),
            ("effects", effects.values().sum()),
            ("events lost", lost),
            ("events handled more than once", repeated),
        ] {
            println!("{what:<30} {count:>9}");
        }
        println!("{:<30} {:>9.1}", "seconds", took.as_secs_f64());
        ExitCode::from(u8::from(lost > 0))
    }
}

async fn source() -> Result<Source, BoxError> {
    let variables = HashMap::from([("BENCH".to_owned(), SECRET.to_owned())]);
    let project = Project {
        config: Config::parse(CONFIG)?,
        variables,
    };
    Ok(project.source("bench").await?)
}

/// One sender: takes the next event and sends it until it is answered with a 2xx.
async fn send(tally: Arc<Tally>, source: Arc<Source>, events: usize) {
    let client = reqwest::Client::new();
    loop {
        let number = tally.next.fetch_add(1, Ordering::Relaxed);
        if number >= events {
            return;
        }
        loop {
            tally.sent.fetch_add(1, Ordering::Relaxed);
            if let Some(key) = attempt(&client, &tally, &source, number).await {
                lock(&tally.accepted).insert(key);
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Sends one event once; its key, where it was answered with a 2xx.
async fn attempt(
    client: &reqwest::Client,
    tally: &Tally,
    source: &Source,
    number: usize,
) -> Option<String> {
    let body = format!(r#"{{"id":"evt_{number}","type":"bench","data":{{}}}}"#);
    let signature = signed(source, &body).ok()?;
    let url = format!("{}{PATH}", lock(&tally.url));
    let mut request = client.post(url).body(body);
    for (name, value) in signature {
        request = request.header(name, value);
    }
    let response = request.send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let answer: Value = response.json().await.ok()?;
    answer["event"].as_str().map(str::to_owned)
}

/// Waits until everything that was accepted is handled, or nothing happens any more.
async fn drained(tally: &Tally) {
    let mut missing = tally.missing();
    let mut since = Instant::now();
    while missing > 0 && since.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = tally.missing();
        if now != missing {
            (missing, since) = (now, Instant::now());
        }
    }
}

/// A gateway in a process of its own, whose log is read for effects.
struct Gateway {
    child: Child,
    reader: tokio::task::JoinHandle<()>,
}

impl Gateway {
    async fn start(folder: &Path, tally: &Arc<Tally>) -> Result<Gateway, BoxError> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["dev", "--listen", "127.0.0.1:0", "--data", "data", "--json"])
            .current_dir(folder)
            .env("BENCH", SECRET)
            .env("HOOKGATE_LOG", "error,hookgate_processor=info")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the gateway has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = lines
            .next_line()
            .await?
            .ok_or("the gateway does not start")?;
        let ready: Value = serde_json::from_str(&ready)?;
        let url = ready["url"]
            .as_str()
            .ok_or("the gateway does not say where it is")?;
        url.clone_into(&mut lock(&tally.url));
        let reader = tokio::spawn(read(lines, tally.clone()));
        Ok(Gateway { child, reader })
    }

    /// SIGKILL, and the last lines of its log.
    async fn kill(mut self) -> Result<(), BoxError> {
        self.child.kill().await?;
        Ok(self.reader.await?)
    }
}

/// Counts the runs of the default handler, which is the effect here.
async fn read(mut lines: Lines<BufReader<ChildStdout>>, tally: Arc<Tally>) {
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(line) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let handled = line["message"] == "no route takes this event";
        if let Some(key) = line["key"].as_str().filter(|_| handled) {
            *lock(&tally.effects).entry(key.to_owned()).or_default() += 1;
        }
    }
}
