//! PartsSource `order.line.backordered`: counts them by company, exactly once each.
//!
//! The count is a write that joins the event's completion: a crash, a redelivery or a redrive counts
//! nothing twice. Source: <https://docs.partssource.com/documentation/webhooks/overview>

use bytes::Bytes;
use hookgate::Event;
use hookgate::event::TableWrite;
use serde::Deserialize;
use serde_json::json;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "payload")]
    _line: serde_json::Map<String, serde_json::Value>,
}

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<Vec<TableWrite>, HandlerError> {
    payload::<Envelope>(body)?;
    let company = event.tenant.as_deref().unwrap_or("-");
    let key = json!({ "pk": "count#backordered", "sk": company });
    Ok(vec![TableWrite::Add {
        table: None,
        key: key.as_object().cloned().unwrap_or_default(),
        attribute: "lines".to_owned(),
        amount: 1,
    }])
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use hookgate::{Body, EventKey};

    use super::*;

    async fn handled(body: &'static [u8]) -> Result<Vec<TableWrite>, HandlerError> {
        let body = Bytes::from_static(body);
        let event = Event {
            key: EventKey::new(Some("42"), "partssource", "id:1"),
            source: "partssource".to_owned(),
            tenant: Some("42".to_owned()),
            id: None,
            event_type: Some("order.line.backordered".to_owned()),
            received: UNIX_EPOCH,
            headers: Vec::new(),
            trace: None,
            body: Body::Inline(body.clone()),
        };
        handle(&event, &body).await
    }

    #[tokio::test]
    async fn a_line_is_counted_for_its_company() {
        let writes = handled(br#"{"payload":{"line_item_id":100}}"#).await;
        let [TableWrite::Add { key, amount, .. }] = &writes.expect("an effect")[..] else {
            panic!("one number is added to");
        };
        assert_eq!((&key["sk"], *amount), (&json!("42"), 1));
    }

    #[tokio::test]
    async fn an_event_without_a_line_is_given_up_at_once() {
        let error = handled(br#"{"payload":null}"#).await;
        assert_eq!(error.expect_err("no effect").class(), "permanent");
    }
}
