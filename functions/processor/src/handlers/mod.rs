//! What happens with events. To add a handler: a file here with `pub(crate) async fn handle`, and its
//! line in the list below. Routes in `hookgate.toml` call it by its name.
//!
//! A handler returns `()` when its effect happened, or the [`Write`]s that are its effect, which then
//! happen exactly once (`order_line_backordered` is an example).

use std::time::Duration;

use hookgate::Event;
use hookgate::ports::Write;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Runs handlers by their names.
pub trait Registry: Send + Sync {
    /// What routes may name.
    fn names(&self) -> &[&'static str];

    /// Runs the handler of this name on an event.
    fn run(
        &self,
        name: &str,
        event: &Event,
    ) -> impl Future<Output = Result<Effect, HandlerError>> + Send;
}

/// What a handler that succeeded leaves to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Nothing: its effect happened. It may happen again where a crash comes before the note of it.
    Happened,
    /// These writes, which happen in one transaction with the note that the event is done: exactly
    /// once.
    Writes(Vec<Write>),
}

impl From<()> for Effect {
    fn from((): ()) -> Effect {
        Effect::Happened
    }
}

impl From<Vec<Write>> for Effect {
    fn from(writes: Vec<Write>) -> Effect {
        Effect::Writes(writes)
    }
}

/// The handlers of this crate.
#[derive(Clone, Copy, Debug)]
pub struct Handlers;

/// The handler of events that no route takes.
pub(crate) const DEFAULT: &str = "log";

/// Declares the modules, and the one function that finds a handler by its name.
macro_rules! handlers {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        impl Registry for Handlers {
            fn names(&self) -> &[&'static str] {
                &[$(stringify!($name)),*]
            }

            async fn run(&self, name: &str, event: &Event) -> Result<Effect, HandlerError> {
                match name {
                    $(stringify!($name) => $name::handle(event).await.map(Effect::from),)*
                    unknown => Err(HandlerError::permanent(format!("there is no handler `{unknown}`"))),
                }
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

/// Why a handler did not do its work. The one place that says whether trying again helps.
#[derive(Debug, Error)]
pub enum HandlerError {
    /// Trying again cannot help: to the dead-letter queue.
    #[error("{0}")]
    Permanent(String),
    /// May pass: try again with growing waits.
    #[error("{0}")]
    Transient(String),
    /// Whoever was asked wants to be left alone for this long.
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
    pub(crate) fn panicked() -> HandlerError {
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

/// An event's JSON body as a handler wants it.
///
/// # Errors
/// A body that is not of this form will never be: permanent. The text says where, not what: a body
/// must not end up in a log.
pub(crate) fn payload<T: DeserializeOwned>(event: &Event) -> Result<T, HandlerError> {
    serde_json::from_slice(&event.body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = match error.classify() {
            serde_json::error::Category::Data => "lacks a field or has one of another kind",
            _ => "is not JSON",
        };
        HandlerError::permanent(format!("the body {what} (line {line}, column {column})"))
    })
}
