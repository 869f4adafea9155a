//! The [Product] guide's `project.created`: the event's `data` is the project.

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

pub(crate) async fn handle(event: &Event) -> Result<(), HandlerError> {
    let project = payload::<Envelope>(event)?.data;
    tracing::info!(key = %event.key, named = project.name.is_some(), "project created");
    Ok(())
}
