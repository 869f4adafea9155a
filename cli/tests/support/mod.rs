//! The `hookgate` command, run as a user runs it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Time limit for an event to reach its final state, on a machine that is busy with a build.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time limit for a command that should end by itself, on such a machine.
const COMMAND_PATIENCE: Duration = Duration::from_secs(300);

/// A folder with a configuration and its secrets.
pub(crate) fn project(config: &str, secrets: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name, text| std::fs::write(folder.path().join(name), text);
    write("hookgate.toml", config).expect("a configuration");
    write("hookgate.env", secrets).expect("its secrets");
    folder
}

/// The command, with nothing in its environment but what the test says, and its tokens in this folder.
pub(crate) fn hookgate(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command
        .current_dir(folder)
        .env_clear()
        .env("XDG_RUNTIME_DIR", folder)
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// Runs it to its end: exit code, standard output, standard error.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    told(command.spawn().expect("the command starts"))
}

/// Runs it to its end with this standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> (i32, String, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("a standard input");
    // A command that rejects its arguments does not read.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    told(child)
}

/// The exit code and output of a command. One that does not end is killed, and fails the test.
fn told(child: Child) -> (i32, String, String) {
    let pid = Pid::from_child(&child);
    let (ended, end) = mpsc::channel::<()>();
    let killer = std::thread::spawn(move || {
        let late = end.recv_timeout(COMMAND_PATIENCE) == Err(RecvTimeoutError::Timeout);
        late.then(|| kill_process(pid, Signal::KILL))
    });
    let output = child.wait_with_output().expect("the command ends");
    drop(ended);
    let killed = killer.join().expect("the thread ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(killed.is_none(), "the command did not end: {out}{err}");
    (output.status.code().expect("an exit code"), out, err)
}

/// The key in `200 {"event":"…","status":"…"}`.
pub(crate) fn key(answer: &str) -> String {
    let (_, answer) = answer.split_once(' ').expect("a status and a body");
    let answer: Value = serde_json::from_str(answer.trim()).expect("JSON");
    answer["event"].as_str().expect("a key").to_owned()
}

/// A twin in a process of its own.
pub(crate) struct Dev {
    pub(crate) child: Child,
    pub(crate) ready: Value,
    pub(crate) folder: PathBuf,
    // Kept open: a closed pipe would end the twin at its next line.
    _lines: BufReader<ChildStdout>,
}

impl Dev {
    /// Starts `hookgate dev` on a free port and waits until it is ready.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Dev {
        Dev::start_at("127.0.0.1:0", folder, arguments)
    }

    /// Starts `hookgate dev` at an address and waits until it is ready.
    pub(crate) fn start_at(address: &str, folder: &Path, arguments: &[&str]) -> Dev {
        let mut command = hookgate(folder, &["dev", "--listen", address, "--json"]);
        command.args(arguments).env("HOOKGATE_LOG", "off");
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the twin starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a standard output"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a first line");
        let ready = serde_json::from_str(&line).expect("the first line says that it is ready");
        Dev {
            child,
            ready,
            folder: folder.to_owned(),
            _lines: lines,
        }
    }

    /// Ends it as a service is ended, and waits until it has.
    pub(crate) fn stop(mut self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("a process");
        self.child.wait().expect("its end");
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> &str {
        self.ready["url"].as_str().expect("a URL")
    }

    /// Runs a command against it, which finds it and its token by the URL alone: exit code and output.
    pub(crate) fn ask(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = hookgate(&self.folder, arguments);
        let (code, out, err) = run(command.env("HOOKGATE_URL", self.url()));
        (code, format!("{out}{err}"))
    }

    /// The JSON output of a command that must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut command = hookgate(&self.folder, arguments);
        let (code, out, err) = run(command.arg("--json").env("HOOKGATE_URL", self.url()));
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        serde_json::from_str(&out).expect("JSON")
    }

    /// Sends a body; the event's key.
    pub(crate) fn send(&self, source: &str, body: &str) -> String {
        let file = self.folder.join("body.json");
        std::fs::write(&file, body).expect("a body");
        let file = file.to_str().expect("a path of plain text");
        let (code, answer) = self.ask(&["send", source, "--data", file]);
        assert_eq!(code, 0, "{answer}");
        key(&answer)
    }

    /// An event, once it is over after so many attempts.
    pub(crate) fn ended(&self, key: &str, attempts: u64) -> Value {
        let start = Instant::now();
        loop {
            let event = self.json(&["events", "show", key]);
            let over = matches!(event["state"].as_str(), Some("done" | "unhandled" | "dead"));
            if over && event["attempts"] == attempts {
                return event;
            }
            assert!(start.elapsed() < PATIENCE, "not ended in time: {event}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Already gone where the test killed it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
