//! The functions' output in Lambda: each line stays one line, each metric is right, and a trace can
//! be followed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookgate::MetricLine;
use hookgate::metrics::{Dimension, MAX_VALUES, Metric};
use hookgate_tests::gateway::{Gateway, secret, unix_s};
use hookgate_tests::provider;
use hookgate_tests::telemetry::{Functions, Output, SECRET, dimension};
use hookgate_twin::engines::{QUEUE, TABLE};
use http::{HeaderValue, Request};
use serde_json::{Value, json};

/// Time limit for an event to reach its final state, on a machine that is busy with a build.
const PATIENCE: Duration = Duration::from_secs(60);

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const XRAY: &str = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1";

/// A signed request of the source `product` or `strict`.
fn request(path: &str, body: &[u8]) -> Request<Bytes> {
    let signed = provider::product(SECRET, unix_s(), body);
    let mut request = Request::post(path);
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let body = Bytes::from(signed.body);
    request.body(body).expect("a good request")
}

fn event(id: &str, event_type: &str) -> Vec<u8> {
    json!({ "id": id, "type": event_type })
        .to_string()
        .into_bytes()
}

/// The total of each metric that was given out.
fn totals(output: &Output) -> BTreeMap<&'static str, u64> {
    let all = Metric::ALL.iter();
    let counted = all.map(|metric| (metric.name(), output.sum(*metric)));
    counted.filter(|(_, sum)| *sum > 0).collect()
}

/// Texts that break lines, JSON, terminals or metrics where they are not taken care of.
fn hostile() -> Vec<String> {
    let texts = [
        "a\nb",
        "a\r\nb",
        "a\u{2028}b\u{2029}c\u{85}d",
        "\"},\"_aws\":{\"CloudWatchMetrics\":[]}",
        "{\"_aws\":1}\n{\"outcome\":\"done\"}",
        "a\u{0}b",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "\\u0000\\n",
        "product",
        "source",
        "\u{202e}desrever",
        "💥",
    ];
    let long = "x".repeat(100 * 1024);
    texts.into_iter().map(str::to_owned).chain([long]).collect()
}

#[tokio::test]
async fn what_a_sender_wrote_stays_within_one_line_and_becomes_no_dimension() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    for (serial, text) in hostile().into_iter().enumerate() {
        for field in ["id", "type", "tenant"] {
            let id = format!("{field}-{serial}");
            let mut body = json!({ "id": id, "type": "run.failed", "tenant": "t" });
            body[field] = json!(text);
            let mut request = request("/webhooks/product", body.to_string().as_bytes());
            let bytes = text.replace(|c: char| c != '\t' && c.is_ascii_control(), " ");
            let value = HeaderValue::from_bytes(&bytes.as_bytes()[..bytes.len().min(4096)]);
            let value = value.expect("a header's bytes");
            for name in ["traceparent", "tracestate", "x-amzn-trace-id", "x-source"] {
                request.headers_mut().append(name, value.clone());
            }
            let bytes = HeaderValue::from_bytes(b"\xff\xfe\x80").expect("a header's bytes");
            request.headers_mut().append("x-bytes", bytes);
            let status = functions.request(request).await.status();
            assert!([200, 400].contains(&status.as_u16()), "{status} {field}");
        }
        functions.process(functions.batch().await).await;
    }
    // What breaks lines is rejected as a field of an event; the rest was handled.
    assert!(output.outcomes("accepted").len() > 15);
    assert!(output.handled() > 10);
    let lines = output.lines();
    assert!(
        lines.iter().all(|line| line.get("trace_id").is_none()),
        "no trace was one"
    );
    assert!(!output.metrics().is_empty());
}

