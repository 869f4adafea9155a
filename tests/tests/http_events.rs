//! Requests as Lambda hands them over, from the good one to what no client would send: each is answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookgate::metrics::Metric;
use hookgate::{Caller, HttpEvent};
use hookgate_tests::gateway::unix_s;
use hookgate_tests::provider::{self, Signed};
use hookgate_tests::shapes::{Encoding, SHAPES, event};
use hookgate_tests::telemetry::{Functions, Output, SECRET};
use serde_json::{Value, json};

/// Text that may not stand in a URL, in a header, or in both.
#[rustfmt::skip]
const HOSTILE: [&str; 16] = [
    "\"", "<", ">", " ", "\t", "\r\n", "\0", "\u{7f}", "\u{85}", "\u{2028}", "\u{fffd}", "{|}`^\\", "%", "%zz", "?#[]@", "\u{1f4a3}",
];

fn signed(id: &str) -> Signed {
    let body = json!({ "id": id, "type": "run.failed" }).to_string();
    provider::product(SECRET, unix_s(), body.as_bytes())
}

fn good(shape: &str, id: &str) -> Value {
    event(shape, "/webhooks/product", &signed(id), Encoding::Plain)
}

/// The query of an event, in its form.
fn with_query(mut event: Value, name: &str, value: &str) -> Value {
    if event.get("rawPath").is_some() {
        event["rawQueryString"] = json!(format!("{name}={value}"));
    } else {
        event["queryStringParameters"] = json!({ name: value });
        event["multiValueQueryStringParameters"] = json!({ name: [value] });
    }
    event
}

/// A header more, in each of the lists that the event's form has.
fn with_header(mut event: Value, name: &str, value: &str) -> Value {
    if let Some(single) = event.get_mut("headers") {
        single[name] = json!(value);
    }
    if let Some(lists) = event.get_mut("multiValueHeaders") {
        lists[name] = json!([value]);
    }
    event
}

fn status(answer: &Value) -> u64 {
    answer["statusCode"]
        .as_u64()
        .unwrap_or_else(|| panic!("no answer: {answer}"))
}

#[tokio::test]
async fn whatever_a_query_or_a_header_holds_the_request_is_answered() {
    let (output, _taken) = Output::take("info");
    let functions = Functions::start().await;
    let mut refused = 0;
    for (name, shape) in SHAPES {
        for (serial, text) in HOSTILE.into_iter().enumerate() {
            let id = format!("{name}-{serial}");
            for hostile in [
                with_query(good(shape, &id), "x", text),
                with_query(good(shape, &id), text, "x"),
                with_header(good(shape, &id), "x-hostile", text),
                with_header(good(shape, &id), text, "x"),
                with_header(good(shape, &id), "host", text),
                with_header(good(shape, &id), "x-forwarded-proto", text),
            ] {
                let answer = functions.invoke(&hostile).await;
                assert!(
                    [200, 400].contains(&status(&answer)),
                    "{name} {text:?}: {answer}"
                );
                refused += u64::from(status(&answer) == 400);
            }
        }
    }
    assert!(refused > 100, "{refused}");
    let reasons = output.metrics();
    let reasons = reasons
        .iter()
        .filter(|line| line["reason"] == "bad_request");
    assert_eq!(reasons.count() as u64, refused);
    assert_eq!(output.sum(Metric::EventsRejected), refused);
    // Nothing of the request is repeated, and nothing breaks a line.
    assert!(
        output
            .lines()
            .iter()
            .all(|line| !line.to_string().contains("x-hostile"))
    );
}

