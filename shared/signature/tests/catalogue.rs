//! The vocabulary of a row fits the schemes of many more providers than have a built-in row.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hookgate_signature::{
    KeyCache, Options, Outgoing, Provider, Request, Secret, Unverified, Verifier,
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const BODY: &[u8] = br#"{"id":"evt_1","webhookTimestamp":1760000000000}"#;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_760_000_000)
}

/// `{part}` becomes the part's word, other text a literal. `None` for template functions, which rows do not have.
fn part(text: &str) -> Option<String> {
    match text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    {
        None => Some(format!("'{text}'")),
        Some(word @ ("body" | "timestamp" | "id" | "url" | "method")) => Some(word.to_owned()),
        Some(word) => word.starts_with("header:").then(|| word.to_owned()),
    }
}

fn header(source: &Value) -> Option<&str> {
    source.as_str()?.strip_prefix("header:")
}

fn timestamp(time: &Value) -> Value {
    let format = |format: &Value| match format.as_str().unwrap() {
        "unix_s" => "unix".to_owned(),
        other => other.to_owned(),
    };
    let formats: Vec<_> = time["formats"]
        .as_array()
        .unwrap()
        .iter()
        .map(format)
        .collect();
    let mut row =
        json!({ "format": formats, "tolerance_s": time["tolerance_s"].as_u64().unwrap_or(300) });
    if let Some(path) = time["source"]
        .as_str()
        .and_then(|source| source.strip_prefix("json:$."))
    {
        row["from"] = format!("body:{path}").into();
    } else if let Some(name) = header(&time["source"]) {
        row["from"] = format!("header:{name}").into();
    }
    row
}

/// A name with `{n}` stands for a numbered family: one table for each of the first four.
fn carriers(signature: &Value) -> Option<Vec<Value>> {
    let name = header(&signature["source"])?;
    let names: Vec<_> = match name.contains("{n}") {
        true => (1..=4)
            .map(|n| name.replace("{n}", &n.to_string()))
            .collect(),
        false => vec![name.to_owned()],
    };
    names
        .into_iter()
        .map(|name| carrier(name, signature))
        .collect()
}

fn carrier(name: String, signature: &Value) -> Option<Value> {
    let grammar = &signature["grammar"];
    let mut row = json!({ "from": format!("header:{name}"), "encoding": signature["encoding"] });
    for key in ["prefix", "prefix_optional"] {
        if let Some(value) = grammar.get(key) {
            row[key] = value.clone();
        }
    }
    if let Some(case) = signature.get("hex_case") {
        row["hex_case"] = case.clone();
    }
    let trim = grammar["trim"] == true;
    match grammar["type"].as_str()? {
        "plain" => {}
        "list" => {
            row["list"] = json!({ "separator": grammar["item_sep"], "version_separator": grammar["version_sep"],
                "versions": grammar["versions"], "trim": trim });
        }
        "kv" => {
            row["pairs"] = json!({ "separator": grammar["item_sep"], "equals": grammar["kv_sep"],
                "signature_keys": grammar["sig_keys"], "timestamp_key": grammar["ts_key"], "trim": trim });
        }
        _ => return None,
    }
    Some(row)
}

fn mac(auth: &Value) -> Option<Value> {
    let primitive = &auth["primitive"];
    if auth["kind"] != "signature" || primitive["type"] != "hmac" {
        return None;
    }
    let signatures = auth["signatures"]
        .as_array()?
        .iter()
        .map(carriers)
        .collect::<Option<Vec<_>>>()?;
    let content = auth["payload"]
        .as_array()?
        .iter()
        .map(|text| part(text.as_str()?))
        .collect::<Option<Vec<_>>>()?;
    let mut verify = json!({
        "algorithm": format!("hmac-{}", primitive["hash"].as_str()?),
        "key": auth["key"]["encoding"],
        "signature": signatures.concat(),
        "content": content,
    });
    if auth.get("timestamp").is_some() {
        verify["timestamp"] = timestamp(&auth["timestamp"]);
    }
    if let Some(name) = header(&auth["id"]["source"]) {
        verify["id"] = format!("header:{name}").into();
    }
    Some(verify)
}

fn token(auth: &Value) -> Option<Value> {
    if auth["kind"] != "token" {
        return None;
    }
    let mut signature = json!({ "from": format!("header:{}", header(&auth["token"]["source"])?) });
    if let Some(prefix) = auth["token"].get("prefix") {
        signature["prefix"] = prefix.clone();
    }
    if auth["token"]["format"] == "basic" {
        signature["encoding"] = "base64".into();
    }
    Some(json!({ "algorithm": "token", "signature": signature }))
}

fn secret(auth: &Value) -> &'static str {
    match auth["key"]["encoding"].as_str().unwrap() {
        "hex" => "00112233445566778899aabbccddeeff",
        "base64" | "whsec" => "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        _ => "user:a secret",
    }
}

fn round_trip(name: &str, verify: &Value, secret: &str) {
    let text = toml::to_string(&json!({ "verify": verify })).unwrap();
    let row = Provider::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    let public_url = Some("https://hooks.example.com/in/x".to_owned());
    let options = Options {
        secrets: vec![Secret::new(secret)],
        public_url,
        ..Options::default()
    };
    let verifier = Verifier::new(row, options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let outgoing = Outgoing {
        method: "POST",
        url: "/in/x?a=1",
        id: Some("msg_1"),
        body: BODY,
        headers: &[],
    };
    let signed = verifier
        .sign(&outgoing, now())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let headers: Vec<_> = signed
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let check = |body: &[u8]| {
        let request = Request {
            method: "POST",
            url: "/in/x?a=1",
            headers: &headers,
            body,
        };
        verifier.check(&request, &mut KeyCache::default(), now())
    };
    assert!(matches!(check(BODY), Ok(_)), "{name}: {:?}", check(BODY));
    if verify["algorithm"] != "token" {
        let altered = [BODY, b" "].concat();
        assert!(
            matches!(check(&altered), Err(Unverified::Refused(_))),
            "{name}"
        );
    }
}

/// A signature in the body, a template function, or a key that is a hash: what a row does not say.
const NOT_ROWS: [&str; 6] = [
    "adyen_payments",
    "braintree",
    "figma",
    "mailgun",
    "microsoft_graph",
    "twilio_sharedkey",
];

#[test]
fn every_hmac_or_token_scheme_in_a_header_is_a_row() {
    let data: Value = serde_json::from_str(include_str!("data/catalogue.json")).unwrap();
    let mut fitted = 0;
    let mut other = Vec::new();
    for provider in data["providers"].as_array().unwrap() {
        for (name, auth) in provider["auth"].as_object().unwrap() {
            let is_mac = auth["kind"] == "signature" && auth["primitive"]["type"] == "hmac";
            match mac(auth).or_else(|| token(auth)) {
                Some(verify) => {
                    round_trip(name, &verify, secret(auth));
                    fitted += 1;
                }
                None if is_mac || auth["kind"] == "token" => other.push(name.as_str()),
                None => {}
            }
        }
    }
    other.sort_unstable();
    assert_eq!(other, NOT_ROWS);
    assert_eq!(fitted, 65);
}
