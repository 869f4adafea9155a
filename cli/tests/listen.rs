//! `hookgate listen`: events of a twin, shown and forwarded to a program on this machine.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Dev, hookgate, project};
use tempfile::TempDir;

const CONFIG: &str = "[sources.product]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n
[sources.other]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n
[[routes]]\nto = \"handler:project_created\"\n";

/// Time limit for a line or a request, on a machine that is busy with a build.
const PATIENCE: Duration = Duration::from_secs(60);

fn body(id: &str, event_type: &str) -> String {
    format!(
        "{{ \"id\":\"{id}\", \"type\" : \"{event_type}\",\r\n\"data\":{{\"name\":\"Zürich \\u00e9\"}} }}\n"
    )
}

/// A request that the program was sent.
struct Request {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        Some(headers.find(|(given, _)| given == name)?.1.as_str())
    }

    fn key(&self) -> &str {
        self.header("x-hookgate-event").unwrap()
    }
}

/// A program that answers 200, and tells what it was sent.
struct Program {
    url: String,
    requests: Receiver<Request>,
}

impl Program {
    fn start() -> Program {
        Program::at("127.0.0.1:0", Vec::new())
    }

    /// Answers the first requests with these statuses.
    fn at(address: &str, statuses: Vec<u16>) -> Program {
        let listener = TcpListener::bind(address).unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (send, requests) = channel();
        let mut statuses = statuses.into_iter();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let status = statuses.next().unwrap_or(200);
                let head = "content-length: 0\r\nconnection: close\r\n\r\n";
                let request = answer(stream, &format!("HTTP/1.1 {status} -\r\n{head}"));
                if send.send(request).is_err() {
                    return;
                }
            }
        });
        Program { url, requests }
    }

    fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }
}

/// Reads a request, and answers it.
fn answer(stream: TcpStream, answer: &str) -> Request {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers = lines
        .iter()
        .skip(1)
        .map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut request = Request {
        headers: headers.collect(),
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).unwrap();
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    request
}

/// An address that no one listens at.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// `hookgate listen` in a process of its own.
struct Listen {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Listen {
    /// Starts it, and waits until it listens.
    fn start(dev: &Dev, arguments: &[&str]) -> Listen {
        Listen::at(dev.url(), &dev.folder, arguments)
    }

    fn at(url: &str, folder: &Path, arguments: &[&str]) -> Listen {
        let mut command = hookgate(folder, &["listen"]);
        command.args(arguments).env("HOOKGATE_URL", url);
        command.env("XDG_STATE_HOME", folder.join("state"));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        let listen = Listen { child, out, err };
        listen.says("Listening");
        listen
    }

    /// The next line on standard output.
    fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line")
    }

    /// Waits for a line on standard error with this text.
    fn says(&self, text: &str) {
        while !self.err.recv_timeout(PATIENCE).expect(text).contains(text) {}
    }

    /// Ends it by Ctrl-C: the lines that it had not been asked for.
    fn interrupt(mut self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.out.iter().collect()
    }
}

impl Drop for Listen {
    fn drop(&mut self) {
        // Already gone where the test ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    thread::spawn(move || {
        let mut from = BufReader::new(from).lines().map_while(Result::ok);
        from.all(|line| send.send(line).is_ok())
    });
    lines
}

fn twin() -> (TempDir, Dev) {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let dev = Dev::start(folder.path(), &[]);
    (folder, dev)
}

#[test]
fn an_event_is_forwarded_byte_for_byte_with_its_providers_headers() {
    let (_folder, dev) = twin();
    let program = Program::start();
    let listen = Listen::start(&dev, &["--forward", &program.url]);
    let sent = body("evt_1", "project.created");
    let key = dev.send("product", &sent);
    let request = program.next();
    assert_eq!(request.body, sent.as_bytes());
    let stored = dev.json(&["events", "show", &key])["payload"]["headers"].clone();
    let stored: Vec<(String, String)> = serde_json::from_value(stored).unwrap();
    assert!(
        stored.iter().any(|(name, _)| name == "content-type"),
        "{stored:?}"
    );
    for (name, value) in &stored {
        assert_eq!(request.header(name), Some(value.as_str()), "{name}");
    }
    assert!(program.url.contains(request.header("host").unwrap()));
    assert_eq!(request.key(), key);
    assert_eq!(request.header("x-hookgate-source"), Some("product"));
    let line = listen.line();
    assert!(line.contains(&key) && line.contains("  200 in "), "{line}");
    assert!(listen.interrupt().is_empty());
}

#[test]
fn a_program_that_is_down_at_first_gets_every_event_once_it_is_up() {
    let (_folder, dev) = twin();
    let address = free_address();
    let url = format!("http://{address}/hooks");
    let listen = Listen::start(&dev, &["--forward", &url]);
    let mut sent = ["evt_1", "evt_2"].map(|id| dev.send("product", &body(id, "a")));
    listen.says("no one listens there");
    let program = Program::at(&address, vec![503]);
    let refused = program.next();
    let mut forwarded = [program.next(), program.next()].map(|request| request.key().to_owned());
    assert_eq!(
        refused.key(),
        forwarded[0],
        "what was answered with 503 comes again"
    );
    sent.sort();
    forwarded.sort();
    assert_eq!(forwarded, sent);
    for _ in sent {
        assert!(listen.line().contains("  200 in "));
    }
    assert!(listen.interrupt().is_empty());
}

