//! Output to a closed pipe and to a terminal, and of untrusted text.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use support::{Dev, hookgate, project, run};

const CONFIG: &str = "[sources.pakk]\nprovider = \"pakk\"\nsecrets = [\"env:PAKK\"]\n";

#[test]
fn a_command_whose_reader_has_gone_ends_quietly() {
    let folder = project(CONFIG, "PAKK=one\n");
    let dev = Dev::start(folder.path(), &[]);
    for arguments in [&["events", "list"][..], &["replay", "list", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = hookgate(folder.path(), arguments);
        command.env("HOOKGATE_URL", dev.url()).stdout(writer);
        let (code, _, err) = run(&mut command);
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
    }
}

/// A pseudo-terminal: the side of whoever looks at it, and the command's.
fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (ours.into(), theirs)
}

/// The line that says that an event was accepted, as a gateway prints it on a terminal.
fn accepted_line(variables: &[(&str, &str)]) -> String {
    let folder = project(CONFIG, "PAKK=one\n");
    let (seen, theirs) = terminal();
    let mut command = hookgate(folder.path(), &["dev", "--listen", "127.0.0.1:0"]);
    command.env("TERM", "xterm").envs(variables.iter().copied());
    let mut dev = command.stdout(Stdio::from(theirs)).spawn().unwrap();
    drop(command);
    let mut lines = BufReader::new(seen).lines().map(Result::unwrap);
    let first = lines.find(|line| line.contains("http://")).unwrap();
    let url = first.split("http://").nth(1).unwrap();
    let url = format!("http://{}", url.split('/').next().unwrap());
    let sent = run(hookgate(folder.path(), &["send", "pakk"]).env("HOOKGATE_URL", url));
    assert_eq!(sent.0, 0, "{sent:?}");
    let accepted = lines.find(|line| line.contains("accepted")).unwrap();
    dev.kill().unwrap();
    dev.wait().unwrap();
    accepted
}

#[test]
fn a_terminal_gets_colours_unless_it_wants_none() {
    assert!(accepted_line(&[]).contains("\u{1b}[32maccepted"));
    for unwanted in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
        let line = accepted_line(&[unwanted]);
        assert!(!line.contains('\u{1b}'), "{unwanted:?}: {line:?}");
    }
}

#[test]
fn what_a_body_does_to_a_terminal_is_escaped_and_raw_on_request() {
    let folder = project(CONFIG, "PAKK=one\n");
    let folder = folder.path();
    let dev = Dev::start(folder, &[]);
    let body = "{\"id\":\"e\", \"x\":\"\u{1b}]0;owned\u{7}\"\n\t\"y\": \u{9b}\u{fc}}";
    let key = dev.send("pakk", body);
    let shown = |arguments: &[&str]| {
        let mut command = hookgate(folder, &["events", "show", &key]);
        run(command.args(arguments).env("HOOKGATE_URL", dev.url()))
    };
    dev.ended(&key, 1);
    let (_, out, _) = shown(&[]);
    let escaped = "\"x\":\"\\u{1b}]0;owned\\u{7}\"\n\t\"y\": \\u{9b}\u{fc}}";
    assert!(out.contains(escaped), "{out:?}");
    assert_eq!(shown(&["--raw"]), (0, body.to_owned(), String::new()));
}
