//! The command as its users use it: a twin in a process of its own, asked by other processes.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Dev, hookgate, key, project, run};

const CONFIG: &str = r#"
[sources.product]
provider = "product"
secrets  = ["env:PRODUCT"]

[sources.pps]
provider = "pps"
issuers  = { "https://issuer.example.com" = "any" }

[sources.acme]
secrets  = ["env:ACME"]
verify   = { algorithm = "hmac-sha256", signature = { from = "header:x-acme-signature", prefix = "sha256=", encoding = "hex" }, timestamp = { from = "header:x-acme-time", format = "unix", tolerance_s = 300 }, content = ["timestamp", ".", "body"], reject_status = 401 }
event    = { id = "body:data.id", type = "body:type", tenant = "header:x-acme-tenant" }

[[routes]]
source = "product"
type   = "project.*"
to     = "handler:project_created"
"#;

#[test]
fn a_sample_is_sent_processed_and_shown() {
    let folder = project(CONFIG, "# secrets\nPRODUCT=one\nACME=two\n");
    let folder = folder.path();
    let dev = Dev::start(folder, &[]);
    let (code, sent) = dev.ask(&["send", "product", "--id", "evt_7"]);
    assert_eq!(code, 0, "{sent}");
    assert!(
        sent.starts_with("200 ") && sent.contains("accepted"),
        "{sent}"
    );
    let event = dev.ended(&key(&sent), 1);
    assert_eq!(event["state"], "done");
    assert_eq!(event["event_id"], "evt_7");
    assert_eq!(event["type"], "project.created");
    assert!(
        event["payload"]["body"]
            .as_str()
            .unwrap()
            .contains("Apollo"),
        "{event}"
    );

    let (code, again) = dev.ask(&["send", "product", "--id", "evt_7"]);
    assert!(code == 0 && again.contains("duplicate"), "{again}");
    let (code, bad) = dev.ask(&["send", "product", "--tamper"]);
    assert!(code == 1 && bad.starts_with("400 "), "{bad}");
    let (code, old) = dev.ask(&["send", "product", "--age", "301"]);
    assert!(code == 1 && old.starts_with("400 "), "{old}");
    let (code, pps) = dev.ask(&["send", "pps", "--tenant", "OU7", "--type", "orders/changed"]);
    assert_eq!(code, 0, "{pps}");
    let event = dev.ended(&key(&pps), 1);
    assert_eq!(
        (&event["tenant"], &event["type"]),
        (&json!("OU7"), &json!("orders/changed"))
    );
    let (code, acme) = dev.ask(&[
        "send", "acme", "--id", "a1", "--type", "made", "--tenant", "t9",
    ]);
    assert_eq!(code, 0, "{acme}");
    let event = dev.ended(&key(&acme), 1);
    assert_eq!(
        (&event["event_id"], &event["type"], &event["tenant"]),
        (&json!("a1"), &json!("made"), &json!("t9"))
    );

    let file = folder.join("body.json");
    std::fs::write(&file, r#"{"id":"own","type":"project.created","data":3}"#).unwrap();
    let (code, own) = dev.ask(&["send", "product", "--data", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{own}");
    assert_eq!(dev.ended(&key(&own), 1)["state"], "dead");

    let (code, list) = dev.ask(&["events", "list", "--json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (code, list["events"].as_array().unwrap().len()),
        (0, 4),
        "{list}"
    );
    let (_, dead) = dev.ask(&["events", "list", "--state", "dead"]);
    assert!(
        dead.lines().count() == 2 && dead.contains("project.created"),
        "{dead}"
    );
    let (code, lost) = dev.ask(&["events", "list", "--state", "lost"]);
    assert!(
        code == 2 && lost.contains("`received`, `enqueued`"),
        "{lost}"
    );
}

#[test]
fn a_printed_request_is_accepted_as_the_sent_one() {
    let folder = project(CONFIG, "PRODUCT=one\nACME=two\n");
    let dev = Dev::start(folder.path(), &[]);
    let file = folder.path().join("it's.json");
    std::fs::write(&file, "{\"data\": {\"id\": \"a1\"},\n\"type\": \"t\"}\n").unwrap();
    let data = ["--data", file.to_str().unwrap()];
    for (options, status) in [
        (&[][..], "accepted"),
        (&data[..], "accepted"),
        (&[data[0], data[1], "--id", "a2"], "accepted"),
        (&[data[0], data[1], "--id", "a2"], "duplicate"),
        (&[data[0], data[1], "--tamper"], "authenticated"),
    ] {
        let (code, printed) = dev.ask(&[&["send", "acme", "--print"], options].concat());
        assert_eq!(code, 0, "{printed}");
        let mut curl = std::process::Command::new("sh");
        let (code, answer, err) = run(curl.args(["-c", &printed]));
        assert_eq!(code, 0, "{printed}{err}");
        assert!(answer.contains(status), "{options:?}: {printed}{answer}");
    }
    let list = dev.json(&["events", "list"]);
    assert_eq!(list["events"].as_array().unwrap().len(), 3, "{list}");
}

#[test]
fn what_is_wrong_at_the_start_is_named() {
    let folder = project(CONFIG, "# secrets\nPRODUCT=one\nACME=two\n");
    let path = folder.path();
    let failing = |arguments: &[&str]| {
        let (code, out, err) = run(&mut hookgate(path, arguments));
        assert_eq!(code, 2, "{out}{err}");
        err
    };
    let unreachable = failing(&["events", "list", "--url", "http://127.0.0.1:9"]);
    assert!(unreachable.contains("hookgate dev"), "{unreachable}");
    let nowhere = ["send", "product", "--to", "http://127.0.0.1:9/x?key=s3cret"];
    let nowhere = failing(&nowhere);
    assert!(nowhere.contains("http://127.0.0.1:9/x"), "{nowhere}");
    for wrong in ["9000", "hookgate dev", "s3cret"] {
        assert!(!nowhere.contains(wrong), "{nowhere}");
    }
    assert!(failing(&["send", "nobody"]).contains("there are acme, pps, product"));
    assert!(failing(&["dev", "--config", "none.toml"]).contains("none.toml"));

    std::fs::write(path.join("hookgate.env"), "PRODUCT=one\n").unwrap();
    let unset = "hookgate.toml: sources.acme.secrets[0]: env:ACME is not set; \
                 write ACME=SECRET into hookgate.env";
    assert!(failing(&["dev", "--listen", "0"]).contains(unset));
    assert!(failing(&["send", "acme"]).contains(unset));
    std::fs::write(path.join("hookgate.env"), "PRODUCT=one\nACME=t w o\n").unwrap();
    let unread = failing(&["dev", "--listen", "0"]);
    assert!(unread.contains("hookgate.env, line 2"), "{unread}");
    assert!(!unread.contains("t w o"), "{unread}");
    std::fs::write(path.join("hookgate.env"), "PRODUCT=one\nACME=\n").unwrap();
    assert!(
        failing(&["dev", "--listen", "0"]).contains("sources.acme.secrets[0]: env:ACME is empty")
    );
    std::fs::write(path.join("hookgate.env"), "PRODUCT=one\nACME=two\n").unwrap();
    for (change, named) in [
        (
            CONFIG.replace("provider = \"product\"", "providr = \"product\""),
            "providr",
        ),
        (
            CONFIG.replace("handler:project_created", "handler:nothing"),
            "routes[0].to",
        ),
        (
            CONFIG.replace("https://issuer.example.com", "http://issuer.example.com"),
            "http://issuer.example.com",
        ),
        (
            CONFIG.replace(
                "issuers  = { \"https://issuer.example.com\" = \"any\" }",
                "",
            ),
            "sources.pps.issuers: is missing",
        ),
        (
            CONFIG.replace("source = \"product\"", "source = \"produkt\""),
            "routes[0].source: no source matches `produkt`; there are acme, pps, product",
        ),
    ] {
        std::fs::write(path.join("hookgate.toml"), change).unwrap();
        let told = failing(&["dev", "--listen", "127.0.0.1:0"]);
        assert!(told.contains(named), "{told}");
    }
}

#[test]
fn a_secret_in_aws_without_credentials_is_one_line_that_says_what_to_do() {
    let config = CONFIG.replace("env:ACME", "ssm:/hookgate/acme");
    let folder = project(&config, "PRODUCT=one\n");
    for arguments in [&["send", "acme"][..], &["dev", "--listen", "127.0.0.1:0"]] {
        let mut command = hookgate(folder.path(), arguments);
        let (code, out, err) = run(command.env("AWS_EC2_METADATA_DISABLED", "true"));
        assert_eq!(
            (code, out.as_str(), err.lines().count()),
            (2, "", 1),
            "{err}"
        );
        let problem = "sources.acme.secrets[0]: ssm:/hookgate/acme wants AWS credentials";
        assert!(
            err.contains(problem) && err.contains("\"env:NAME\""),
            "{err}"
        );
    }
}

#[test]
fn the_demo_ends_well_whatever_the_users_configuration_says() {
    let folder = project("[sources.stripe]\nprovider = \"stripe\"", "no secrets");
    let (code, out, err) = run(&mut hookgate(folder.path(), &["demo"]));
    assert_eq!(code, 0, "{out}{err}");
    for system in ["partssource", "product", "pps", "pakk", "wss"] {
        assert!(out.contains(system), "{out}");
    }
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let sources = paths.flat_map(|path| match path.extension() {
        _ if path.is_dir() => sources(&path),
        Some(kind) if kind == "rs" => vec![path],
        _ => Vec::new(),
    });
    sources.collect()
}

#[test]
fn no_file_that_users_edit_is_compiled_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = ["cli", "functions", "infra", "shared", "tests"];
    let mut included = 0;
    for file in folders
        .iter()
        .flat_map(|folder| sources(&root.join(folder)))
    {
        let text = std::fs::read_to_string(&file).unwrap();
        for path in text.split("include_str!(\"").skip(1) {
            let path = file.with_file_name(path.split('"').next().unwrap());
            included += 1;
            let Ok(path) = path.canonicalize() else {
                continue;
            };
            let of_users = ["hookgate.toml", "hookgate.env"].map(|name| root.join(name));
            assert!(
                !of_users.contains(&path),
                "{} in {}",
                path.display(),
                file.display()
            );
        }
    }
    assert!(included > 5, "only {included} files are compiled in");
}

#[test]
fn a_check_names_all_that_is_wrong_with_a_configuration() {
    let source = |name, secret| {
        format!("[sources.{name}]\nprovider = \"stripe\"\nsecrets = [\"{secret}\"]\n")
    };
    let good = source("shop", "env:SHOP") + "[[routes]]\nto = \"handler:log\"\n";
    let check = |config: &str, more: &[&str]| {
        let folder = project(config, "SHOP=one\nEMPTY=\n");
        run(&mut hookgate(folder.path(), &[&["check"], more].concat()))
    };
    let (code, out, _) = check(&good, &[]);
    assert!(code == 0 && out.contains("ok       sources.shop"), "{out}");

    let bad = source("a", "env:NOT_SET") + &source("b", "env:EMPTY") + &good.replace("log", "lgo");
    let (code, out, _) = check(&bad, &[]);
    assert_eq!(code, 1, "{out}");
    for wrong in [
        "wrong    sources.a.secrets[0]: env:NOT_SET",
        "wrong    sources.b.secrets[0]: env:EMPTY is empty",
        "ok       sources.shop",
        "wrong    routes[0].to: unknown handler `lgo`",
    ] {
        assert!(out.contains(wrong), "{wrong} is not in\n{out}");
    }
    let (code, out, _) = check(&bad.replace("lgo", "log"), &["--without-secrets"]);
    assert_eq!(code, 0, "{out}");
    let (code, out, _) = check(&bad, &["--json"]);
    let errors = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let errors = errors
        .filter(|finding| finding["error"].is_string())
        .count();
    assert_eq!((code, errors), (1, 3), "{out}");
}

#[test]
fn a_check_fails_until_the_template_beside_it_has_the_sources_routes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (code, out, _) = run(&mut hookgate(root, &["check", "--without-secrets"]));
    assert!(code == 0 && out.contains("ok       template.yaml"), "{out}");

    let config = "[sources.my-shop]\nprovider = \"stripe\"\nsecrets = [\"env:SHOP\"]\nthrottle = { rate = 7, burst = 9 }\n";
    let folder = project(config, "SHOP=one\n");
    let template = folder.path().join("template.yaml");
    std::fs::copy(root.join("template.yaml"), &template).unwrap();
    let (code, out, _) = run(&mut hookgate(folder.path(), &["check"]));
    let wrong = "wrong    template.yaml: its routes are not those of the sources; run `hookgate check --write-template`";
    assert!(code == 1 && out.contains(wrong), "{out}");
    let (code, out, _) = run(&mut hookgate(folder.path(), &["check", "--write-template"]));
    assert!(code == 0 && out.contains("ok       template.yaml"), "{out}");
    let text = std::fs::read_to_string(&template).unwrap();
    for line in [
        "      RouteSettings:\n        ANY /webhooks/my-shop: { ThrottlingRateLimit: 7, ThrottlingBurstLimit: 9 }\n",
        "    DependsOn: myDashshopTenantRoute\n",
        "      RouteKey: ANY /webhooks/my-shop\n",
        "      RouteKey: ANY /webhooks/my-shop/{tenant}\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("/webhooks/stripe"));
}
