//! The processor's binary under Lambda's own emulator: batches of which some messages are good, some
//! are not, and some must come again.

use hookgate::system_now;
use hookgate::unix_ms;
use hookgate_tests::batch::{GOOD, MALFORMED, MIXED, fresh, key, process, records, text};
use hookgate_tests::deployment::{Deployment, processor_with, with};
use serde_json::Value;

fn state(code: &str) -> (String, String) {
    (code.to_owned(), "1".to_owned())
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_good_batch_is_done() {
    let deployment = Deployment::new().await;
    let mut processor = deployment.processor().await;
    let batch = fresh(GOOD);
    assert!(process(&mut processor, &batch).await.is_empty());
    for record in records(&batch) {
        assert_eq!(deployment.stack.state(&key(record)).await, state("D"));
    }
    assert!(deployment.stack.take_dead_letters().await.is_empty());
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn in_a_mixed_batch_each_message_ends_by_itself() {
    let deployment = Deployment::new().await;
    let mut processor = deployment.processor().await;
    let batch = fresh(MIXED);
    let [garbage, order, poison, newer, project] = records(&batch) else {
        panic!("mixed.json has five records");
    };
    // A message of another version waits for a processor that reads it.
    let again = process(&mut processor, &batch).await;
    assert_eq!(again, [newer["messageId"].as_str().expect("an id")]);
    assert_eq!(deployment.stack.state(&key(order)).await, state("D"));
    assert_eq!(deployment.stack.state(&key(project)).await, state("D"));
    assert_eq!(deployment.stack.state(&key(poison)).await, state("X"));

    let letters = deployment.stack.take_dead_letters().await;
    let class = |record: &Value| {
        let letter = letters
            .iter()
            .find(|letter| letter.body() == Some(text(record)));
        let attributes = letter.and_then(|letter| letter.message_attributes());
        attributes.and_then(|attributes| attributes.get("Class")?.string_value())
    };
    assert_eq!(letters.len(), 2);
    assert_eq!(class(garbage), Some("unreadable"));
    assert_eq!(class(poison), Some("permanent"));
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn messages_that_nobody_can_read_are_set_aside_as_they_are() {
    let deployment = Deployment::new().await;
    let mut processor = deployment.processor().await;
    let batch = fresh(MALFORMED);
    let (newer, unreadable): (Vec<&Value>, Vec<&Value>) = records(&batch)
        .iter()
        .partition(|record| text(record).contains("\"v\":99"));
    let again = process(&mut processor, &batch).await;
    assert_eq!(again, [newer[0]["messageId"].as_str().expect("an id")]);
    let letters = deployment.stack.take_dead_letters().await;
    let mut set_aside: Vec<&str> = letters.iter().filter_map(|letter| letter.body()).collect();
    let mut sent: Vec<&str> = unreadable.into_iter().map(text).collect();
    set_aside.sort_unstable();
    sent.sort_unstable();
    assert_eq!(set_aside, sent);
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn only_the_message_whose_event_somebody_else_holds_comes_again() {
    let deployment = Deployment::new().await;
    let mut processor = deployment.processor().await;
    let batch = fresh(GOOD);
    let [held, others @ ..] = records(&batch) else {
        panic!("good.json has records");
    };
    let now_ms = unix_ms(system_now());
    deployment
        .stack
        .claim_for_another(&key(held), now_ms + 60_000)
        .await;
    assert_eq!(
        process(&mut processor, &batch).await,
        [held["messageId"].as_str().unwrap()]
    );
    assert_eq!(deployment.stack.state(&key(held)).await, state("P"));
    for other in others {
        assert_eq!(deployment.stack.state(&key(other)).await, state("D"));
    }

    deployment
        .stack
        .claim_for_another(&key(held), now_ms - 60_000)
        .await;
    assert!(
        process(&mut processor, &batch).await.is_empty(),
        "a lease that is over holds nothing"
    );
    assert_eq!(deployment.stack.state(&key(held)).await.0, "D");
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn without_its_table_the_processor_acknowledges_nothing() {
    let deployment = Deployment::new().await;
    let variables = with(
        deployment.processor_variables(),
        "HOOKGATE_TABLE",
        "no-such-table",
    );
    let mut processor = processor_with(&variables).await;
    let batch = fresh(GOOD);
    let all: Vec<&str> = records(&batch)
        .iter()
        .filter_map(|record| record["messageId"].as_str())
        .collect();
    assert_eq!(process(&mut processor, &batch).await, all);
    assert!(deployment.stack.take_dead_letters().await.is_empty());
}
