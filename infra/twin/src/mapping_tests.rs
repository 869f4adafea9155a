use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hookgate_sqs::Depth;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

/// An engine whose clock stands still until it is told to move.
fn engine() -> (Sqs, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(1_800_000_000));
    let clock = Arc::clone(&seconds);
    let now =
        move || -> SystemTime { UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst)) };
    let sqs = Sqs::open_with_clock(None, Box::new(now)).expect("memory opens");
    sqs.ensure_queue("events", &BTreeMap::new())
        .expect("a good name");
    (sqs, seconds)
}

fn mapping() -> Mapping {
    Mapping::new("events")
}

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    fn start<F, Fut>(sqs: &Sqs, mapping: Mapping, invoke: F) -> Running
    where
        F: Fn(SqsEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<SqsBatchResponse, InvokeError>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let task = tokio::spawn(mapping.run(sqs.clone(), invoke, shutdown));
        Running { stop, task }
    }

    async fn stop(self) {
        drop(self.stop);
        let stopped = tokio::time::timeout(Duration::from_secs(5), self.task).await;
        stopped
            .expect("it stops in time")
            .expect("it did not panic");
    }
}

async fn until(what: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(5), async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it happens in time");
}

async fn depth(sqs: &Sqs) -> Depth {
    sqs.depth("events").await.expect("the queue is there")
}

fn response(failures: &[&str]) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    failures.iter().for_each(|id| response.add_failure(*id));
    response
}

const EMPTY: Depth = Depth {
    visible: 0,
    in_flight: 0,
    delayed: 0,
};

#[tokio::test]
async fn records_not_named_as_failed_are_deleted_and_the_failed_one_comes_back() {
    let (sqs, seconds) = engine();
    let bad = sqs.send("events", "bad").await.expect("sent");
    sqs.send("events", "good").await.expect("sent");
    let counts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&counts);
    let running = Running::start(&sqs, mapping(), move |event| {
        let records = event.records.iter();
        let again = records.filter(|record| record.message_id.as_ref() == Some(&bad));
        let again: Vec<String> = again
            .map(|record| record.attributes["ApproximateReceiveCount"].clone())
            .collect();
        let first = again.first().is_some_and(|count| count == "1");
        seen.lock().expect("not poisoned").extend(again);
        let answer = if first {
            response(&[&bad])
        } else {
            response(&[])
        };
        async move { Ok(answer) }
    });
    let one_left = Depth {
        in_flight: 1,
        ..EMPTY
    };
    until(async || depth(&sqs).await == one_left).await;
    seconds.fetch_add(31, Ordering::SeqCst);
    // A poller that waits learns of the chosen clock at the next change of the queue.
    sqs.send("events", "another").await.expect("sent");
    until(async || depth(&sqs).await == EMPTY).await;
    running.stop().await;
    assert_eq!(*counts.lock().expect("not poisoned"), ["1", "2"]);
}

#[tokio::test]
async fn an_empty_or_unknown_identifier_fails_the_whole_batch() {
    for identifier in ["", "no-such-message"] {
        let (sqs, _) = engine();
        sqs.send("events", "a").await.expect("sent");
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let running = Running::start(&sqs, mapping(), move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { Ok(response(&[identifier])) }
        });
        until(async || calls.load(Ordering::SeqCst) == 1).await;
        running.stop().await;
        assert_eq!(depth(&sqs).await.in_flight, 1, "{identifier:?}");
    }
}

#[tokio::test]
async fn neither_an_error_nor_a_panic_deletes_anything_or_stops_the_polling() {
    let (sqs, _) = engine();
    let running = Running::start(&sqs, mapping(), |event| {
        let body = event.records[0].body.clone().unwrap_or_default();
        assert!(body != "panics", "as asked");
        async move {
            match body.as_str() {
                "fails" => Err("as asked".into()),
                _ => Ok(response(&[])),
            }
        }
    });
    for body in ["panics", "fails"] {
        let before = depth(&sqs).await.in_flight;
        sqs.send("events", body).await.expect("sent");
        until(async || depth(&sqs).await.in_flight == before + 1).await;
    }
    sqs.send("events", "good").await.expect("sent");
    let two_left = Depth {
        in_flight: 2,
        ..EMPTY
    };
    until(async || depth(&sqs).await == two_left).await;
    running.stop().await;
    assert_eq!(depth(&sqs).await, two_left);
}

