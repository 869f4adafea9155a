//! WSS: an order's id and status, the example that its guide gives.

use bytes::Bytes;
use hookgate::Event;
use serde::Deserialize;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Order {
    #[serde(rename = "order_id")]
    _id: serde::de::IgnoredAny,
    status: String,
}

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<(), HandlerError> {
    let order: Order = payload(body)?;
    tracing::info!(key = %event.key, shipped = order.status == "shipped", "order status changed");
    Ok(())
}