#[test]
fn an_answer_is_final_and_a_failure_is_skipped_where_that_is_asked_for() {
    let (_folder, dev) = twin();
    let program = Program::at("127.0.0.1:0", vec![500]);
    let listen = Listen::start(&dev, &["--forward", &program.url]);
    dev.send("product", &body("evt_1", "a"));
    assert!(listen.line().contains("  500 in "));
    let nowhere = format!("http://{}/", free_address());
    let skipping = Listen::start(&dev, &["--forward", &nowhere, "--skip-failed", "--json"]);
    let keys = ["evt_2", "evt_3"].map(|id| dev.send("product", &body(id, "a")));
    for _ in keys {
        let line: Value = serde_json::from_str(&skipping.line()).unwrap();
        assert_eq!(line["forward"]["error"], "no one listens there");
        assert!(listen.line().contains("  200 in "));
    }
}

#[test]
fn a_listener_that_comes_back_forwards_what_came_meanwhile_once() {
    let (_folder, dev) = twin();
    let program = Program::start();
    let forward = ["--forward", program.url.as_str()];
    let mut sent = vec![dev.send("product", &body("before", "a"))];
    dev.ended(&sent[0], 1);
    sent.clear();
    for round in ["1", "2", "3"] {
        let listen = Listen::start(&dev, &forward);
        forwarded(&listen, &program, &sent);
        let live = dev.send("product", &body(&format!("live {round}"), "a"));
        forwarded(&listen, &program, &[live]);
        assert!(listen.interrupt().is_empty());
        let away = ["x", "y"].map(|id| dev.send("product", &body(&format!("{id} {round}"), "a")));
        away.iter().for_each(|key| drop(dev.ended(key, 1)));
        sent = away.to_vec();
    }
    // Without a position it begins now; from a time of your own, with all that came since.
    let fresh = Listen::start(&dev, &["--no-resume", "--forward", &program.url]);
    let live = dev.send("product", &body("live 4", "a"));
    forwarded(&fresh, &program, &[live]);
    assert!(fresh.interrupt().is_empty());
    let all = Listen::start(&dev, &["--since", "1h", "--forward", &program.url]);
    let mut all = [(); 11].map(|()| all.line());
    all.sort();
    assert!(all.windows(2).all(|two| two[0] != two[1]), "{all:?}");
}

/// Waits until the program was sent exactly these, in any order, and the listener has shown that.
fn forwarded(listen: &Listen, program: &Program, keys: &[String]) {
    let mut requests: Vec<String> = keys
        .iter()
        .map(|_| program.next().key().to_owned())
        .collect();
    requests.sort();
    let mut keys = keys.to_vec();
    keys.sort();
    assert_eq!(requests, keys);
    for _ in keys {
        assert!(listen.line().contains("  200 in "));
    }
}

#[test]
fn control_characters_in_what_a_gateway_answers_are_escaped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let event = r#"{"events":[{"key":"k\u009b1m","received_at":"2026-01-31T12:00:00Z","source":"s","type":"a\u001b[2Jb\n","state":"done","attempts":1,"epoch":0}]}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}",
        event.len()
    );
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            answer(stream, &format!("{head}\r\n\r\n{event}"));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let listen = Listen::at(&url, folder.path(), &["--since", "2026-01-01T00:00:00Z"]);
    let line = listen.line();
    assert!(
        line.contains("a\\u{1b}[2Jb\\n") && line.contains("k\\u{9b}1m"),
        "{line}"
    );
    assert!(!line.contains(char::is_control), "{line}");
}

#[test]
fn only_what_was_asked_for_is_shown() {
    let (_folder, dev) = twin();
    let wanted = dev.send("other", &body("evt_1", "order.new"));
    let others = [
        dev.send("other", &body("evt_2", "invoice.paid")),
        dev.send("product", &body("evt_3", "order.created")),
    ];
    for key in others.iter().chain([&wanted]) {
        dev.ended(key, 1);
    }
    let filters = ["--since", "1h", "--source", "other", "--type", "order.*"];
    let text = Listen::start(&dev, &filters);
    let line = text.line();
    assert!(
        line.contains(&wanted) && line.contains("order.new"),
        "{line}"
    );
    let json = Listen::start(&dev, &[&filters[..], &["--json"]].concat());
    let event: Value = serde_json::from_str(&json.line()).unwrap();
    assert_eq!(
        (event["key"].as_str(), event["source"].as_str()),
        (Some(&*wanted), Some("other"))
    );
    let tenant = Listen::start(&dev, &["--since", "1h", "--tenant", "no one's"]);
    for listen in [text, json, tenant] {
        assert!(listen.interrupt().is_empty());
    }
}

#[test]
fn a_listener_outlives_a_restart_of_the_gateway() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let data = ["--data", "data"];
    let dev = Dev::start(folder.path(), &data);
    let address = dev.url().strip_prefix("http://").unwrap().to_owned();
    let listen = Listen::start(&dev, &[]);
    let first = dev.send("product", &body("evt_1", "a"));
    assert!(listen.line().contains(&first));
    dev.stop();
    listen.says("no gateway answers");
    let dev = Dev::start_at(&address, folder.path(), &data);
    let second = dev.send("product", &body("evt_2", "a"));
    listen.says("answers again");
    assert!(listen.line().contains(&second));
    assert!(listen.interrupt().is_empty());
}

#[test]
fn a_position_that_cannot_be_kept_is_said_at_the_start() {
    let (_folder, dev) = twin();
    let (code, out) = dev.ask(&["listen"]);
    assert!(code == 2 && out.contains("--no-resume"), "{out}");
    let (code, out) = dev.ask(&["listen", "--forward", "localhost:3000"]);
    assert!(
        code == 2 && out.contains("http://localhost:3000/hooks"),
        "{out}"
    );
    let (code, out) = dev.ask(&["listen", "--no-resume", "--source", "nothing"]);
    assert!(code == 2 && out.contains("there are"), "{out}");
    assert!(!Path::new(&dev.folder).join("state").exists());
}
