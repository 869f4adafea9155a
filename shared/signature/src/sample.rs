//! Sample events: what a provider's requests look like before they are signed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;

/// A sample event of a provider.
///
/// Its texts hold the words `{id}`, `{type}`, `{tenant}` (`{tenant-json}`: a number if it is one, else a string),
/// `{now}` (RFC 3339), `{unix}` and `{unix_ms}`, which [`fill`](Self::fill) replaces.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Headers besides those of the signature and `Content-Type: application/json`, which one of these may replace.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
    /// The body without what its handler needs.
    pub poison: Option<String>,
}

/// Values that are written into a sample.
#[derive(Clone, Copy, Debug)]
pub struct SampleValues<'a> {
    /// The event's id.
    pub id: &'a str,
    /// The event's type; the sample's own if absent.
    pub event_type: Option<&'a str>,
    /// The tenant; `12345` if absent.
    pub tenant: Option<&'a str>,
    /// The time at which it happened.
    pub at: SystemTime,
}

impl Sample {
    /// The sample with its words replaced.
    #[must_use]
    pub fn fill(&self, values: &SampleValues<'_>) -> Sample {
        let event_type = values.event_type.unwrap_or(&self.event_type);
        let fill = |text: &String| fill(text, event_type, values);
        Sample {
            event_type: event_type.to_owned(),
            headers: self
                .headers
                .iter()
                .map(|(name, text)| (name.clone(), fill(text)))
                .collect(),
            body: fill(&self.body),
            poison: self.poison.as_ref().map(fill),
        }
    }

    /// True where the tenant is part of the request; otherwise it belongs in the URL.
    pub fn has_tenant(&self) -> bool {
        let mut texts = self.headers.values().chain([&self.body]);
        texts.any(|text| text.contains("{tenant"))
    }
}

fn fill(text: &str, event_type: &str, values: &SampleValues<'_>) -> String {
    let at = jiff::Timestamp::try_from(values.at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let tenant = values.tenant.unwrap_or("12345");
    let tenant_json = tenant.parse::<u64>().map_or_else(
        |_| serde_json::Value::from(tenant).to_string(),
        |number| number.to_string(),
    );
    text.replace("{id}", values.id)
        .replace("{type}", event_type)
        .replace("{tenant}", tenant)
        .replace("{tenant-json}", &tenant_json)
        .replace("{now}", &format!("{at:.0}"))
        .replace("{unix}", &at.as_second().to_string())
        .replace("{unix_ms}", &at.as_millisecond().to_string())
}
