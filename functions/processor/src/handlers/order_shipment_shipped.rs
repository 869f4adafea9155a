//! PartsSource `order.shipment.shipped`: the envelope's `payload` is the shipment.
//! Source: <https://docs.partssource.com/documentation/webhooks/overview>

use bytes::Bytes;
use hookgate::Event;
use serde::Deserialize;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Envelope {
    payload: Shipment,
}

#[derive(Deserialize)]
struct Shipment {
    tracking_number: Option<String>,
}

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<(), HandlerError> {
    let shipment = payload::<Envelope>(body)?.payload;
    let tracked = shipment.tracking_number.is_some();
    tracing::info!(key = %event.key, tracked, "shipment shipped");
    Ok(())
}
