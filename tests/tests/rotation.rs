//! Secrets that rotate, and stores that do not answer, while the deployed ingest runs.

use std::time::Duration;

use hookgate_tests::deployment::{Deployment, PAKK_SECRET, PRODUCT_SECRET, ingest_with, with};
use hookgate_tests::emulator::Function;
use hookgate_tests::gate::Gate;
use hookgate_tests::gateway::unix_s;
use hookgate_tests::provider::{self, Signed};
use hookgate_tests::shapes::{Encoding, HTTP_API, event};
use serde_json::{Value, json};

/// Time limit until ingest asks a store again.
const PATIENCE: Duration = Duration::from_secs(60);

/// The status of the answer to a request of Pakk's (Secrets Manager), signed with `secret`.
async fn pakk(ingest: &mut Function, secret: &str) -> i64 {
    let body = json!({ "event": "stock.changed", "sku": "PK-7", "quantity": 12 });
    let signed = provider::pakk(secret, body.to_string().as_bytes());
    status(&post(ingest, "/webhooks/pakk", &signed).await)
}

/// The same of Product's (Systems Manager).
async fn product(ingest: &mut Function, secret: &str) -> i64 {
    let body = json!({ "id": "evt", "type": "project.created", "data": {} });
    let signed = provider::product(secret, unix_s(), body.to_string().as_bytes());
    status(&post(ingest, "/webhooks/product", &signed).await)
}

async fn post(ingest: &mut Function, path: &str, signed: &Signed) -> Value {
    ingest
        .invoke(&event(HTTP_API, path, signed, Encoding::Plain))
        .await
}

fn status(answer: &Value) -> i64 {
    answer["statusCode"].as_i64().expect("an answer of ingest")
}

/// Asks until the answer is `wanted`, and fails where it takes too long.
async fn until(mut ask: impl AsyncFnMut() -> i64, wanted: i64) {
    let asking = async {
        while ask().await != wanted {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, asking).await;
    found.unwrap_or_else(|_| panic!("the answer was never {wanted}"));
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_secret_rotates_without_a_deployment_and_its_old_one_stays_good_until_the_next() {
    let deployment = Deployment::new().await;
    let ingest = &mut deployment.ingest().await;
    assert_eq!(pakk(ingest, PAKK_SECRET).await, 200);
    assert_eq!(pakk(ingest, "second").await, 401);

    deployment.stack.rotate_secret("second").await;
    let both = async || {
        assert_eq!(pakk(ingest, PAKK_SECRET).await, 200, "all the while");
        pakk(ingest, "second").await
    };
    until(both, 200).await;

    deployment.stack.rotate_secret("third").await;
    until(async || pakk(ingest, "third").await, 200).await;
    assert_eq!(pakk(ingest, "second").await, 200);
    assert_eq!(pakk(ingest, PAKK_SECRET).await, 401);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_parameter_that_changes_takes_effect_without_a_deployment() {
    let deployment = Deployment::new().await;
    let ingest = &mut deployment.ingest().await;
    assert_eq!(product(ingest, PRODUCT_SECRET).await, 200);
    deployment.stack.put_parameter("another").await;
    until(async || product(ingest, "another").await, 200).await;
    assert_eq!(product(ingest, PRODUCT_SECRET).await, 400);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_member_of_a_secrets_json_rotates_too() {
    let deployment = Deployment::new().await;
    let text = |secret: &str| json!({ "webhook": secret, "user": "admin" }).to_string();
    deployment.stack.rotate_secret(&text("first")).await;
    let config = std::fs::read_to_string(deployment.config()).expect("a configuration");
    let config = config.replace(
        "/secret\"], event = { type = \"body:event\"",
        "/secret#webhook\"], event = { type = \"body:event\"",
    );
    assert!(config.contains("#webhook"));
    std::fs::write(deployment.config(), config).expect("a writable folder");

    // The version before is no JSON object, and does no harm.
    let ingest = &mut deployment.ingest().await;
    assert_eq!(pakk(ingest, "first").await, 200);
    assert_eq!(pakk(ingest, &text("first")).await, 401);
    deployment.stack.rotate_secret(&text("second")).await;
    until(async || pakk(ingest, "second").await, 200).await;
    assert_eq!(pakk(ingest, "first").await, 200);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_store_that_is_down_costs_503_where_nothing_can_be_decided_and_nothing_else() {
    let deployment = Deployment::new().await;
    let gate = Gate::before(&deployment.stack.url).await;
    let variables = with(
        deployment.ingest_variables(),
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        &gate.url(),
    );
    let ingest = &mut ingest_with(&variables).await;

    // From the start: this source waits, and the others work.
    assert_eq!(product(ingest, PRODUCT_SECRET).await, 200);
    let refused = post(
        ingest,
        "/webhooks/pakk",
        &provider::pakk(PAKK_SECRET, b"{}"),
    )
    .await;
    assert_eq!(status(&refused), 503, "{refused}");
    assert_eq!(refused["headers"]["retry-after"], "5", "{refused}");
    assert_eq!(pakk(ingest, "forged").await, 503);
    gate.open();
    until(async || pakk(ingest, PAKK_SECRET).await, 200).await;
    assert_eq!(pakk(ingest, "forged").await, 401);

    // Later: what is known goes on, what is not known is not decided.
    gate.close();
    let known = async || {
        assert_eq!(pakk(ingest, PAKK_SECRET).await, 200, "all the while");
        pakk(ingest, "second").await
    };
    until(known, 503).await;
    deployment.stack.rotate_secret("second").await;
    gate.open();
    until(async || pakk(ingest, "second").await, 200).await;
    assert_eq!(pakk(ingest, "forged").await, 401);
}
