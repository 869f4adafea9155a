//! The [Product] guide's `project.created`: the event's `data` is the project.

use bytes::Bytes;
use hookgate::Event;
use serde::Deserialize;

use super::{HandlerError, payload};

#[derive(Deserialize)]
struct Envelope {
    data: Project,
}

#[derive(Deserialize)]
struct Project {
    name: Option<String>,
}

pub(crate) async fn handle(event: &Event, body: &Bytes) -> Result<(), HandlerError> {
    let project = payload::<Envelope>(body)?.data;
    tracing::info!(key = %event.key, named = project.name.is_some(), "project created");
    Ok(())
}
