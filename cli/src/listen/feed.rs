//! The events of a gateway as they become known, and their requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use hookgate_api::{
    EventListRequest, EventSummary, ListEvents, Nothing, Order, Payload, ShowEvent,
};
use jiff::Timestamp;

use crate::api::{Api, ApiError};

/// The most events that one answer lists.
const PAGE: usize = 1000;

/// The events to listen to.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Only events from this source.
    #[arg(long)]
    source: Option<String>,
    /// Only events whose type matches this pattern, such as `order.*`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only events of this tenant.
    #[arg(long)]
    tenant: Option<String>,
}

/// One event, as the API shows it in a list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) received: Timestamp,
    pub(crate) summary: EventSummary,
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
        let mut request = EventListRequest {
            source: self.source.clone(),
            event_type: self.event_type.clone(),
            tenant: self.tenant.clone(),
            since: Some(since.to_string()),
            order: Some(Order::Oldest),
            limit: Some(PAGE),
            ..EventListRequest::default()
        };
        let mut found = Vec::new();
        loop {
            let page = api.ask::<ListEvents>("", &request).await?;
            for summary in page.events {
                found.push(listed(api, summary)?);
            }
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => return Ok(found),
            }
        }
    }
}

/// The request of an event; `None` if it is no longer stored.
pub(crate) async fn received(api: &Api, key: &str) -> Result<Option<Received>, ApiError> {
    let event = api.ask::<ShowEvent>(key, &Nothing {}).await?;
    let Some(Payload {
        headers,
        body_base64,
        ..
    }) = event.payload
    else {
        return Ok(None);
    };
    let body = STANDARD.decode(body_base64).map_err(|_| strange(api))?;
    Ok(Some(Received {
        headers,
        body: body.into(),
    }))
}

fn listed(api: &Api, summary: EventSummary) -> Result<Listed, ApiError> {
    let received = summary.received_at.parse().map_err(|_| strange(api))?;
    Ok(Listed { received, summary })
}

/// The error for a response that is not a gateway's.
fn strange(api: &Api) -> ApiError {
    ApiError::Strange(api.url().to_owned(), 200)
}

#[cfg(test)]
pub(super) mod tests {
    use hookgate_api::EventState;

    use super::*;

    pub(in crate::listen) fn event(key: &str, received: Timestamp) -> Listed {
        Listed {
            received,
            summary: EventSummary {
                key: key.to_owned(),
                source: "acme".to_owned(),
                tenant: Some("zürich".to_owned()),
                event_id: None,
                event_type: None,
                state: EventState::Done,
                attempts: 1,
                epoch: 0,
                received_at: received.to_string(),
                completed_at: None,
                next_attempt_at: None,
                target: None,
                error: None,
            },
        }
    }
}
