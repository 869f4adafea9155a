//! A request as Stripe's, the way an HTTP API passes it on.

use fastrand::Rng;
use hookgate::{BoxError, HttpEvent, Source};
use serde_json::{Value, json};

use crate::source::{PATH, signed};

/// The type of the events.
const EVENT_TYPE: &str = "charge.succeeded";

/// The smallest body: an event with a charge that leaves nothing out.
const MIN_BYTES: u32 = 2048;

/// A request, as Lambda passes it to ingest.
pub(super) struct Request {
    /// The event of Lambda's.
    pub(super) event: HttpEvent,
    /// The trace in the invocation's context.
    pub(super) trace: String,
    /// The size of the request: headers and body.
    pub(super) bytes: usize,
}

impl Request {
    /// The request of the event of this number, signed as by its provider.
    pub(super) fn new(source: &Source, number: u32, bytes: u32) -> Result<Request, BoxError> {
        let mut random = Rng::with_seed(number.into());
        let body = body(&mut random, bytes);
        let root = format!("Root=1-{}-{}", hex(&mut random, 8), hex(&mut random, 24));
        let headers = headers(source, &body, &root)?;
        let sizes = headers.iter().map(|(name, value)| name.len() + value.len());
        let headers: Value = headers.iter().cloned().collect();
        let event = json!({
            "version": "2.0",
            "routeKey": "ANY /webhooks/{source}",
            "rawPath": PATH,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": { "http": { "method": "POST", "path": PATH } },
            "body": body,
            "isBase64Encoded": false,
        });
        Ok(Request {
            event: serde_json::from_str(&event.to_string())?,
            trace: format!("{root};Parent={};Sampled=0", hex(&mut random, 16)),
            bytes: sizes.sum::<usize>() + body.len(),
        })
    }
}

