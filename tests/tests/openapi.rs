//! The operators' API as it is written down: `docs/openapi.json` and `docs/replay.md`.

use hookgate_api::OPERATIONS;
use hookgate_tests::gateway::Gateway;
use hookgate_tests::template::root;
use reqwest::Method;
use serde_json::{Value, json};

const COMMAND: &str = "UPDATE_OPENAPI=1 cargo test -p hookgate-tests --test openapi";

#[test]
fn the_document_is_the_one_that_the_types_make() {
    let path = root().join("docs/openapi.json");
    let made = serde_json::to_string_pretty(&hookgate_api::openapi::document()).unwrap() + "\n";
    #[expect(clippy::disallowed_methods, reason = "a switch of the test's own")]
    if std::env::var("UPDATE_OPENAPI").is_ok() {
        std::fs::write(&path, &made).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        made == written,
        "docs/openapi.json is not up to date: {COMMAND}"
    );
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = hookgate_api::openapi::document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > OPERATIONS.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn every_operation_is_answered_and_no_other_method_is() {
    let gateway = Gateway::start().await;
    for operation in OPERATIONS {
        let path = hookgate_api::path(operation.path, "x");
        let method = operation.method.parse().unwrap();
        let body = (operation.method == "POST").then(|| json!({ "no_such_field": 1 }));
        let (status, answer) = gateway.operate(method, &path, body).await;
        let told = answer["error"].as_str().unwrap_or_default();
        assert_ne!(status, 405, "{} {path}: {answer}", operation.method);
        assert!(!told.contains("nothing at this path"), "{path}: {answer}");
        if operation.method == "POST" {
            assert_eq!(status, 400, "{path}: {answer}");
            assert!(told.contains("no_such_field"), "{path}: {answer}");
        }
        let (status, _) = gateway.operate(Method::PUT, &path, None).await;
        assert_eq!(status, 405, "{path}");
    }
}

#[test]
fn every_operation_is_in_the_page_for_operators() {
    let page = std::fs::read_to_string(root().join("docs/replay.md")).unwrap();
    for operation in OPERATIONS {
        let row = format!("`{} {}`", operation.method, operation.path);
        assert!(page.contains(&row), "docs/replay.md lacks {row}");
    }
}
