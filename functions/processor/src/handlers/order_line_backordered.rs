//! PartsSource `order.line.backordered`: the envelope's `payload` is the order's line.
//! Source: <https://docs.partssource.com/documentation/webhooks/overview>

use hookgate_gateway::Event;
use serde::Deserialize;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Envelope {
    payload: Line,
}

#[derive(Deserialize)]
struct Line {
    estimated_ship_date: Option<String>,
}

pub(crate) async fn handle(event: &Event) -> Result<(), HandlerError> {
    let line = payload::<Envelope>(event)?.payload;
    let has_new_date = line.estimated_ship_date.is_some();
    tracing::info!(key = %event.key, has_new_date, "order line backordered");
    Ok(())
}
