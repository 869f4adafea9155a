//! A large body, fetched for the handler.

use hookgate::ports::{Bodies, chain};
use hookgate::{Body, BodyError, Event, redeem};

use crate::handlers::HandlerError;

/// An event as handlers want it: with its body.
pub(crate) async fn with_body(
    event: &Event<Body>,
    bodies: &impl Bodies,
) -> Result<Event, HandlerError> {
    let body = match &event.body {
        Body::Inline(body) => body.clone(),
        Body::Kept(check) => redeem(bodies, check).await.map_err(not_redeemed)?,
    };
    Ok(event.clone().with_body(body))
}

/// A body that is gone will not come back; one that cannot be had now may be had later.
fn not_redeemed(error: BodyError) -> HandlerError {
    match error {
        BodyError::Unavailable(error) => HandlerError::transient(chain(&error)),
        BodyError::Gone | BodyError::Altered => HandlerError::permanent(error.to_string()),
    }
}
