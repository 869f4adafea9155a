//! Requests with sample events, before they are signed.

use hookgate::config::SourceConfig;
use hookgate_signature::{About, Place, Sample, SampleValues};
use serde_json::{Map, Value, json};

/// A request, signed.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Unsigned {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// True where the tenant is in it; otherwise it belongs in the path.
    pub(crate) carries_tenant: bool,
}

/// A sample event of a source's provider; for a provider of the user's own, one that [`of_own`] makes from
/// the fields that its definition names.
pub(crate) fn of(source: &SourceConfig, values: &SampleValues<'_>, poison: bool) -> Unsigned {
    let about = source.builtin.as_deref().and_then(About::provider);
    let samples = about.map(|about| about.samples).unwrap_or_default();
    let of_type = |sample: &&Sample| Some(sample.event_type.as_str()) == values.event_type;
    match samples.iter().find(of_type).or_else(|| samples.first()) {
        Some(sample) => unsigned(sample, values, poison),
        None => of_own(source, values),
    }
}

fn unsigned(sample: &Sample, values: &SampleValues<'_>, poison: bool) -> Unsigned {
    let filled = sample.fill(values);
    let body = filled.poison.filter(|_| poison).unwrap_or(filled.body);
    let mut headers: Vec<_> = filled.headers.into_iter().collect();
    if !headers.iter().any(|(name, _)| name == "Content-Type") {
        headers.insert(0, json_content());
    }
    Unsigned {
        headers,
        body: body.into_bytes(),
        carries_tenant: sample.has_tenant(),
    }
}

fn json_content() -> (String, String) {
    ("Content-Type".to_owned(), "application/json".to_owned())
}

/// A sample for a user-defined provider: the fields that the definition names, and empty `data`.
fn of_own(source: &SourceConfig, values: &SampleValues<'_>) -> Unsigned {
    let event = source.provider.event();
    let mut headers = vec![json_content()];
    let mut body = Map::new();
    let fields = [
        (&event.id, Some(values.id)),
        (
            &event.event_type,
            Some(values.event_type.unwrap_or("sample")),
        ),
        (&event.tenant, values.tenant),
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
        set(&mut body, "sample", values.id);
    }
    // Most handlers look for the event itself there.
    body.entry("data").or_insert_with(|| json!({}));
    Unsigned {
        headers,
        body: Value::Object(body).to_string().into_bytes(),
        carries_tenant: event.tenant.is_some(),
    }
}

/// A JSON object with another id at this path; `None` if it is not an object.
pub(crate) fn with_id(body: &[u8], path: &str, id: &str) -> Option<Vec<u8>> {
    let mut body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    set(&mut body, path, id);
    Some(Value::Object(body).to_string().into_bytes())
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
