//! The events of a gateway as they become known, and their requests.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::api::{Api, ApiError};
use crate::output::each;

/// The most events that one answer lists.
const PAGE: usize = 1000;

/// The events to listen to.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Only of this source.
    #[arg(long)]
    source: Option<String>,
    /// Only of a type that this pattern matches: `order.*`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only of this tenant.
    #[arg(long)]
    tenant: Option<String>,
}

/// One event, as the API shows it in a list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) received: Timestamp,
    pub(crate) summary: Value,
}

/// The request that an event came in by.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Selection {
    /// The words that tell one selection from another.
    pub(crate) fn words(&self) -> [Option<&str>; 3] {
        [
            self.source.as_deref(),
            self.event_type.as_deref(),
            self.tenant.as_deref(),
        ]
    }

    /// The events received at a time or later that can be listed by now, oldest first.
    pub(crate) async fn since(&self, api: &Api, since: Timestamp) -> Result<Vec<Listed>, ApiError> {
        let mut found: Vec<Listed> = Vec::new();
        let mut keys = HashSet::new();
        let mut until = None;
        loop {
            let answer = api.get("/admin/events", &self.query(since, until)).await?;
            let page: Vec<Listed> = each(&answer).filter_map(listed).collect();
            let (full, oldest) = (page.len() >= PAGE, page.last().map(|event| event.received));
            let count = found.len();
            found.extend(
                page.into_iter()
                    .filter(|event| keys.insert(event.key.clone())),
            );
            // The next page begins at the millisecond that this one ended in: it may have more.
            until = match oldest {
                Some(oldest) if found.len() == count => before(oldest),
                oldest => oldest,
            };
            if !full || until.is_none_or(|until| until <= since) {
                break;
            }
        }
        found.retain(|event| self.is_of_tenant(event));
        found.sort_by(|a, b| (a.received, &a.key).cmp(&(b.received, &b.key)));
        Ok(found)
    }

    fn query(&self, since: Timestamp, until: Option<Timestamp>) -> Vec<(&'static str, String)> {
        let given = [
            ("source", self.source.clone()),
            ("type", self.event_type.clone()),
            ("until", until.map(|until| until.to_string())),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let always = [("since", since.to_string()), ("limit", PAGE.to_string())];
        given.chain(always).collect()
    }

    fn is_of_tenant(&self, event: &Listed) -> bool {
        let tenant = event.summary["tenant"].as_str();
        self.tenant.is_none() || self.tenant.as_deref() == tenant
    }
}

/// The request of an event; `None` where it is not kept any more.
pub(crate) async fn received(api: &Api, key: &str) -> Result<Option<Received>, ApiError> {
    let event = api.get(&format!("/admin/events/{key}"), &[]).await?;
    let payload = &event["payload"];
    let body = payload["body_base64"].as_str();
    let Some(body) = body.and_then(|body| STANDARD.decode(body).ok()) else {
        return Ok(None);
    };
    let header = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
    Ok(Some(Received {
        headers: each(&payload["headers"]).filter_map(header).collect(),
        body: body.into(),
    }))
}

fn listed(summary: &Value) -> Option<Listed> {
    Some(Listed {
        key: summary["key"].as_str()?.to_owned(),
        received: summary["received_at"].as_str()?.parse().ok()?,
        summary: summary.clone(),
    })
}

fn before(time: Timestamp) -> Option<Timestamp> {
    time.checked_sub(SignedDuration::from_millis(1)).ok()
}
