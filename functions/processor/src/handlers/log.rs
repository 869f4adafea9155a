//! A handler that logs the event and is done.

use bytes::Bytes;
use hookgate::Event;

use super::HandlerError;

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<(), HandlerError> {
    tracing::info!(
        source = event.source,
        event_type = event.type_or_dash(),
        key = %event.key,
        body_bytes = body.len(),
        "event logged"
    );
    Ok(())
}
