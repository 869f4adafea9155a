//! `GET /admin/events` and `GET /admin/events/{key}`.

use hookgate::EventKey;
use hookgate::event::{EventFilter, EventQuery};
use hookgate_ledger::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{Admin, Answer, Rejection};

/// How many events are listed unless asked otherwise, and at most.
const LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

/// The longest pattern for types, in bytes.
const MAX_PATTERN: usize = 256;

/// The query of a list of events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventListQuery {
    source: Option<String>,
    state: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    limit: Option<usize>,
    since: Option<String>,
    until: Option<String>,
}

impl Admin {
    pub(crate) async fn list_events(&self, query: EventListQuery) -> Result<Answer, Rejection> {
        let (since, until) = self.times(query.since.as_deref(), query.until.as_deref())?;
        let list = EventQuery {
            sources: self.sources(query.source.as_deref())?,
            filter: filter(query.state.as_deref(), query.event_type)?,
            since,
            until,
            limit: query.limit.unwrap_or(LIMIT).min(MAX_LIMIT),
        };
        let events = self.table.list_events(&list).await?;
        Ok((StatusCode::OK, json!(events)))
    }

    pub(crate) async fn show_event(&self, key: &str) -> Result<Answer, Rejection> {
        let event = self.table.show_event(&event_key(key)?).await?;
        let event = event.ok_or(Rejection::NotFound("event of this key"))?;
        Ok((StatusCode::OK, json!(event)))
    }
}

/// The filter that a request names.
pub(crate) fn filter(
    state: Option<&str>,
    event_type: Option<String>,
) -> Result<EventFilter, Rejection> {
    let unknown = |name| {
        let names = State::ALL.map(State::name).join(", ");
        Rejection::asked(format!("unknown state `{name}`; there are {names}"))
    };
    let state = state.map(|name| State::from_name(name).ok_or_else(|| unknown(name)));
    if event_type
        .as_ref()
        .is_some_and(|pattern| pattern.len() > MAX_PATTERN)
    {
        return Err(Rejection::asked("`type` is longer than 256 bytes"));
    }
    Ok(EventFilter {
        state: state.transpose()?,
        event_type,
    })
}

pub(crate) fn event_key(text: &str) -> Result<EventKey, Rejection> {
    let wrong = || {
        let shown: String = text.chars().take(60).collect();
        Rejection::asked(format!(
            "`{shown}` is not an event key: those have 43 characters"
        ))
    };
    EventKey::parse(text).ok_or_else(wrong)
}
