//! `hookgate dev`: where it listens, and what it says of itself.

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use support::{Dev, hookgate, project, run};

const CONFIG: &str = "[sources.pps]
provider = \"pps\"
issuers  = { \"https://issuer.example.com\" = \"any\" }
";

#[test]
fn a_folder_of_data_has_one_gateway_at_a_time() {
    let folder = project(CONFIG, "");
    let data = ["--data", "data"];
    let mut first = Dev::start(folder.path(), &data);
    let mut second = hookgate(folder.path(), &["dev", "--listen", "0", "--data", "data"]);
    let (code, out, err) = run(&mut second);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("another gateway stores its events in data"),
        "{err}"
    );
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    Dev::start(folder.path(), &data).stop();
}

#[test]
fn endpoints_are_the_same_after_a_restart() {
    let folder = project(CONFIG, "");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    // Below those that a system gives away of its own accord, as are the endpoints.
    let port = free.local_addr().unwrap().port() / 4;
    drop(free);
    let address = format!("localhost:{port}");
    let mut started = Vec::new();
    for _ in 0..2 {
        let dev = Dev::start_at(&address, folder.path(), &[]);
        started.push(["url", "dynamodb", "sqs", "s3"].map(|name| dev.ready[name].clone()));
        dev.stop();
    }
    assert_eq!(started[0], started[1]);
    assert_eq!(started[0][0], json!(format!("http://127.0.0.1:{port}")));
}

#[test]
fn each_of_two_gateways_at_one_port_issues_its_own_tokens() {
    let folder = project(CONFIG, "");
    let first = Dev::start(folder.path(), &[]);
    let port = first.url().rsplit_once(':').unwrap().1;
    let second = Dev::start_at(&format!("127.0.0.2:{port}"), folder.path(), &[]);
    for dev in [&first, &second] {
        let (code, out) = dev.ask(&["send", "pps"]);
        assert_eq!(code, 0, "{out}");
    }
}

#[test]
fn the_aws_cli_is_told_what_it_needs() {
    let folder = project(CONFIG, "");
    let dev = Dev::start(folder.path(), &[]);
    for name in ["dynamodb", "sqs", "s3"] {
        assert!(
            dev.ready[name]
                .as_str()
                .unwrap()
                .starts_with("http://127.0.0.1:")
        );
    }
    assert_eq!(dev.ready["bucket"], "hookgate-archive");
    assert_eq!(dev.ready["region"], "us-east-1");
}

#[test]
fn the_first_event_that_is_proposed_has_a_route() {
    let config = "[sources.a]\nprovider = \"github\"\nsecrets = [\"env:A\"]\n\
                  [sources.b]\nprovider = \"github\"\nsecrets = [\"env:A\"]\n\
                  [[routes]]\nsource = \"b\"\nto = \"handler:log\"\n";
    let folder = project(config, "A=one\n");
    let mut dev = hookgate(folder.path(), &["dev", "--listen", "0"]);
    let mut dev = dev.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(dev.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let said = lines.find(|line| line.contains("Send one")).unwrap();
    dev.kill().unwrap();
    dev.wait().unwrap();
    assert!(said.ends_with("hookgate send b"), "{said}");
}

#[test]
fn a_changed_configuration_is_said_to_want_a_restart() {
    let folder = project(CONFIG, "");
    let mut dev = hookgate(folder.path(), &["dev", "--listen", "0"]);
    let mut dev = dev.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(dev.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    lines.find(|line| line.contains("Send one")).unwrap();
    for file in ["hookgate.toml", "hookgate.env"] {
        // The first look may come after a change; one of the next sees the next.
        let path = folder.path().join(file);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let mut file = File::options().append(true).open(&path).unwrap();
                    writeln!(file, "# edited").unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            let said = format!("{file} changed: restart to apply");
            assert!(lines.any(|line| line.contains(&said)));
            stop.store(true, Ordering::Relaxed);
        });
    }
    dev.kill().unwrap();
    dev.wait().unwrap();
}
