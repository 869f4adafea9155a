//! The `hookgate` command, run as a user runs it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

/// The command, with nothing in its environment but what the test says.
pub(crate) fn hookgate(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command
        .current_dir(folder)
        .env_clear()
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// Runs it to its end: exit code, standard output, standard error.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    told(&command.output().expect("the command runs"))
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
    // A command that refuses its arguments does not read.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    told(&child.wait_with_output().expect("the command ends"))
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

/// A twin in a process of its own.
pub(crate) struct Dev {
    pub(crate) child: Child,
    pub(crate) ready: Value,
    // Kept open: a closed pipe would end the twin at its next line.
    _lines: BufReader<ChildStdout>,
}

impl Dev {
    /// Starts `hookgate dev` on a free port and waits until it is ready.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Dev {
        let mut command = hookgate(folder, &["dev", "--listen", "127.0.0.1:0", "--json"]);
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
            _lines: lines,
        }
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> &str {
        self.ready["url"].as_str().expect("a URL")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // Already gone where the test killed it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