#[tokio::test]
async fn whatever_a_message_holds_its_line_stays_one_line() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    let body = event("evt", "run.failed");
    functions.request(request("/webhooks/product", &body)).await;
    let batch = functions.batch().await;
    let message = batch.records[0].body.as_deref().expect("a body");
    let good: Value = serde_json::from_str(message).expect("an envelope");
    for (epoch, text) in (1..).zip(hostile()) {
        let mut forged = good.clone();
        for field in ["source", "tenant", "event_id", "type"] {
            forged[field] = json!(text);
        }
        forged["epoch"] = json!(epoch);
        forged["trace"] = json!({ "traceparent": text, "tracestate": text, "xray": text });
        let sent = functions.engines.sqs.send(QUEUE, &forged.to_string()).await;
        sent.expect("the queue takes it");
        functions.process(functions.batch().await).await;
    }
    // The long one is more than an item of the table holds.
    let ends = ["unhandled", "not_claimed"].map(|outcome| output.outcomes(outcome).len());
    assert_eq!(ends, [hostile().len() - 1, 1]);
    assert!(!output.metrics().is_empty());
}

#[tokio::test]
async fn a_path_or_a_message_names_no_source_that_is_not_configured() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    let long = format!("/webhooks/{}", "x".repeat(60_000));
    for path in [
        "/",
        "/webhooks/nobody",
        "/webhooks/product%0a",
        "/webhooks/%22,%22_aws%22",
        "/webhooks/product/tenant/more",
        "/webhooks/~:@",
        long.as_str(),
    ] {
        let status = functions.request(request(path, b"{}")).await.status();
        assert_eq!(status, 404, "{path:.60}");
    }
    functions
        .request(request("/webhooks/product", &event("evt", "x")))
        .await;
    let batch = functions.batch().await;
    let message = batch.records[0].body.as_deref().expect("a body");
    let mut forged: Value = serde_json::from_str(message).expect("an envelope");
    forged["source"] = json!("not\nconfigured");
    let sent = functions.engines.sqs.send(QUEUE, &forged.to_string()).await;
    sent.expect("the queue takes it");
    functions.process(functions.batch().await).await;

    let lines = output.metrics();
    assert!(lines.iter().all(|line| dimension(line, "source").is_none()));
    // What the template's metric filters count by source.
    let accepted = output.outcomes("accepted");
    let named: Vec<&Value> = accepted.iter().map(|line| &line["source"]).collect();
    assert_eq!(named, ["product"], "only the good request has a source");
    assert_eq!(output.sum(Metric::EventsRejected), 7);
}

#[tokio::test]
async fn each_outcome_is_counted_once() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    let send = async |path: &str, body: &[u8]| functions.request(request(path, body)).await;
    for event_type in ["run.failed", "poison", "later", "panic"] {
        send("/webhooks/product", &event(event_type, event_type)).await;
    }
    send("/webhooks/product", &event("run.failed", "run.failed")).await;
    send("/webhooks/product", &event("run.failed", "another body")).await;
    send("/webhooks/strict", &event("evt", "run.failed")).await;
    send("/webhooks/strict", &event("evt", "another body")).await;
    let mut unsigned = request("/webhooks/product", b"{}");
    unsigned.headers_mut().clear();
    functions.request(unsigned).await;
    functions
        .engines
        .sqs
        .send(QUEUE, "none of ours")
        .await
        .expect("sent");
    functions.process(functions.batch().await).await;

    let expected = [
        ("EventsAccepted", 5),
        ("EventsDeadLettered", 2),
        ("EventsDuplicate", 2),
        ("EventsFailed", 2),
        ("EventsProcessed", 2),
        ("EventsRejected", 2),
        ("PayloadMismatch", 2),
    ];
    assert_eq!(totals(&output), expected.into());
    let reasons: Vec<Value> = output
        .metrics()
        .into_iter()
        .filter_map(|line| line.get("reason").cloned())
        .collect();
    assert_eq!(reasons, ["payload_mismatch", "missing_signature"]);
}

#[tokio::test]
async fn a_batch_makes_one_metric_line_a_source() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    for (path, count) in [("/webhooks/product", 6), ("/webhooks/strict", 3)] {
        for serial in 0..count {
            let body = event(&serial.to_string(), "run.failed");
            functions.request(request(path, &body)).await;
        }
    }
    let before = output.metrics().len();
    assert_eq!(functions.process(functions.batch().await).await, 0);
    let lines = &output.metrics()[before..];
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let latencies = line["EndToEndLatency"].as_array().map_or(0, Vec::len);
            (
                line["source"].as_str(),
                line["EventsProcessed"].as_u64(),
                latencies,
            )
        })
        .collect();
    assert_eq!(
        told,
        [(Some("product"), Some(6), 6), (Some("strict"), Some(3), 3)]
    );
}

