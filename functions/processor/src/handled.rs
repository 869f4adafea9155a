//! An event that was handled, until its batch is logged.

use hookgate::{Event, EventKey, one_line};

/// An event that its target has handled, as far as its log line needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handled {
    pub(crate) key: EventKey,
    event_type: String,
    tenant: Option<String>,
    event_id: Option<String>,
    trace_id: Option<String>,
    to: String,
    attempt: u32,
    total_ms: u64,
}

impl Handled {
    pub(crate) fn new(event: &Event, to: &str, attempt: u32, total_ms: u64) -> Handled {
        let text = |text: &str| one_line(text).into_owned();
        Handled {
            key: event.key.clone(),
            event_type: text(event.type_or_dash()),
            tenant: event.tenant.as_deref().map(text),
            event_id: event.id.as_deref().map(text),
            trace_id: event.trace_id().map(str::to_owned),
            to: to.to_owned(),
            attempt,
            total_ms,
        }
    }

    /// Logs it in a line of its own.
    pub(crate) fn log(&self, source: &str) {
        tracing::info!(
            outcome = "done",
            source,
            event_type = self.event_type,
            tenant = self.tenant,
            event_id = self.event_id,
            key = %self.key,
            trace_id = self.trace_id,
            to = self.to,
            attempt = self.attempt,
            total_ms = self.total_ms,
            "event handled"
        );
    }
}
