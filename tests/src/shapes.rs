//! One request in the shapes that Lambda gets it in: the files beside ingest, with another path, other
//! headers and another body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::provider::Signed;

/// The shape of the API that the template declares.
pub const HTTP_API: &str = include_str!("../../functions/ingest/events/http-api.json");

/// Every shape's name and event: HTTP API, Function URL, REST API, load balancer.
#[rustfmt::skip]
pub const SHAPES: [(&str, &str); 5] = [
    ("http-api", HTTP_API),
    ("function-url", include_str!("../../functions/ingest/events/function-url.json")),
    ("rest-api", include_str!("../../functions/ingest/events/rest-api.json")),
    ("alb", include_str!("../../functions/ingest/events/alb.json")),
    ("alb-multi-value", include_str!("../../functions/ingest/events/alb-multi-value.json")),
];

/// The encoding of the shape's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As text, which the body must be.
    Plain,
    /// As base64.
    Base64,
}

impl Encoding {
    /// Both of them.
    pub const BOTH: [Encoding; 2] = [Encoding::Plain, Encoding::Base64];
}

/// The event of a POST of `signed` to `path`, in a shape.
///
/// # Panics
/// Where a body that is not text is to be plain.
pub fn event(shape: &str, path: &str, signed: &Signed, encoding: Encoding) -> Value {
    let mut event: Value = serde_json::from_str(shape).expect("an event file is JSON");
    for (pointer, text) in [
        ("/rawPath", path.to_owned()),
        ("/path", path.to_owned()),
        ("/requestContext/http/path", path.to_owned()),
        ("/requestContext/path", format!("/prod{path}")),
    ] {
        if let Some(place) = event.pointer_mut(pointer) {
            *place = json!(text);
        }
    }
    add_headers(&mut event, &signed.headers);
    event["isBase64Encoded"] = json!(encoding == Encoding::Base64);
    event["body"] = json!(match encoding {
        Encoding::Plain => String::from_utf8(signed.body.clone()).expect("a body of text"),
        Encoding::Base64 => STANDARD.encode(&signed.body),
    });
    event
}

/// Adds headers as each shape writes them. One that comes twice: HTTP APIs and Function URLs join the
/// values, lists of values have both, and a single value is the last one.
fn add_headers(event: &mut Value, headers: &[(String, String)]) {
    let lower_case = event.get("rawPath").is_some();
    for (name, value) in headers {
        let name = if lower_case {
            name.to_ascii_lowercase()
        } else {
            name.clone()
        };
        if let Some(lists) = event.get_mut("multiValueHeaders") {
            match lists.get_mut(&name).and_then(Value::as_array_mut) {
                Some(list) => list.push(json!(value)),
                None => lists[&name] = json!([value]),
            }
        }
        if let Some(single) = event.get_mut("headers") {
            let joined = single
                .get(&name)
                .and_then(Value::as_str)
                .filter(|_| lower_case);
            single[&name] =
                json!(joined.map_or_else(|| value.clone(), |first| format!("{first},{value}")));
        }
    }
}
