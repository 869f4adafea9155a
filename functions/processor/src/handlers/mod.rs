//! The handlers: functions that are called with events. To add one: a file here with
//! `pub(crate) async fn handle`, and its name in the list below. Routes in `hookgate.toml` name it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hookgate::Event;
use hookgate::event::TableWrite;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Declares the modules, and the handlers by their names.
macro_rules! handlers {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        impl Handlers {
            /// The handlers of this crate.
            pub fn built_in() -> Handlers {
                Handlers::default()$(.with(stringify!($name), |event, body| {
                    Box::pin(async move { $name::handle(event, body).await.map(Effect::from) })
                }))*
            }
        }
    };
}
handlers! {
    log,
    order_created,
    order_shipment_shipped,
    order_line_backordered,
    project_created,
    run_failed,
    orders_placed,
    stock_changed,
    order_status_changed,
}

/// A function that is called with an event and its body, byte for byte as it was signed.
///
/// It returns `()` when its effect happened, or the [`TableWrite`]s that are its effect, which then
/// happen exactly once (`order_line_backordered` is an example).
pub(crate) type Handler = Arc<
    dyn for<'a> Fn(&'a Event, &'a Bytes) -> BoxFuture<'a, Result<Effect, HandlerError>>
        + Send
        + Sync,
>;

/// Handlers by their names.
#[derive(Clone, Default)]
pub struct Handlers(Vec<(&'static str, Handler)>);

impl Handlers {
    /// These handlers and one more.
    #[must_use]
    pub fn with<F>(mut self, name: &'static str, handler: F) -> Handlers
    where
        F: for<'a> Fn(&'a Event, &'a Bytes) -> BoxFuture<'a, Result<Effect, HandlerError>>,
        F: Send + Sync + 'static,
    {
        self.0.push((name, Arc::new(handler)));
        self
    }

    /// The names that routes may use.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Calls one of them; `None` if there is none with this name.
    pub fn call<'a>(
        &self,
        name: &str,
        event: &'a Event,
        body: &'a Bytes,
    ) -> Option<BoxFuture<'a, Result<Effect, HandlerError>>> {
        self.get(name).map(|handler| handler(event, body))
    }

    pub(crate) fn get(&self, name: &str) -> Option<Handler> {
        let mut all = self.0.iter();
        let found = all.find(|(known, _)| *known == name);
        found.map(|(_, handler)| handler.clone())
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The effect of a handler that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Nothing: its effect happened. It may happen again if a crash comes before the completion is recorded.
    Happened,
    /// These writes, which happen in one transaction with the note that the event is done: exactly
    /// once.
    Writes(Vec<TableWrite>),
}

impl From<()> for Effect {
    fn from((): ()) -> Effect {
        Effect::Happened
    }
}

impl From<Vec<TableWrite>> for Effect {
    fn from(writes: Vec<TableWrite>) -> Effect {
        Effect::Writes(writes)
    }
}

/// A failure of a handler. The one place that says whether trying again helps.
#[derive(Debug, Error)]
pub enum HandlerError {
    /// Trying again cannot help: to the dead-letter queue.
    #[error("{0}")]
    Permanent(String),
    /// May pass: try again with growing waits.
    #[error("{0}")]
    Transient(String),
    /// The service that was called asks to wait this long.
    #[error("{0}")]
    Throttled(String, Duration),
}

impl HandlerError {
    /// An error that trying again cannot help.
    pub fn permanent(why: impl Into<String>) -> HandlerError {
        HandlerError::Permanent(why.into())
    }

    /// An error that may pass.
    pub fn transient(why: impl Into<String>) -> HandlerError {
        HandlerError::Transient(why.into())
    }

    /// A panic, which another attempt may not meet. Its message is not repeated: an `expect` on what
    /// was parsed prints parts of a body. The log says where it was.
    pub fn panicked() -> HandlerError {
        HandlerError::transient("the handler panicked")
    }

    /// The text for logs and operators.
    pub fn message(&self) -> &str {
        match self {
            HandlerError::Permanent(text)
            | HandlerError::Transient(text)
            | HandlerError::Throttled(text, _) => text,
        }
    }

    /// The word for its kind: `permanent`, `transient` or `throttled`.
    pub fn class(&self) -> &'static str {
        match self {
            HandlerError::Permanent(_) => "permanent",
            HandlerError::Transient(_) => "transient",
            HandlerError::Throttled(..) => "throttled",
        }
    }
}

/// A JSON body as the type that a handler wants.
///
/// # Errors
/// A body that is not of this form will never be: permanent. The text says where, not what: a body
/// must not end up in a log.
pub(crate) fn payload<T: DeserializeOwned>(body: &Bytes) -> Result<T, HandlerError> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = match error.classify() {
            serde_json::error::Category::Data => "lacks a field or has one of another kind",
            _ => "is not JSON",
        };
        HandlerError::permanent(format!("the body {what} (line {line}, column {column})"))
    })
}
