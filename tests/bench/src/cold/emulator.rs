//! A function under Lambda's own Runtime Interface Emulator, and its measurements.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hookgate::BoxError;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The time that a function may take to listen, or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running function.
pub(super) struct Function {
    emulator: Child,
    address: SocketAddr,
    folder: TempDir,
    http: reqwest::Client,
}

impl Function {
    /// Starts a function's program under the emulator. Its process begins with the first invocation.
    pub(super) async fn start(
        emulator: &Path,
        program: &[String],
        environment: &[(String, String)],
    ) -> Result<Function, BoxError> {
        let folder = tempfile::tempdir()?;
        let log = fs::File::create(folder.path().join("log"))?;
        let (address, runtime_api) = (free_address()?, free_address()?);
        let child = Command::new(emulator)
            .args(["--runtime-interface-emulator-address", &address.to_string()])
            .args(["--runtime-api-address", &runtime_api.to_string()])
            .args(["--log-level", "info"])
            .args(program)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("AWS_LAMBDA_FUNCTION_NAME", "measured")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_ACCESS_KEY_ID", "none")
            .env("AWS_SECRET_ACCESS_KEY", "none")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let function = Function {
            emulator: child,
            address,
            folder,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(PATIENCE)
                .build()?,
        };
        function.until_it_listens().await?;
        Ok(function)
    }

    async fn until_it_listens(&self) -> Result<(), BoxError> {
        let start = Instant::now();
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            if start.elapsed() > PATIENCE {
                return Err("the emulator does not listen".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Invokes the function, and returns the time that it took, in milliseconds.
    pub(super) async fn invoke(&self, event: &Value) -> Result<f64, BoxError> {
        let url = format!(
            "http://{}/2015-03-31/functions/function/invocations",
            self.address
        );
        let (request, start) = (self.http.post(url).body(event.to_string()), Instant::now());
        let answer = request.send().await?.text().await?;
        let took = start.elapsed().as_secs_f64() * 1000.0;
        let value: Value = serde_json::from_str(&answer).unwrap_or_default();
        let went_well = match value["statusCode"].as_u64() {
            Some(status) => status == 200,
            None => value["batchItemFailures"]
                .as_array()
                .is_some_and(Vec::is_empty),
        };
        if went_well {
            Ok(took)
        } else {
            Err(format!("the function answers {answer}:\n{}", self.log()).into())
        }
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The time of its initialisation by the emulator's own account, in milliseconds.
    pub(super) fn init_ms(&self) -> Option<f64> {
        let log = self.log();
        let (_, rest) = log.split_once("INIT REPORT(durationMs: ")?;
        rest.split(')').next()?.parse().ok()
    }

    /// The processor time that the function's process used until now, in milliseconds, and the most memory
    /// that it held, in MB.
    pub(super) fn process(&self) -> Option<(f64, f64)> {
        let parent = self.emulator.id()?;
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
        // Of a process that has threads, each thread has children of its own.
        let threads = fs::read_dir(format!("/proc/{parent}/task")).ok()?;
        let of_threads = threads
            .flatten()
            .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let all: String = of_threads.chain([children]).collect::<Vec<_>>().join(" ");
        let child = all.split_whitespace().next()?.to_owned();
        let status = fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let peak_kb: f64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
        let threads = fs::read_dir(format!("/proc/{child}/task")).ok()?;
        let nanoseconds: f64 = threads
            .flatten()
            .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
            .filter_map(|text| text.split(' ').next()?.parse::<f64>().ok())
            .sum();
        Some((nanoseconds / 1e6, peak_kb / 1024.0))
    }

    /// Ends the emulator and the function's process.
    pub(super) async fn stop(mut self) -> Result<(), BoxError> {
        let parent = self.emulator.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = parent.and_then(rustix::process::Pid::from_raw) {
            // The function is in the emulator's group.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        self.emulator.wait().await?;
        Ok(())
    }
}

fn free_address() -> Result<SocketAddr, BoxError> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
