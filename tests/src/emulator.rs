//! A function's binary under Lambda's own Runtime Interface Emulator.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::servers::provisioned;

/// The emulator's program, as `tests/scripts/run.sh` says it.
const EMULATOR: &str = "HOOKGATE_TEST_RIE";

const INVOCATION: &str = "2015-03-31/functions/function/invocations";

/// Interval at which a started emulator is polled until it is ready.
const POLL: Duration = Duration::from_millis(20);

/// Started with the function's environment and nothing of the test's own: writes down its process id,
/// because an emulator that is killed leaves its function behind.
const BOOTSTRAP: &str =
    "#!/bin/sh\necho $$ > \"$HOOKGATE_TEST_PID_FILE\"\nexec \"$HOOKGATE_TEST_BINARY\"\n";

/// A function that can be invoked. It ends when this is dropped.
#[derive(Debug)]
pub struct Function {
    emulator: Child,
    address: String,
    folder: TempDir,
    http: reqwest::Client,
}

impl Function {
    /// Starts a function's binary with this environment.
    ///
    /// # Panics
    /// When it was not built, or the emulator does not start.
    pub async fn start(
        binary: &str,
        timeout: Duration,
        environment: &[(&str, String)],
    ) -> Function {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bootstrap = executable(&folder.path().join("bootstrap"));
        let log = File::create(folder.path().join("log")).expect("a log file");
        let (address, runtime_api) = free_addresses();
        let emulator = Command::new(provisioned(EMULATOR))
            .args(["--runtime-interface-emulator-address", &address])
            .args(["--runtime-api-address", &runtime_api, "--log-level", "info"])
            .arg(&bootstrap)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOOKGATE_TEST_PID_FILE", folder.path().join("pid"))
            .env("HOOKGATE_TEST_BINARY", built(binary))
            .env("AWS_LAMBDA_FUNCTION_NAME", binary)
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", timeout.as_secs().to_string())
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the emulator starts");
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let function = Function {
            emulator,
            address,
            folder,
            http,
        };
        function.until_it_listens().await;
        function
    }

    async fn until_it_listens(&self) {
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(&self.address).await.is_ok() {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        panic!("the emulator does not listen:\n{}", self.log());
    }

    /// Invokes the function: one call at a time is all that the emulator bears.
    pub async fn invoke(&mut self, event: &Value) -> Value {
        let answer = self.try_invoke(event).await;
        answer.unwrap_or_else(|error| panic!("{error}:\n{}", self.log()))
    }

    /// Invokes the function. The emulator itself may end with a function that does not start.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn try_invoke(&mut self, event: &Value) -> reqwest::Result<Value> {
        let url = format!("http://{}/{INVOCATION}", self.address);
        self.http
            .post(url)
            .body(event.to_string())
            .send()
            .await?
            .json()
            .await
    }

    /// All that the function and the emulator wrote.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The number of requests or messages with this outcome in the function's log. One line may tell of several.
    pub fn count(&self, outcome: &str) -> usize {
        let log = self.log();
        let lines = log
            .lines()
            .filter_map(|line| line.find('{').map(|start| &line[start..]));
        lines
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["outcome"] == outcome)
            .map(|line| line["events"].as_u64().unwrap_or(1) as usize)
            .sum()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
        if let Ok(pid) = fs::read_to_string(self.folder.path().join("pid")) {
            let _ = Command::new("kill")
                .args(["-9", pid.trim()])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// A function's binary beside this test's own.
///
/// # Panics
/// When it was not built.
pub fn built(binary: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("a test is in target/debug/deps");
    let path = folder.join(binary);
    assert!(
        path.is_file(),
        "{} is missing: run tests/scripts/run.sh",
        path.display()
    );
    path
}

fn executable(path: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, BOOTSTRAP).expect("a writable folder");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a file of one's own");
    path.to_owned()
}

/// Two addresses that no one listens on, held together so that they differ.
fn free_addresses() -> (String, String) {
    let bind = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = |listener: &TcpListener| listener.local_addr().expect("it is bound").to_string();
    let (one, other) = (bind(), bind());
    (address(&one), address(&other))
}
