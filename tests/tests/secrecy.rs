//! Nothing that is secret or private is told: in no log line at any level, no answer, no error, no
//! `Debug`. Each canary is a text that is found again wherever it gets out.

use std::collections::HashMap;
use std::fmt::{Debug, Write as _};
use std::time::Duration;

use bytes::Bytes;
use hookgate::chain;
use hookgate::config::Config;
use hookgate::dead_letter::{DeadLetter, NewDeadLetter};
use hookgate::event::TableWrite;
use hookgate::{Documents, Message, Runtime, Source, Sources};
use hookgate::{Environment, Secrets, log_panic};
use hookgate_api::Payload;
use hookgate_signature::Secret;
use hookgate_tests::deployment::{
    Deployment, PRODUCT_SECRET, Variables, WSS_SECRET, assert_discreet, ingest_with,
    processor_with, with,
};
use hookgate_tests::gateway::unix_s;
use hookgate_tests::provider;
use hookgate_tests::shapes::{Encoding, HTTP_API, event};
use hookgate_tests::telemetry::{Functions, Output, SECRET, assert_metric_line};
use hookgate_twin::engines::TABLE;
use hookgate_twin::{Token, TwinOptions};
use http::{HeaderValue, Request};
use serde_json::{Value, json};

const BODY: &str = "canary-of-the-body";
const TOKEN: &str = "canary-of-a-token";
const COOKIE: &str = "canary-of-a-cookie";
const KEY: &str = "canary-of-the-account-key";
const SESSION: &str = "canary-of-the-session-token";

/// Fails where a text repeats a canary, or one of these signatures.
fn assert_silent(context: &str, text: &str, signatures: &[String]) {
    let canaries = [SECRET, BODY, TOKEN, COOKIE, KEY, SESSION].into_iter();
    for canary in canaries.chain(signatures.iter().map(String::as_str)) {
        assert!(
            !text.contains(canary),
            "{context} tells {canary}:\n{text:.4000}"
        );
    }
}

/// A request with a canary wherever a secret or a body can be, and its signature.
fn request(event_type: &str, secret: &str) -> (Request<Bytes>, String) {
    let body = json!({ "id": event_type, "type": event_type, "data": { "note": BODY } });
    let signed = provider::product(secret, unix_s(), body.to_string().as_bytes());
    let signature = signed.headers[0].1.clone();
    let mut request = Request::post(format!("/webhooks/product?token={TOKEN}"));
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let bearer = format!("Bearer {TOKEN}");
    let request = request
        .header("authorization", bearer)
        .header("x-api-key", TOKEN)
        .header("cookie", COOKIE);
    let code = signature.rsplit('=').next().expect("a code").to_owned();
    (
        request.body(Bytes::from(signed.body)).expect("a request"),
        code,
    )
}

#[tokio::test]
async fn no_line_and_no_answer_tells_a_secret_or_a_body() {
    let (output, _taken) = Output::take("trace");
    let functions = Functions::start().await;
    let (mut answers, mut signatures) = (String::new(), Vec::new());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(log_panic));
    for (event_type, secret) in [
        ("run.failed", SECRET),
        ("poison", SECRET),
        ("later", SECRET),
        ("panic", SECRET),
        ("run.failed", "another secret"),
    ] {
        let (request, signature) = request(event_type, secret);
        let answer = functions.request(request).await;
        write!(answers, "{answer:?}").expect("a text takes it");
        signatures.push(signature);
    }
    let (mut malformed, signature) = request("run.failed", SECRET);
    let value = HeaderValue::from_static("t=canary-of-a-token,v1=canary-of-a-token");
    malformed.headers_mut().insert("x-product-signature", value);
    signatures.push(signature);
    functions.request(malformed).await;
    functions.process(functions.batch().await).await;
    let deleted = functions.engines.dynamodb_client().delete_table();
    deleted.table_name(TABLE).send().await.expect("no table");
    let (during_outage, signature) = request("later", SECRET);
    signatures.push(signature);
    write!(answers, "{:?}", functions.request(during_outage).await).expect("a text takes it");
    functions.process(functions.batch().await).await;
    std::panic::set_hook(hook);

    assert_eq!(output.outcomes("panic").len(), 1, "{}", output.text());
    for outcome in ["accepted", "rejected", "done", "dead", "retry"] {
        assert!(!output.outcomes(outcome).is_empty(), "{outcome}");
    }
    assert_silent("the log", &output.text(), &signatures);
    assert_silent("an answer", &answers, &signatures);
}

