//! The default: an event that no route takes is noted and done. Providers add types at any time, and
//! an error would only make them send it again.

use hookgate::Event;

use super::HandlerError;

pub(crate) async fn handle(event: &Event) -> Result<(), HandlerError> {
    tracing::info!(
        source = event.source,
        event_type = event.type_or_dash(),
        key = %event.key,
        body_bytes = event.body.len(),
        "no route takes this event"
    );
    Ok(())
}