#[tokio::test]
async fn a_request_has_one_line_with_its_metrics() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    for body in [event("evt", "run.failed"), event("evt", "other")] {
        functions.request(request("/webhooks/product", &body)).await;
    }
    let mut unsigned = request("/webhooks/product", b"{}");
    unsigned.headers_mut().clear();
    functions.request(unsigned).await;
    functions.request(request("/webhooks/nobody", b"{}")).await;
    let lines = output.lines();
    // The template's metric filters count the first line, by its outcome and source.
    assert_eq!(lines[0]["outcome"], "accepted");
    assert_eq!(lines[0]["source"], "product");
    assert_eq!(lines[1..], output.metrics());
    let told: Vec<_> = lines[1..]
        .iter()
        .map(|line| (line["outcome"].as_str(), dimension(line, "source")))
        .collect();
    let expected = [
        (Some("payload_mismatch"), Some("product")),
        (Some("rejected"), Some("product")),
        (Some("rejected"), None),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_event_is_found_by_its_key_in_the_line_of_its_batch() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    for serial in 0..4 {
        let body = event(&serial.to_string(), "run.failed");
        functions.request(request("/webhooks/product", &body)).await;
    }
    functions
        .request(request("/webhooks/product", &event("none", "no route")))
        .await;
    functions
        .request(request("/webhooks/product", &event("late", "later")))
        .await;
    functions
        .request(request("/webhooks/strict", &event("evt", "run.failed")))
        .await;
    functions.process(functions.batch().await).await;

    let accepted = output.outcomes("accepted");
    let keys = accepted
        .iter()
        .map(|line| line["key"].as_str().expect("a key"));
    let keys: Vec<&str> = keys.collect();
    let done = output.outcomes("done");
    assert_eq!(done.len(), 2, "one line a source: {done:?}");
    let several = done[0]["keys"].as_str().expect("keys");
    let several: Vec<&str> = several.split(' ').collect();
    assert_eq!(
        (&done[0]["events"], several),
        (&json!(4), keys[..4].to_vec())
    );
    for (outcome, key) in [
        ("unhandled", keys[4]),
        ("retry", keys[5]),
        ("done", keys[6]),
    ] {
        let lines = output.outcomes(outcome);
        let found = lines.iter().filter(|line| line["key"] == key).count();
        assert_eq!(found, 1, "{outcome} has a line of its own");
    }
}

#[tokio::test]
async fn metrics_are_written_whatever_lines_are_not() {
    let (output, _taken) = Output::take("error");
    let functions = Functions::start().await;
    functions
        .request(request("/webhooks/product", &event("evt", "x")))
        .await;
    assert_eq!(output.lines(), output.metrics());
    assert_eq!(totals(&output), [("EventsAccepted", 1)].into());
}