/// All headers that arrive: Stripe's, and those that API Gateway adds.
///
/// Sources: <https://docs.stripe.com/webhooks/signature>, and for API Gateway's the event in
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn headers(source: &Source, body: &str, root: &str) -> Result<Vec<(String, String)>, BoxError> {
    let length = body.len().to_string();
    let others = [
        ("accept", "*/*; q=0.5, application/xml"),
        ("accept-encoding", "gzip"),
        ("cache-control", "no-cache"),
        ("content-length", &length),
        ("content-type", "application/json; charset=utf-8"),
        ("host", "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"),
        (
            "user-agent",
            "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        ),
        ("x-amzn-trace-id", root),
        ("x-forwarded-for", "198.51.100.17"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ];
    let others = others.map(|(name, value)| (name.to_owned(), value.to_owned()));
    // Stripe sends a second signature, of a scheme for tests.
    let signed = signed(source, body)?.into_iter().map(|(name, value)| {
        (
            name.to_lowercase(),
            format!("{value},v0={}", "5e".repeat(32)),
        )
    });
    Ok(signed.chain(others).collect())
}

/// An event with a charge, of so many bytes. What differs from one charge to the next is random, so that events do
/// not compress better than real ones. A larger event has more charges.
///
/// Source: <https://docs.stripe.com/api/charges/object>
fn body(random: &mut Rng, bytes: u32) -> String {
    let mut event = json!({
        "id": format!("evt_3{}", word(random, 23)),
        "object": "event",
        "api_version": "2026-04-22",
        "created": 1_793_000_000 + random.u32(..10_000_000),
        "data": { "object": charge(random), "previous": [] },
        "livemode": true,
        "pending_webhooks": random.u32(1..4),
        "request": { "id": format!("req_{}", word(random, 14)), "idempotency_key": uuid(random) },
        "type": EVENT_TYPE,
    });
    let bytes = bytes as usize;
    let mut size = event.to_string().len();
    let mut previous = Vec::new();
    while size + 2 * MIN_BYTES as usize <= bytes {
        let more = charge(random);
        size += more.to_string().len() + 1;
        previous.push(more);
    }
    event["data"]["previous"] = previous.into();
    let missing = bytes.saturating_sub(event.to_string().len());
    event["data"]["object"]["metadata"]["note"] = note(random, missing).into();
    event.to_string()
}

fn charge(random: &mut Rng) -> Value {
    let id = format!("ch_3{}", word(random, 23));
    let amount = random.u32(100..500_000);
    let name = name(random);
    let receipt = format!(
        "https://pay.stripe.com/receipts/payment/{}",
        word(random, 44)
    );
    json!({
        "id": id,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        "application": null,
        "application_fee": null,
        "application_fee_amount": null,
        "balance_transaction": format!("txn_3{}", word(random, 23)),
        "billing_details": {
            "address": {
                "city": name.to_uppercase(), "country": country(random), "line1": format!("{} {name} St", random.u32(1..999)),
                "line2": null, "postal_code": random.u32(10_000..99_999).to_string(), "state": null,
            },
            "email": format!("{}@example.com", word(random, 11)), "name": name, "phone": null,
        },
        "calculated_statement_descriptor": "HOOKGATE",
        "captured": true,
        "created": 1_793_000_000 + random.u32(..10_000_000),
        "currency": if random.bool() { "usd" } else { "eur" },
        "customer": format!("cus_{}", word(random, 14)),
        "disputed": false,
        "failure_balance_transaction": null,
        "failure_code": null,
        "failure_message": null,
        "fraud_details": {},
        "livemode": true,
        "invoice": null,
        "metadata": { "order": random.u64(..).to_string(), "note": "" },
        "outcome": {
            "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
            "risk_score": random.u32(1..65), "seller_message": "Payment complete.", "type": "authorized",
        },
        "paid": true,
        "payment_intent": format!("pi_3{}", word(random, 23)),
        "payment_method": format!("pm_1{}", word(random, 23)),
        "payment_method_details": {
            "card": {
                "brand": if random.bool() { "visa" } else { "mastercard" }, "country": country(random),
                "exp_month": random.u32(1..13), "exp_year": random.u32(2027..2033),
                "fingerprint": word(random, 16), "funding": if random.bool() { "credit" } else { "debit" },
                "last4": random.u32(1000..9999).to_string(), "network_transaction_id": random.u64(..).to_string(),
                "three_d_secure": null, "wallet": null,
            },
            "type": "card",
        },
        "receipt_email": null,
        "receipt_url": receipt,
        "refunded": false,
        "review": null,
        "shipping": null,
        "source_transfer": null,
        "statement_descriptor": null,
        "transfer_group": null,
        "status": "succeeded",
    })
}

fn word(random: &mut Rng, length: usize) -> String {
    (0..length).map(|_| random.alphanumeric()).collect()
}

/// Text of so many bytes, as a merchant writes it.
fn note(random: &mut Rng, length: usize) -> String {
    const WORDS: &str = "order of for shipped to customer gift wrapped blue large shirt cotton express pickup store \
        invoice subscription renewal monthly yearly plan seats upgrade coupon winter campaign returned partial";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut note = String::new();
    while note.len() < length {
        note.push_str(words[random.usize(..words.len())]);
        note.push(' ');
    }
    note.truncate(length);
    note
}

fn name(random: &mut Rng) -> String {
    let length = random.usize(6..12);
    let letters: String = (0..length).map(|_| random.lowercase()).collect();
    format!("{}{letters}", random.uppercase())
}

fn country(random: &mut Rng) -> &'static str {
    let countries = ["US", "DE", "FR", "GB", "JP", "BR", "IN", "CA"];
    countries[random.usize(..countries.len())]
}

fn hex(random: &mut Rng, digits: usize) -> String {
    (0..digits).map(|_| random.digit(16)).collect()
}

fn uuid(random: &mut Rng) -> String {
    let parts = [8, 4, 4, 4, 12].map(|digits| hex(random, digits));
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_body_has_the_size_that_is_asked_for() {
        for bytes in [MIN_BYTES, 10_000, 100 * 1024] {
            let body = body(&mut Rng::with_seed(7), bytes);
            assert_eq!(body.len(), bytes as usize);
            let event: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(event["type"], EVENT_TYPE);
        }
    }

    #[test]
    fn two_events_differ_in_each_id() {
        let ids = |seed| {
            let event: Value =
                serde_json::from_str(&body(&mut Rng::with_seed(seed), MIN_BYTES)).expect("JSON");
            let charge = &event["data"]["object"];
            ["id", "balance_transaction", "customer", "payment_intent"]
                .map(|key| charge[key].to_string())
        };
        let all: HashSet<String> = ids(1).into_iter().chain(ids(2)).collect();
        assert_eq!(all.len(), 8);
    }
}
