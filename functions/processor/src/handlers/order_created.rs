//! PartsSource `order.created`: the envelope's `payload` is the order.
//! Source: <https://docs.partssource.com/documentation/webhooks/overview>

use bytes::Bytes;
use hookgate::Event;
use serde::Deserialize;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Envelope {
    payload: Order,
}

#[derive(Deserialize)]
struct Order {
    line_items: Option<Vec<serde::de::IgnoredAny>>,
}

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<(), HandlerError> {
    let order = payload::<Envelope>(body)?.payload;
    let lines = order.line_items.map(|lines| lines.len());
    tracing::info!(key = %event.key, lines, "order created");
    Ok(())
}
