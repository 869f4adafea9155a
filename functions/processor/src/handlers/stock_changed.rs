//! Pakk. Its webhooks carry what the user's own data transformation makes of a record; in the example
//! configuration an `event` of `stock.changed` comes with the item and its new quantity.

use bytes::Bytes;
use hookgate::Event;
use serde::Deserialize;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Stock {
    quantity: f64,
}

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<(), HandlerError> {
    let stock: Stock = payload(body)?;
    tracing::info!(key = %event.key, in_stock = stock.quantity > 0.0, "stock changed");
    Ok(())
}