#[tokio::test]
async fn what_holds_a_secret_or_a_body_does_not_show_it() {
    let variables = HashMap::from([("PRODUCT".to_owned(), SECRET.to_owned())]);
    let text = "[sources.product]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n";
    let config = Config::parse(text).expect("a good configuration");
    let secrets = Secrets::new(variables.clone(), None);
    let sources = Sources::load(
        &config,
        secrets,
        Documents::fetched(),
        Runtime::Local,
        std::time::UNIX_EPOCH,
    )
    .await
    .expect("good sources");
    let (request, signature) = request("run.failed", SECRET);
    let headers: Vec<(&str, &[u8])> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let signed = hookgate_signature::Request {
        method: "POST",
        url: "/webhooks/product",
        headers: &headers,
        body: request.body(),
    };
    let source = sources.ready().next().expect("it is configured");
    let body = request.body().clone();
    let event = source
        .event(&signed, None, body, std::time::UNIX_EPOCH)
        .expect("an event");
    let message = Message {
        replay: None,
        probe: false,
        held_ms: 0,
        event: event.clone(),
        number: hookgate::Number::default(),
    };
    let json = message.to_json().expect("JSON");
    let shown: [&dyn Debug; 13] = [
        &Environment::new(variables.clone()),
        &TwinOptions {
            config,
            variables,
            listen: ([127, 0, 0, 1], 0).into(),
            data: "/tmp".into(),
            token: Token::new(TOKEN),
            faults: Vec::new(),
        },
        &sources,
        &Secret::new(SECRET),
        &Token::new(TOKEN),
        &signed,
        &event,
        &message,
        &message.event.body,
        &Payload {
            headers: Vec::new(),
            body: Some(BODY.to_owned()),
            body_base64: BODY.to_owned(),
        },
        &DeadLetter {
            message_id: "id".to_owned(),
            receipt_handle: "handle".to_owned(),
            body: json.clone(),
            attributes: std::collections::BTreeMap::new(),
            sent_ms: None,
        },
        &NewDeadLetter {
            body: &json,
            attributes: Vec::new(),
        },
        &TableWrite::Put {
            table: None,
            item: json!({ "note": BODY })
                .as_object()
                .cloned()
                .expect("an object"),
        },
    ];
    for value in shown {
        assert_silent(
            "Debug",
            &format!("{value:?} {value:#?}"),
            std::slice::from_ref(&signature),
        );
    }
}

#[tokio::test]
async fn an_error_of_configuration_does_not_repeat_a_secret() {
    let inline = format!("[sources.product]\nprovider = \"product\"\nsecrets = [\"{SECRET}\"]\n");
    let broken = format!("[sources.product]\nsecrets = [\"{SECRET}\n");
    let wrong = format!("[sources.product]\nprovider = \"product\"\nsecret = \"{SECRET}\"\n");
    let single = format!("[sources.product]\nprovider = \"product\"\nsecrets = \"{SECRET}\"\n");
    let early = format!("sources = \"{SECRET}\"\n");
    for text in [inline, broken, wrong, single, early] {
        let error = Config::parse(&text).expect_err("it is wrong");
        assert_silent(
            "an error",
            &format!("{error} {error:?} {}", chain(&error)),
            &[],
        );
    }
    let missing = Secrets::new(
        HashMap::from([("OTHER".to_owned(), SECRET.to_owned())]),
        None,
    );
    let text = "[sources.product]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n";
    let source = &Config::parse(text).expect("it is right").sources["product"];
    let loaded = Source::load("product", source, &missing, Runtime::Aws).await;
    let error = loaded.expect_err("it is missing");
    assert_silent(
        "an error",
        &format!("{error} {error:?} {}", chain(&error)),
        &[],
    );
}

/// An environment with a canary for each of the account's credentials, which logs all it can.
fn talkative(variables: Variables) -> Variables {
    let variables = with(variables, "HOOKGATE_LOG", "trace");
    let variables = with(variables, "AWS_SECRET_ACCESS_KEY", KEY);
    with(variables, "AWS_SESSION_TOKEN", SESSION)
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn the_deployed_programs_tell_no_secret_at_any_level() {
    let deployment = Deployment::new().await;
    let mut ingest = ingest_with(&talkative(deployment.ingest_variables())).await;
    let mut processor = processor_with(&talkative(deployment.processor_variables())).await;
    let samples = deployment.samples("secrecy");
    for sample in &samples {
        for signed in [&sample.good, &sample.altered()] {
            let mut signed = signed.clone();
            signed
                .headers
                .push(("Cookie".to_owned(), COOKIE.to_owned()));
            let request = event(HTTP_API, &sample.path(), &signed, Encoding::Plain);
            let answer = ingest.invoke(&request).await.to_string();
            assert_silent("an answer", &answer, &[]);
        }
    }
    let batch = hookgate_tests::batch::batch(&deployment.stack.take().await);
    hookgate_tests::batch::process(&mut processor, &batch).await;
    let sources = ["partssource", "product", "pps", "pakk", "wss"];
    for function in [&ingest, &processor] {
        assert_discreet(function, &samples);
        assert_silent("the output", &function.log(), &[]);
        let metrics = metric_lines(&function.log());
        assert!(metrics.len() > 1, "{}", function.log());
        metrics
            .iter()
            .for_each(|line| assert_metric_line(line, &sources));
        assert_eq!(metrics[0]["ColdStarts"], 1, "{}", metrics[0]);
    }
}

#[tokio::test]
#[ignore = "needs Lambda's emulator and an AWS-compatible server: run tests/scripts/run.sh"]
async fn a_deployed_program_that_does_not_start_tells_no_secret() {
    let deployment = Deployment::new().await;
    let config = std::fs::read_to_string(deployment.config()).expect("a configuration");
    let inline = config.replace("env:WSS_SECRET", WSS_SECRET);
    std::fs::write(deployment.config(), inline).expect("a writable folder");
    let mut ingest = ingest_with(&talkative(deployment.ingest_variables())).await;
    let answer = tokio::time::timeout(Duration::from_secs(30), ingest.try_invoke(&json!({}))).await;
    let told = format!("{answer:?} {}", ingest.log());
    assert!(told.contains("sources.wss"), "the key is named: {told}");
    assert_silent(
        "the output",
        &told,
        &[WSS_SECRET.to_owned(), PRODUCT_SECRET.to_owned()],
    );
}

/// The lines of a log that are metrics.
fn metric_lines(log: &str) -> Vec<Value> {
    let lines = log
        .lines()
        .filter_map(|line| line.find('{').map(|start| &line[start..]));
    let values = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    values.filter(|value| value.get("_aws").is_some()).collect()
}