#[tokio::test]
async fn a_raw_quote_in_the_query_is_answered_with_400_and_says_what_to_do() {
    let functions = Functions::start().await;
    for (name, shape) in SHAPES.into_iter().filter(|(name, _)| *name != "rest-api") {
        let answer = functions
            .invoke(&with_query(good(shape, name), "a", "\"<>\""))
            .await;
        assert_eq!(status(&answer), 400, "{name}: {answer}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let said = "the path or the query has characters that must be percent-encoded";
        assert_eq!(body["error"], said, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_request_at_all_is_answered_with_400() {
    let functions = Functions::start().await;
    let mut events = vec![
        json!({}),
        json!([]),
        json!(null),
        json!("text"),
        json!({ "Records": [] }),
        json!({ "httpMethod": "POST" }),
        json!({ "httpMethod": "PO ST", "path": "/webhooks/product" }),
        json!({ "httpMethod": "", "path": "/webhooks/product" }),
        json!({ "httpMethod": "POST", "path": "/webhooks/product", "headers": { "": "x" } }),
        json!({ "httpMethod": "POST", "path": "/webhooks/product", "headers": [1] }),
        json!({ "httpMethod": 7, "path": {} }),
        json!({ "httpMethod": "POST", "path": format!("/{}", "x".repeat(70_000)) }),
    ];
    for (_, shape) in SHAPES {
        let mut no_base64 = good(shape, "evt");
        no_base64["isBase64Encoded"] = json!(true);
        no_base64["body"] = json!("not*base64");
        events.push(no_base64);
    }
    for event in events {
        assert_eq!(status(&functions.invoke(&event).await), 400, "{event:.200}");
    }
}

#[tokio::test]
async fn many_headers_are_answered() {
    let functions = Functions::start().await;
    for (name, shape) in SHAPES {
        let mut event = good(shape, name);
        for serial in 0..40_000 {
            let header = format!("x-{serial}");
            if let Some(single) = event.get_mut("headers") {
                single[&header] = json!("x");
            }
            if let Some(lists) = event.get_mut("multiValueHeaders") {
                lists[&header] = json!(["x"]);
            }
        }
        assert_eq!(status(&functions.invoke(&event).await), 400, "{name}");
    }
}

#[tokio::test]
async fn a_good_request_is_accepted_in_every_shape_and_answered_in_its_own() {
    let functions = Functions::start().await;
    for (name, shape) in SHAPES {
        let answer = functions.invoke(&good(shape, name)).await;
        assert_eq!(status(&answer), 200, "{name}: {answer}");
        let single = answer["headers"]["content-type"].as_str();
        let lists = answer["multiValueHeaders"]["content-type"][0].as_str();
        let json = Some("application/json");
        let expected = match name {
            "rest-api" => (None, json),
            "alb" | "alb-multi-value" => (json, json),
            _ => (json, None),
        };
        assert_eq!((single, lists), expected, "{name}");
        let described = answer["statusDescription"].as_str();
        assert_eq!(
            described,
            name.starts_with("alb").then_some("200 OK"),
            "{name}"
        );
    }
}

#[test]
fn a_request_is_read_as_it_was_sent() {
    let read = |event: &Value| -> (Caller, http::Request<bytes::Bytes>) {
        let event: HttpEvent = serde_json::from_value(event.clone()).unwrap();
        let (caller, request) = event.read(Some("Root=1-2-3"));
        (caller, request.unwrap())
    };
    let bytes = [0_u8, 0xff, b'\n'];
    for (name, shape) in SHAPES {
        let mut event: Value = with_query(good(shape, name), "a", "b%20c");
        event["body"] = json!(STANDARD.encode(bytes));
        event["isBase64Encoded"] = json!(true);
        let (caller, request) = read(&event);
        assert_eq!(request.method(), "POST", "{name}");
        assert_eq!(request.uri().path(), "/webhooks/product", "{name}");
        // A REST API decodes what it hands over.
        let query = if name == "rest-api" {
            "a=b%2520c"
        } else {
            "a=b%20c"
        };
        assert_eq!(request.uri().query(), Some(query), "{name}");
        assert_eq!(request.body()[..], bytes, "{name}");
        assert_eq!(request.headers()["x-amzn-trace-id"], "Root=1-2-3", "{name}");
        let expected = match name {
            "rest-api" => Caller::RestApi,
            "alb" | "alb-multi-value" => Caller::LoadBalancer,
            _ => Caller::HttpApi,
        };
        assert_eq!(caller, expected, "{name}");
    }
}

#[test]
fn a_header_that_comes_twice_is_handed_on_twice_where_the_event_has_both() {
    let lists = json!({ "httpMethod": "POST", "path": "/", "headers": { "X-A": "2" }, "multiValueHeaders": { "X-A": ["1", "2"] } });
    let event: HttpEvent = serde_json::from_value(lists).unwrap();
    let request = event.read(None).1.unwrap();
    let all: Vec<_> = request.headers().get_all("x-a").iter().collect();
    assert_eq!(all, ["1", "2"]);
    let cookies = json!({ "requestContext": { "http": { "method": "GET" } }, "rawPath": "/", "cookies": ["a=1", "b=2"] });
    let event: HttpEvent = serde_json::from_value(cookies).unwrap();
    assert_eq!(event.read(None).1.unwrap().headers()["cookie"], "a=1; b=2");
}

#[test]
fn the_base_path_of_a_domain_is_not_part_of_the_request() {
    let path = |route: &str, parameters: Value, raw: &str| {
        let event = json!({
            "routeKey": route, "pathParameters": parameters, "rawPath": raw,
            "requestContext": { "http": { "method": "POST" } },
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        event.read(None).1.unwrap().uri().path().to_owned()
    };
    let source = || json!({ "source": "stripe" });
    let tenant = || json!({ "source": "wss", "tenant": "{source}" });
    let one = "ANY /webhooks/{source}";
    for raw in [
        "/webhooks/stripe",
        "/in/webhooks/stripe",
        "/a/b/webhooks/stripe",
    ] {
        assert_eq!(path(one, source(), raw), "/webhooks/stripe", "{raw}");
    }
    let admin = json!({ "proxy": "events/abc" });
    let found = path("ANY /admin/{proxy+}", admin, "/in/admin/events/abc");
    assert_eq!(found, "/admin/events/abc");
    // Where the two do not fit, the path stays as it is.
    assert_eq!(
        path(one, source(), "/in/webhooks/%73tripe"),
        "/in/webhooks/%73tripe"
    );
    assert_eq!(
        path(one, json!(null), "/in/webhooks/stripe"),
        "/in/webhooks/stripe"
    );
    assert_eq!(
        path("$default", json!(null), "/webhooks/stripe"),
        "/webhooks/stripe"
    );
    let two = "ANY /webhooks/{source}/{tenant}";
    assert_eq!(
        path(two, tenant(), "/webhooks/wss/{source}"),
        "/webhooks/wss/{source}"
    );
}
