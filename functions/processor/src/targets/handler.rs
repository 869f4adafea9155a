//! `handler:NAME`, a function of this crate.

use std::fmt;

use bytes::Bytes;
use hookgate::Event;

use crate::handlers::{Effect, Handler, HandlerError, Handlers};

/// A handler by its name.
pub(crate) struct HandlerTarget {
    name: String,
    handler: Handler,
}

impl HandlerTarget {
    pub(crate) fn parse(name: &str, handlers: &Handlers) -> Result<HandlerTarget, String> {
        let Some(handler) = handlers.get(name) else {
            let known = handlers.names().collect::<Vec<_>>().join(", ");
            return Err(format!("unknown handler `{name}`; there are {known}"));
        };
        Ok(HandlerTarget {
            name: format!("handler:{name}"),
            handler,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn run(&self, event: &Event, body: &Bytes) -> Result<Effect, HandlerError> {
        (self.handler)(event, body).await
    }
}

impl fmt::Debug for HandlerTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
