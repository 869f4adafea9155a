//! Sample events: what each provider's requests look like before they are signed.
//!
//! Texts hold the words `{id}`, `{type}`, `{tenant}` (`{tenant-json}` as a JSON value), `{now}`
//! (RFC 3339) and `{unix}` (seconds), which are replaced.

use std::time::SystemTime;

use hookgate::config::SourceConfig;
use hookgate_signature::Place;
use serde_json::{Map, Value, json};

/// What a provider sends.
struct Sample {
    provider: &'static str,
    event_type: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    /// The same event with what its handler needs taken out.
    poison: &'static str,
}

#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    Sample {
        provider: "partssource",
        event_type: "order.created",
        headers: &[("X-PS-Delivery-ID", "dlv_{id}"), ("X-PS-Delivery-Attempt", "1")],
        body: r#"{"event_type":"{type}","company_id":{tenant-json},"payload":{"line_items":[{"line_item_id":100}]},"occurred_at":"{now}","correlation_id":"{id}"}"#,
        poison: r#"{"event_type":"{type}","company_id":{tenant-json},"payload":null,"occurred_at":"{now}","correlation_id":"{id}"}"#,
    },
    Sample {
        provider: "product",
        event_type: "project.created",
        headers: &[],
        body: r#"{"id":"{id}","type":"{type}","created":{unix},"data":{"project_id":"prj_42","name":"Apollo"}}"#,
        poison: r#"{"id":"{id}","type":"{type}","created":{unix},"data":null}"#,
    },
    Sample {
        provider: "pps",
        event_type: "orders/placed",
        headers: &[("X-Pps-Topic", "{type}"), ("X-Pps-Webhook-Id", "{id}"), ("X-Pps-Tenant-Id", "{tenant}"), ("X-Pps-Triggered-At", "{now}")],
        body: r#"{"orderId":"A-1001","lines":[{"sku":"adv-120","qty":1}]}"#,
        poison: r#""not an order""#,
    },
    Sample {
        provider: "pakk",
        event_type: "stock.changed",
        headers: &[],
        body: r#"{"event":"{type}","id":"{id}","sku":"PK-7","quantity":12}"#,
        poison: r#"{"event":"{type}","id":"{id}","sku":"PK-7"}"#,
    },
    Sample {
        provider: "wss",
        event_type: "order.status",
        headers: &[],
        body: r#"{"type":"{type}","order_id":"{id}","status":"shipped"}"#,
        poison: r#"{"type":"{type}","order_id":"{id}"}"#,
    },
    Sample {
        provider: "standard_webhooks",
        event_type: "contact.created",
        headers: &[],
        body: r#"{"type":"{type}","timestamp":"{now}","data":{"id":"1f81eb52"}}"#,
        poison: r#"{"type":"{type}","timestamp":"{now}"}"#,
    },
    Sample {
        provider: "stripe",
        event_type: "payment_intent.succeeded",
        headers: &[],
        body: r#"{"id":"{id}","object":"event","created":{unix},"type":"{type}","data":{"object":{"id":"pi_3"}}}"#,
        poison: r#"{"id":"{id}","object":"event","created":{unix},"type":"{type}"}"#,
    },
    Sample {
        provider: "github",
        event_type: "issues",
        headers: &[("X-GitHub-Event", "{type}"), ("X-GitHub-Delivery", "{id}")],
        body: r#"{"action":"opened","issue":{"number":1347},"repository":{"full_name":"octocat/Hello-World"}}"#,
        poison: "{}",
    },
    Sample {
        provider: "slack",
        event_type: "app_mention",
        headers: &[],
        body: r#"{"type":"event_callback","team_id":{tenant-json},"event_id":"{id}","event_time":{unix},"event":{"type":"{type}"}}"#,
        poison: "{}",
    },
    Sample {
        provider: "shopify",
        event_type: "orders/create",
        headers: &[("X-Shopify-Topic", "{type}"), ("X-Shopify-Webhook-Id", "{id}"), ("X-Shopify-Shop-Domain", "{tenant}")],
        body: r#"{"id":820982911946154508,"total_price":"409.94"}"#,
        poison: "{}",
    },
];

/// What a sample is to say.
#[derive(Clone, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) id: &'a str,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) at: SystemTime,
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Unsigned {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the tenant is in it; otherwise it belongs in the path.
    pub(crate) carries_tenant: bool,
}

/// A sample event of a source's provider; `None` of a provider of the user's own, which
/// [`of_own`] makes from the fields that its row names.
pub(crate) fn of(source: &SourceConfig, wish: &Wish<'_>, poison: bool) -> Unsigned {
    let sample = SAMPLES
        .iter()
        .find(|sample| Some(sample.provider) == source.provider.as_deref());
    match sample {
        Some(sample) => sample.fill(wish, if poison { sample.poison } else { sample.body }),
        None => of_own(source, wish),
    }
}

impl Sample {
    fn fill(&self, wish: &Wish<'_>, body: &str) -> Unsigned {
        let texts = || self.headers.iter().map(|(_, value)| *value).chain([body]);
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), filled(value, wish, self.event_type)));
        Unsigned {
            headers: [json_content()].into_iter().chain(headers).collect(),
            body: filled(body, wish, self.event_type).into_bytes(),
            carries_tenant: texts().any(|text| text.contains("{tenant")),
        }
    }
}

fn json_content() -> (String, String) {
    ("Content-Type".to_owned(), "application/json".to_owned())
}

fn filled(text: &str, wish: &Wish<'_>, event_type: &str) -> String {
    let at = jiff::Timestamp::try_from(wish.at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let tenant = wish.tenant.unwrap_or("12345");
    let tenant_json = tenant
        .parse()
        .map_or_else(|_| json!(tenant), |number: u64| json!(number));
    text.replace("{id}", wish.id)
        .replace("{type}", wish.event_type.unwrap_or(event_type))
        .replace("{tenant}", tenant)
        .replace("{tenant-json}", &tenant_json.to_string())
        .replace("{now}", &format!("{at:.0}"))
        .replace("{unix}", &at.as_second().to_string())
}

/// A sample for a provider of the user's own: nothing but the fields that the row names.
fn of_own(source: &SourceConfig, wish: &Wish<'_>) -> Unsigned {
    let event = &source.row.event;
    let mut headers = vec![json_content()];
    let mut body = Map::new();
    let fields = [
        (&event.id, Some(wish.id)),
        (&event.event_type, Some(wish.event_type.unwrap_or("sample"))),
        (&event.tenant, wish.tenant),
    ];
    for (field, value) in fields {
        match (field, value) {
            (Some(Place::Header(name)), Some(value)) => {
                headers.push((name.clone(), value.to_owned()))
            }
            (Some(Place::Body(path)), Some(value)) => set(&mut body, path.as_str(), value),
            _ => {}
        }
    }
    if body.is_empty() {
        set(&mut body, "sample", wish.id);
    }
    Unsigned {
        headers,
        body: Value::Object(body).to_string().into_bytes(),
        carries_tenant: event.tenant.is_some(),
    }
}

/// Sets a plain path such as `data.id`; what is more than names and dots is left to the user.
fn set(body: &mut Map<String, Value>, path: &str, value: &str) {
    match path.split_once('.') {
        None => {
            body.insert(path.to_owned(), json!(value));
        }
        Some((name, rest)) => {
            let inner = body.entry(name).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}
