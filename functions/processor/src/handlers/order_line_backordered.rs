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
