//! `hookgate verify`, run on every signed request that we have of other people's SDKs.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;
#[path = "../../shared/signature/tests/support/vectors.rs"]
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{Dev, hookgate, project, run_with_input};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/signature/vectors");

fn config(vector: &Value) -> String {
    let provider = vector["provider"].as_str().unwrap();
    let config = &vector["config"];
    let mut text = format!("[sources.it]\nprovider = \"{provider}\"\n");
    if let Some(secrets) = config["secrets"].as_array() {
        let references: Vec<String> = (0..secrets.len()).map(|n| format!("env:S{n}")).collect();
        text += &format!("secrets = {references:?}\n");
    }
    if let Some(issuers) = config["trusted_issuers"].as_object() {
        let issuers = issuers.iter().map(|(issuer, audiences)| match audiences {
            Value::Null => format!("{issuer:?} = \"any\""),
            audiences => format!("{issuer:?} = {audiences}"),
        });
        text += &format!(
            "issuers = {{ {} }}\n",
            issuers.collect::<Vec<_>>().join(", ")
        );
    }
    for (key, value) in [
        ("variant", &config["variant"]),
        ("assume_utc", &config["assume_utc"]),
        ("leeway_s", &config["leeway_s"]),
        ("public_url", &config["public_url"]),
    ] {
        if !value.is_null() {
            text += &format!("{key} = {value}\n");
        }
    }
    text
}

/// The command's verdict on a vector: its exit code and output.
fn verdict(folder: &Path, vector: &Value, documents: &Value) -> (i32, Value) {
    let config_file = folder.join(format!("{}.toml", vector["id"].as_str().unwrap()));
    std::fs::write(&config_file, config(vector)).unwrap();
    let request = json!({
        "method": vector["request"]["method"],
        "path": "/webhooks/it",
        "headers": vector["request"]["headers"],
        "body_base64": STANDARD.encode(vectors::body(&vector["request"])),
        "documents": documents,
    });
    let now = (vector["now_ms"].as_u64().unwrap() / 1000).to_string();
    let config_file = config_file.to_str().unwrap();
    let mut command = hookgate(
        folder,
        &["verify", "it", "--config", config_file, "--now", &now],
    );
    for (index, secret) in vector["config"]["secrets"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        command.env(format!("S{index}"), secret.as_str().unwrap());
    }
    let (code, out, err) = run_with_input(&mut command, &request.to_string());
    let answer = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out} {err}"));
    (code, answer)
}

