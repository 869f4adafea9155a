//! The operators' commands: against a local gateway, by its token; against a deployed one, by IAM.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use support::{Dev, hookgate, project, run};

const CONFIG: &str = "[sources.product]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n
[[routes]]\nsource = \"product\"\ntype = \"project.*\"\nto = \"handler:project_created\"\n";

/// An event with these data.
fn body(data: &str) -> String {
    format!(r#"{{"id":"evt_1","type":"project.created","data":{data}}}"#)
}

#[test]
fn an_operator_replays_by_keys_and_by_time() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let dev = Dev::start(folder.path(), &[]);
    let key = dev.send("product", &body(r#"{"name":"Apollo"}"#));
    dev.ended(&key, 1);

    let (code, out) = dev.ask(&["replay", "--reason", "fixed", "--", &key]);
    assert!(
        code == 0 && out.contains("sent again, its replay number 1"),
        "{out}"
    );
    assert_eq!(dev.ended(&key, 2)["epoch"], 1);
    let (code, out) = dev.ask(&["replay", "--", &key]);
    assert!(code == 2 && out.contains("--reason"), "{out}");

    let range = ["replay", "--source", "product", "--since", "1h"];
    let (code, out) = dev.ask(&[&range[..], &["--dry-run"]].concat());
    assert!(
        code == 0 && out.contains("1 events") && out.contains(&key),
        "{out}"
    );
    let (code, out) = dev.ask(
        &[
            &range[..],
            &["--type", "project.*", "--reason", "lost disk", "--watch"],
        ]
        .concat(),
    );
    assert!(code == 0 && has_field(&out, "sent", "1"), "{out}");
    assert!(has_field(&out, "handled", "1"), "{out}");
    assert!(has_field(&out, "not_begun", "0"), "{out}");
    assert_eq!(dev.ended(&key, 3)["epoch"], 2);

    let (code, list) = dev.ask(&["replay", "list"]);
    assert!(code == 0 && list.lines().count() == 3, "{list}");
    let columns = |word| list.lines().filter_map(move |line| line.find(word));
    let heads = columns("REASON").collect::<Vec<_>>();
    let reasons = columns("lost disk").chain(columns("fixed"));
    assert_eq!(heads.repeat(2), reasons.collect::<Vec<_>>(), "{list}");
    let (_, out) = dev.ask(&["replay", "--reason", "again", "--watch", "--", &key]);
    let ended = has_field(&out, "sent", "1") && has_field(&out, "not_begun", "0");
    assert!(ended && has_field(&out, "processing", "0"), "{out}");
    let id = dev.json(&["replay", "list"])["replays"][0]["id"].clone();
    let (code, out) = dev.ask(&["replay", "cancel", id.as_str().unwrap()]);
    assert!(code == 2 && out.contains("done already"), "{out}");
    let (code, out) = dev.ask(&[
        "replay",
        "--source",
        "product",
        "--since",
        "soon",
        "--dry-run",
    ]);
    assert!(code == 2 && out.contains("2h"), "{out}");
}

#[test]
fn an_operator_sees_and_redrives_dead_letters() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let dev = Dev::start(folder.path(), &[]);
    let key = dev.send("product", &body("3"));
    dev.ended(&key, 1);
    let (code, list) = dev.ask(&["dlq", "list"]);
    assert!(
        code == 0 && list.contains(&key) && list.contains("1 dead letters"),
        "{list}"
    );
    let (_, event) = dev.ask(&["events", "show", "--", &key]);
    assert!(
        has_field(&event, "target", "handler:project_created"),
        "{event}"
    );
    let (code, shown) = dev.ask(&["dlq", "show", &key]);
    assert!(code == 0 && shown.contains("permanent"), "{shown}");

    let (code, out) = dev.ask(&["dlq", "redrive", "--", &key]);
    assert!(code == 0 && out.contains("sent again"), "{out}");
    dev.ended(&key, 2);
    let (code, out) = dev.ask(&["dlq", "redrive", "--all", "--rate", "50"]);
    assert_eq!(code, 0, "{out}");
    dev.ended(&key, 3);
    let (code, moves) = dev.ask(&["dlq", "moves"]);
    assert!(code == 0 && moves.contains("1 of 1 moved"), "{moves}");
    let (code, out) = dev.ask(&["dlq", "redrive", "nothing"]);
    assert!(code == 2 && out.contains("no dead letter"), "{out}");
}

#[test]
fn an_operator_redrives_dead_letters_by_reason_and_discards_one() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let dev = Dev::start(folder.path(), &[]);
    let key = dev.send("product", &body("3"));
    dev.ended(&key, 1);
    let redrive = |reason: &str| {
        let by_reason = ["dlq", "redrive", "--source", "product", "--reason-contains"];
        dev.ask(&[&by_reason[..], &[reason]].concat())
    };
    let (code, out) = redrive("no such reason");
    assert!(code == 0 && out.contains("0 sent again"), "{out}");
    let (code, out) = redrive("Lacks a Field");
    assert!(code == 0 && out.contains("1 sent again"), "{out}");
    dev.ended(&key, 2);

    let (code, out) = dev.ask(&["dlq", "discard", "--", &key]);
    assert!(code == 2 && out.contains("--reason"), "{out}");
    let (code, out) = dev.ask(&["dlq", "discard", "--reason", "a test order", "--", &key]);
    assert!(code == 0 && out.contains("discarded"), "{out}");
    let (_, list) = dev.ask(&["dlq", "list"]);
    assert!(
        list.contains("0 dead letters") && !list.contains(&key),
        "{list}"
    );
    let (_, event) = dev.ask(&["events", "show", &key]);
    assert!(event.contains("discarded: a test order"), "{event}");
}

