//! The key `ingest`: what ingest does before it answers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ConfigError, MismatchPolicy, SourceConfig};

/// The order in which ingest makes an event durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IngestOrder {
    /// Records the event in the ledger, then sends its message: a duplicate is told as one.
    #[default]
    RecordFirst,
    /// Sends the message; the processor's claim makes the record. A duplicate is dropped there.
    QueueFirst,
}

impl IngestOrder {
    /// Rejects a source whose answers need the ledger.
    pub(super) fn check(self, sources: &BTreeMap<String, SourceConfig>) -> Result<(), ConfigError> {
        let mut sources = sources.iter();
        let rejects = sources.find(|(_, source)| source.on_mismatch == MismatchPolicy::Reject);
        match (self, rejects) {
            (IngestOrder::QueueFirst, Some((name, _))) => Err(ConfigError::at(
                format!("sources.{name}.on_mismatch"),
                "`reject` needs the ledger before the answer: remove it, or `ingest = \"queue-first\"`",
            )),
            _ => Ok(()),
        }
    }
}