#[test]
fn every_request_is_judged_as_its_provider_would() {
    let folder = tempfile::tempdir().unwrap();
    let data = vectors::read(Path::new(VECTORS));
    let documents = &data["issuers"]["documents"];
    let all: Vec<&Value> = data["vectors"].as_array().unwrap().iter().collect();
    let wrong = Mutex::new(Vec::new());
    let judged = Mutex::new(BTreeMap::<String, u32>::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for share in all.chunks(all.len().div_ceil(threads)) {
            let (folder, wrong, judged) = (folder.path(), &wrong, &judged);
            scope.spawn(move || {
                for vector in share {
                    let (code, answer) = verdict(folder, vector, documents);
                    if let Some(problem) = problem(vector, code, &answer) {
                        wrong
                            .lock()
                            .unwrap()
                            .push(format!("{}: {problem}", vector["id"]));
                    }
                    let class = vector["class"].as_str().unwrap().to_owned();
                    *judged.lock().unwrap().entry(class).or_default() += 1;
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let judged = judged.into_inner().unwrap();
    assert!(
        judged["core"] >= 539 && judged.values().sum::<u32>() >= 622,
        "{judged:?}"
    );
}

fn problem(vector: &Value, code: i32, answer: &Value) -> Option<String> {
    let accepted = match code {
        0 => "accept",
        1 => "reject",
        _ => return Some(format!("exit code {code}: {answer}")),
    };
    if answer["verified"] != json!(code == 0) {
        return Some(format!("exit code {code}, but {answer}"));
    }
    let expect = &vector["expect"];
    if expect["verdict"] != "any" && expect["verdict"] != accepted {
        return Some(format!("{accepted}, {answer}"));
    }
    if code == 1 && !answer["reason"].is_string() {
        return Some(format!("no reason: {answer}"));
    }
    let meta = expect["meta"].as_object().filter(|_| code == 0)?;
    for field in ["event_id", "event_type", "tenant"] {
        if let Some(value) = meta.get(field).filter(|value| *value != &answer[field]) {
            return Some(format!("{field} should be {value}: {answer}"));
        }
    }
    None
}

#[test]
fn input_that_cannot_be_used_is_told_from_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let good = "[sources.it]\nprovider = \"pakk\"\nsecrets = [\"env:S\"]\n";
    std::fs::write(folder.path().join("hookgate.toml"), good).unwrap();
    let request = r#"{"method":"POST","path":"/webhooks/it","headers":[],"body":"{}"}"#;
    let cases = [
        (vec!["it"], request, 1, "missing_signature"),
        (vec!["it"], "{", 2, "unusable_input"),
        (
            vec!["it"],
            r#"{"headers":[],"body":"a","body_base64":""}"#,
            2,
            "unusable_input",
        ),
        (
            vec!["it"],
            r#"{"headers":[],"body_base64":"*"}"#,
            2,
            "unusable_input",
        ),
        (
            vec!["it"],
            r#"{"headers":[],"bodi":""}"#,
            2,
            "unusable_input",
        ),
        (
            vec!["it"],
            r#"{"received_at":"2026-01-31T12:00:00Z","payload":null}"#,
            2,
            "unusable_input",
        ),
        (vec!["other"], request, 2, "unusable_input"),
        (
            vec!["it", "--config", "none.toml"],
            request,
            2,
            "unusable_input",
        ),
        (
            vec!["it", "--request", "none.json"],
            request,
            2,
            "unusable_input",
        ),
    ];
    for (arguments, input, code, reason) in cases {
        let mut command = hookgate(folder.path(), &["verify"]);
        let told = run_with_input(command.args(&arguments).env("S", "secret"), input);
        let answer: Value = serde_json::from_str(&told.1).unwrap();
        assert_eq!(
            (told.0, &answer["reason"]),
            (code, &json!(reason)),
            "{arguments:?} {input}"
        );
        assert_eq!(answer["verified"], false);
    }
    let no_secret = run_with_input(&mut hookgate(folder.path(), &["verify", "it"]), request);
    assert_eq!(no_secret.0, 2);
    assert!(
        no_secret.1.contains("sources.it.secrets[0]: env:S"),
        "{}",
        no_secret.1
    );
}

#[test]
fn a_source_of_ones_own_is_verified_by_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let config = r#"
[sources.acme]
secrets  = ["env:ACME"]
verify   = { algorithm = "hmac-sha256", signature = { from = "header:x-acme-signature", prefix = "sha256=", encoding = "hex" }, timestamp = { from = "header:x-acme-time", format = "unix", tolerance_s = 300 }, content = ["timestamp", ".", "body"], reject_status = 401 }
event    = { id = "body:id", type = "body:type", tenant = "header:x-acme-tenant" }
"#;
    std::fs::write(folder.path().join("hookgate.toml"), config).unwrap();
    // echo -n '1760000000.{"id":"e1","type":"made"}' | openssl dgst -sha256 -hmac acme-secret
    let mac = "014cb1255074b68eeddc072ef99412ad679dd67029ac51be0fc99c49fa8428fc";
    let request = json!({
        "method": "POST", "path": "/webhooks/acme",
        "headers": [["X-Acme-Signature", format!("sha256={mac}")], ["X-Acme-Time", "1760000000"], ["X-Acme-Tenant", "t1"]],
        "body": r#"{"id":"e1","type":"made"}"#,
    });
    for (now, code, reason) in [
        ("1760000300", 0, Value::Null),
        ("1760000301", 1, json!("timestamp_too_old")),
        ("1759999699", 1, json!("timestamp_in_future")),
    ] {
        let mut command = hookgate(folder.path(), &["verify", "acme", "--now", now]);
        let told = run_with_input(command.env("ACME", "acme-secret"), &request.to_string());
        let answer: Value = serde_json::from_str(&told.1).unwrap();
        assert_eq!((told.0, &answer["reason"]), (code, &reason), "{answer}");
        if code == 0 {
            assert_eq!(answer["event_id"], "e1");
            assert_eq!(answer["event_type"], "made");
            assert_eq!(answer["tenant"], "t1");
            assert!(answer["dedupe_key"].is_string());
        }
    }
}

#[test]
fn an_event_is_verified_as_it_is_shown() {
    let config = "[sources.it]\nprovider = \"product\"\nsecrets = [\"env:S\"]\n";
    let folder = project(config, "S=secret");
    let dev = Dev::start(folder.path(), &[]);
    let body = r#"{"id":"e1","type":"a.b","data":"\u00fc"}"#;
    let key = dev.send("it", body);
    let event = dev.ended(&key, 1);
    let mut old = event.clone();
    old["received_at"] = json!("2026-01-31T12:00:00Z");
    for (shown, code, reason) in [
        (&event, 0, Value::Null),
        (&event["payload"], 0, Value::Null),
        (&old, 1, json!("timestamp_in_future")),
    ] {
        let mut command = hookgate(folder.path(), &["verify", "it"]);
        let told = run_with_input(&mut command, &shown.to_string());
        let answer: Value = serde_json::from_str(&told.1).unwrap();
        assert_eq!((told.0, &answer["reason"]), (code, &reason), "{answer}");
    }
}