#[test]
fn a_list_that_is_cut_says_how_to_go_on() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let dev = Dev::start(folder.path(), &[]);
    let mut keys = Vec::new();
    for number in 0..3 {
        let text =
            format!(r#"{{"id":"evt_{number}","type":"project.created","data":{{"name":"A"}}}}"#);
        keys.push(dev.send("product", &text));
        dev.ended(&keys[number], 1);
    }
    let listed = |arguments: &[&str]| {
        let (code, out) = dev.ask(&[&["events", "list"], arguments].concat());
        assert_eq!(code, 0, "{out}");
        let found = keys.iter().filter(|key| out.contains(*key)).count();
        (found, out)
    };
    let (found, out) = listed(&["--limit", "2"]);
    assert!(found == 2 && out.contains("--all"), "{out}");
    let cursor = out
        .split("--cursor ")
        .nth(1)
        .unwrap()
        .split([' ', ','])
        .next()
        .unwrap();
    let (found, rest) = listed(&["--limit", "2", "--cursor", cursor]);
    assert!(found == 1 && !rest.contains("--cursor"), "{rest}");
    let (found, out) = listed(&["--all"]);
    assert!(found == 3 && !out.contains("--cursor"), "{out}");
    let (found, out) = listed(&["--source", "product", "--event-id", "evt_1"]);
    assert!(found == 1 && out.contains(&keys[1]), "{out}");
    let events = dev.json(&["events", "list", "--limit", "1"]);
    assert_eq!(events["events"][0]["key"], keys[2]);
    assert!(events["next"].is_string(), "{events}");
}

/// The file that a gateway's token is in.
fn token_file(folder: &Path, dev: &Dev) -> PathBuf {
    let address = dev.url().strip_prefix("http://").unwrap();
    folder.join(format!("hookgate-{address}.token"))
}

#[test]
fn the_token_is_found_by_the_user_and_refused_when_wrong() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let dev = Dev::start(folder.path(), &[]);
    let file = token_file(folder.path(), &dev);
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, out) = dev.ask(&["events", "list", "--token", "wrong"]);
    assert!(code == 2 && out.contains("the token"), "{out}");
    assert!(!out.contains(dev.ready["token"].as_str().unwrap()), "{out}");
    dev.stop();
    assert!(!file.exists());
}

#[test]
fn gateways_at_one_port_of_two_addresses_have_a_token_each() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let first = Dev::start(folder.path(), &[]);
    let port = first.url().rsplit_once(':').unwrap().1;
    let second = Dev::start_at(&format!("127.0.0.2:{port}"), folder.path(), &[]);
    for dev in [&first, &second] {
        let (code, out) = dev.ask(&["events", "list"]);
        assert_eq!(code, 0, "{out}");
    }
    second.stop();
    let by_name = format!("http://localhost:{port}");
    let (code, out) = first.ask(&["events", "list", "--url", &by_name]);
    assert_eq!(code, 0, "{out}");
}

#[test]
fn a_gateway_everywhere_is_found_here() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let dev = Dev::start_at("0.0.0.0:0", folder.path(), &[]);
    let here = dev.url().replace("0.0.0.0", "127.0.0.1");
    let (code, out) = dev.ask(&["events", "list", "--url", &here]);
    assert_eq!(code, 0, "{out}");
}