#[test]
fn more_values_than_a_line_may_carry_go_on_in_another() {
    let (output, _taken) = Output::take("info");
    let many: Vec<u64> = (0..2 * MAX_VALUES as u64 + 1).collect();
    MetricLine::new()
        .count(Metric::EventsProcessed, 201)
        .values(Metric::EndToEndLatency, &many)
        .by(Dimension::Source, "product")
        .emit();
    let lines = output.metrics();
    let counts: Vec<usize> = lines
        .iter()
        .map(|line| line["EndToEndLatency"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(counts, [MAX_VALUES, MAX_VALUES, 1]);
    assert_eq!(output.sum(Metric::EventsProcessed), 201);
    let dimensions = |line: &Value| line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone();
    assert!(lines.iter().all(|line| line["source"] == "product"));
    assert!(
        lines
            .iter()
            .all(|line| dimensions(line) == json!([[], ["source"]]))
    );
}

#[tokio::test]
async fn an_outage_is_one_line_and_one_rejection() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    let dynamodb = functions.engines.dynamodb_client();
    let deleted = dynamodb.delete_table().table_name(TABLE).send().await;
    deleted.expect("the table is gone");
    let request = request("/webhooks/product", &event("evt", "x"));
    assert_eq!(functions.request(request).await.status(), 503);
    assert_eq!(output.outcomes("rejected").len(), 1);
    let reason = &output.metrics()[0]["reason"];
    assert_eq!(reason, "store_unavailable");
}

#[tokio::test]
async fn a_refusal_for_a_field_names_it() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    for body in [&b"{\"type\":\"a\"}"[..], b"id=1"] {
        let answer = functions.request(request("/webhooks/product", body)).await;
        assert_eq!(answer.status(), 400);
    }
    let refused = output.outcomes("rejected");
    let said = refused
        .iter()
        .map(|line| [&line["field"], &line["problem"]]);
    let said = said.collect::<Vec<_>>();
    let expected = [
        ["id", "`id` in the body is missing"],
        ["id", "the body is not JSON"],
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_trace_goes_from_the_request_to_the_handler_and_the_queue() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    let mut request = request("/webhooks/product", &event("evt", "run.failed"));
    let headers = [
        ("traceparent", PARENT),
        ("tracestate", "a=b"),
        ("tracestate", "c=d"),
        ("x-amzn-trace-id", XRAY),
    ];
    for (name, value) in headers {
        request
            .headers_mut()
            .append(name, HeaderValue::from_static(value));
    }
    functions.request(request).await;
    let batch = functions.batch().await;
    assert_eq!(
        batch.records[0]
            .attributes
            .get("AWSTraceHeader")
            .map(String::as_str),
        Some(XRAY)
    );
    functions.process(batch).await;
    let handled = functions
        .handled
        .0
        .lock()
        .expect("no handler panics")
        .clone();
    let trace = handled[0].trace.as_ref().expect("the handler can read it");
    assert_eq!(trace.id(), TRACE_ID);
    assert_eq!(trace.traceparent(), Some(PARENT));
    assert_eq!(trace.tracestate(), Some("a=b,c=d"));
    assert_eq!(trace.xray(), Some(XRAY));
    for outcome in ["accepted", "done"] {
        assert_eq!(output.outcomes(outcome)[0]["trace_id"], TRACE_ID);
    }
}

#[tokio::test]
async fn a_refused_request_can_be_found_by_its_trace() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    let mut unsigned = request("/webhooks/product", b"{}");
    unsigned.headers_mut().clear();
    unsigned
        .headers_mut()
        .append("traceparent", HeaderValue::from_static(PARENT));
    functions.request(unsigned).await;
    assert_eq!(output.outcomes("rejected")[0]["trace_id"], TRACE_ID);
}

#[tokio::test]
async fn a_replay_belongs_to_the_trace_of_its_event() {
    let (output, _taken) = Output::take("hookgate_ingest=info,hookgate_processor=info");
    let gateway = Gateway::start().await;
    let body = br#"{"event":"stock.changed","sku":"PK-7","quantity":12}"#;
    let mut signed = provider::pakk(secret("pakk"), body);
    signed.headers.push(("traceparent".into(), PARENT.into()));
    let answer = gateway.send("/webhooks/pakk", &signed).await;
    gateway.ended(&answer.key).await;
    let replay = json!({ "keys": [answer.key], "reason": "once more" });
    let (status, told) = gateway
        .operate(reqwest::Method::POST, "/admin/replay", Some(replay))
        .await;
    assert_eq!(status, 202, "{told}");
    let start = Instant::now();
    while output.outcomes("done").len() < 2 {
        assert!(start.elapsed() < PATIENCE, "the replay is not done in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for line in output.outcomes("done") {
        assert_eq!(line["trace_id"], TRACE_ID, "{line}");
    }
    // What a month-old event took says nothing of today's latency.
    let timed = output
        .metrics()
        .iter()
        .filter(|line| line.get("EndToEndLatency").is_some())
        .count();
    assert_eq!(timed, 1);
    assert_eq!(output.sum(Metric::EventsReplayed), 1);
}
