//! PointServices' topic `orders/placed`. Topic, webhook id and tenant come in headers; the body is the
//! order.

use bytes::Bytes;
use hookgate::Event;
use serde::Deserialize;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Order {
    lines: Option<Vec<serde::de::IgnoredAny>>,
}

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<(), HandlerError> {
    let order: Order = payload(body)?;
    let lines = order.lines.map(|lines| lines.len());
    tracing::info!(key = %event.key, tenant = event.tenant, lines, "order placed");
    Ok(())
}
