//! `hookgate handle`: one handler, on one event, with nothing around it.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::{Dev, hookgate, project, run};

const CONFIG: &str = "[sources.product]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n";

fn handled(folder: &Path, text: &str, arguments: &[&str]) -> (i32, String, String) {
    std::fs::write(folder.join("event.json"), text).expect("an event");
    let mut command = hookgate(folder, &["handle", "--event", "event.json"]);
    run(command.args(arguments))
}

#[test]
fn a_handler_is_run_on_an_event_as_it_is_shown() {
    let folder = project(CONFIG, "PRODUCT=one\n");
    let dev = Dev::start(folder.path(), &[]);
    let good = r#"{"id":"e1","type":"project.created","data":{"name":"Apollo"}}"#;
    let poison = r#"{"id":"e2","type":"project.created","data":3}"#;
    for (body, code, said) in [
        (good, 0, "done\n"),
        (poison, 1, "permanent: the body lacks"),
    ] {
        let key = dev.send("product", body);
        let event = dev.ended(&key, 1).to_string();
        let (ended, out, err) = handled(folder.path(), &event, &["project_created"]);
        assert_eq!(ended, code, "{out}{err}");
        assert!(out.contains(said), "{out}{err}");
        assert!(
            code == 1 || out.contains(&key),
            "its log names the event: {out}"
        );
    }
}

#[test]
fn writes_to_tables_are_shown() {
    let folder = project(CONFIG, "");
    let options = ["order_line_backordered", "--tenant", "42", "--json"];
    let (code, out, err) = handled(folder.path(), r#"{"payload":{}}"#, &options);
    assert_eq!(code, 0, "{err}");
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    let key = json!({ "pk": "count#backordered", "sk": "42" });
    let write = json!({ "add": 1, "to": "lines", "of": key, "table": null });
    assert_eq!(answer, json!({ "result": "done", "writes": [write] }));
}

#[test]
fn what_cannot_be_handled_is_said() {
    let folder = project(CONFIG, "");
    let (code, _, err) = handled(folder.path(), "{}", &["order_creatd"]);
    assert!(
        code == 2 && err.contains("there are log, order_created"),
        "{err}"
    );
    let gone = r#"{"key":"a","source":"product","payload":null}"#;
    let (code, _, err) = handled(folder.path(), gone, &["log"]);
    assert!(
        code == 2 && err.contains("event.json: the payload is gone"),
        "{err}"
    );
}