#[tokio::test]
async fn a_record_looks_as_lambda_makes_it() {
    let message = ReceivedMessage {
        id: "id".to_owned(),
        receipt_handle: "handle".to_owned(),
        body: "msg".to_owned(),
        system_attributes: BTreeMap::from([("ApproximateReceiveCount".to_owned(), "1".to_owned())]),
        attributes: BTreeMap::from([
            (
                "text".to_owned(),
                MessageAttribute {
                    data_type: "String".to_owned(),
                    string_value: Some("t".to_owned()),
                    binary_value: None,
                },
            ),
            (
                "bytes".to_owned(),
                MessageAttribute {
                    data_type: "Binary".to_owned(),
                    string_value: None,
                    binary_value: Some("AQID".to_owned()),
                },
            ),
        ]),
    };
    let event = event(&[message], "arn:aws:sqs:us-east-1:000000000000:events");
    let shown = serde_json::to_value(event.expect("it is base64")).expect("JSON");
    let record = &shown["Records"][0];
    assert_eq!(record["messageId"], "id");
    assert_eq!(record["receiptHandle"], "handle");
    assert_eq!(record["body"], "msg");
    assert_eq!(record["md5OfBody"], "6e2baaf3b97dbeef01c0043275f9a0e7");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(record["messageAttributes"]["text"]["stringValue"], "t");
    assert_eq!(record["messageAttributes"]["bytes"]["binaryValue"], "AQID");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(
        record["eventSourceARN"],
        "arn:aws:sqs:us-east-1:000000000000:events"
    );
}

#[tokio::test]
async fn a_shutdown_waits_for_the_invocation_in_flight() {
    let (sqs, _) = engine();
    sqs.send("events", "slow").await.expect("sent");
    let started = Arc::new(AtomicUsize::new(0));
    let begun = Arc::clone(&started);
    let running = Running::start(&sqs, mapping(), move |_| {
        begun.fetch_add(1, Ordering::SeqCst);
        async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(response(&[]))
        }
    });
    until(async || started.load(Ordering::SeqCst) == 1).await;
    running.stop().await;
    assert_eq!(depth(&sqs).await, EMPTY);
}

#[tokio::test]
async fn a_window_gathers_more_than_one_poll_takes() {
    let (sqs, _) = engine();
    for n in 0..25 {
        sqs.send("events", &n.to_string()).await.expect("sent");
    }
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sizes);
    let mapping = Mapping {
        batch_size: 20,
        batch_window: Duration::from_millis(300),
        concurrency: 1,
        ..mapping()
    };
    let running = Running::start(&sqs, mapping, move |event| {
        let size = event.records.len();
        seen.lock().expect("not poisoned").push(size);
        async { Ok(response(&[])) }
    });
    until(async || depth(&sqs).await == EMPTY).await;
    running.stop().await;
    assert_eq!(*sizes.lock().expect("not poisoned"), [20, 5]);
}

#[tokio::test]
async fn an_event_is_split_before_it_outgrows_an_invocation() {
    let message = |bytes: usize| ReceivedMessage {
        id: String::new(),
        receipt_handle: String::new(),
        body: "x".repeat(bytes),
        system_attributes: BTreeMap::new(),
        attributes: BTreeMap::new(),
    };
    let sizes = [4, 6, 1, 12, 10].map(message).to_vec();
    let events = events_within(10, sizes);
    let counts: Vec<usize> = events.iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 1, 1, 1]);
}
