//! The [Product] guide's `run.failed`: the event's `data` is the run.

use bytes::Bytes;
use hookgate::Event;
use serde::Deserialize;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Envelope {
    data: Run,
}

#[derive(Deserialize)]
struct Run {
    error: Option<serde::de::IgnoredAny>,
}

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<(), HandlerError> {
    let run = payload::<Envelope>(body)?.data;
    tracing::info!(key = %event.key, explained = run.error.is_some(), "run failed");
    Ok(())
}