#[test]
fn the_token_of_a_killed_gateway_is_sent_to_no_one() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let mut dev = Dev::start(folder.path(), &[]);
    let left = token_file(folder.path(), &dev);
    dev.child.kill().unwrap();
    dev.child.wait().unwrap();
    assert!(left.exists());
    let listener = TcpListener::bind(dev.url().strip_prefix("http://").unwrap()).unwrap();
    let other = std::thread::spawn(move || one_request(&listener));
    dev.ask(&["events", "list"]);
    let (head, _) = other.join().unwrap();
    assert!(!head.to_lowercase().contains("authorization"), "{head}");

    let next = Dev::start(folder.path(), &[]);
    assert!(!left.exists());
    drop(next);
}

/// One request, answered as a gateway does that has nothing: its head and its body.
fn one_request(listener: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().unwrap();
    let request = read_request(&mut stream);
    let answer = match request.0.split(' ').next() {
        Some("GET") => r#"{"events":[]}"#,
        Some("POST") => r#"{"replayed":[],"failed":[]}"#,
        _ => {
            r#"{"id":"1","state":"cancelled","reason":"x","asked_at":"2026-01-01T00:00:00Z",
            "found":0,"sent":0,"skipped":0,"failed":0,"failed_keys":[]}"#
        }
    };
    let length = answer.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all((head + answer).as_bytes()).unwrap();
    request
}

fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut chunk).unwrap();
        bytes.extend_from_slice(&chunk[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = head.to_lowercase().lines().find_map(|line| {
            line.strip_prefix("content-length: ")
                .map(|length| length.parse::<usize>().unwrap())
        });
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            return (head, bytes[end + 4..].to_vec());
        }
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The signature that a request should have, computed as AWS documents it:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
fn expected(head: &str, body: &[u8], scope: &str, secret: &str) -> (String, String) {
    let mut lines = head.lines();
    let first: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let headers: BTreeMap<String, String> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let given = &headers["authorization"];
    let part = |name: &str| {
        let (_, rest) = given.split_once(name).unwrap();
        rest.split(", ").next().unwrap().to_owned()
    };
    let (path, query) = first[1].split_once('?').unwrap_or((first[1], ""));
    // Every value here is written as the canonical query wants it; what is left is the order.
    let mut query: Vec<&str> = query.split('&').collect();
    query.sort_unstable();
    let query = query.join("&");
    let signed = part("SignedHeaders=");
    let listed: String = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", headers[name]))
        .collect();
    let hash = hex::encode(Sha256::digest(body));
    let canonical = format!("{}\n{path}\n{query}\n{listed}\n{signed}\n{hash}", first[0]);
    let date = &headers["x-amz-date"];
    let (day, _) = date.split_at(8);
    let scope = format!("{day}/{scope}");
    assert!(part("Credential=").ends_with(&scope), "{given}");
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hex::encode(Sha256::digest(canonical))
    );
    let key = scope
        .split('/')
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            hmac(&key, part)
        });
    (hex::encode(hmac(&key, &text)), part("Signature="))
}

#[test]
fn a_deployed_gateway_is_asked_with_a_signature() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/prod", listener.local_addr().unwrap());
    for (arguments, start) in [
        (
            &["events", "list", "--type", "a b&c*"][..],
            "GET /prod/admin/events?",
        ),
        (
            &["replay", "--reason", "x", "KEY"],
            "POST /prod/admin/replay ",
        ),
        (&["replay", "cancel", "1"], "DELETE /prod/admin/replays/1 "),
    ] {
        let child = hookgate(folder.path(), arguments)
            .args(["--auth", "iam", "--url", &url])
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "a-secret-access-key")
            .env("AWS_SESSION_TOKEN", "a-session")
            .env("AWS_REGION", "eu-central-1")
            .stdout(std::process::Stdio::null())
            .spawn();
        let (head, body) = one_request(&listener);
        assert!(head.starts_with(start), "{head}");
        assert!(head.contains("x-amz-security-token: a-session"), "{head}");
        let (right, given) = expected(
            &head,
            &body,
            "eu-central-1/execute-api/aws4_request",
            "a-secret-access-key",
        );
        assert_eq!(given, right, "{head}");
        assert!(child.unwrap().wait().unwrap().success());
    }
    let nobody = &mut hookgate(
        folder.path(),
        &["events", "list", "--auth", "iam", "--url", &url],
    );
    let nobody = nobody.env("AWS_EC2_METADATA_DISABLED", "true");
    let (code, _, told) = run(nobody.env("AWS_REGION", "eu-central-1"));
    assert!(code == 2 && told.contains("AWS_PROFILE"), "{told}");
}

/// Answers whether a command printed this field with this value.
fn has_field(out: &str, name: &str, value: &str) -> bool {
    let mut lines = out.lines().map(|line| line.split_whitespace());
    lines.any(|words| words.eq([name, value]))
}
