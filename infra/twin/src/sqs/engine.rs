use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::UNIX_EPOCH;

use rusqlite::{Connection, TransactionBehavior};

use super::bell::Bell;
use super::store::Session;
use super::{Clock, SqsError};

/// The queues, the time, and who waits for what.
pub(super) struct Engine {
    pub(super) store: Mutex<Connection>,
    pub(super) clock: Clock,
    pub(super) bell: Bell,
    pub(super) base_url: OnceLock<String>,
}

impl Engine {
    /// Does one action in a transaction of its own, then wakes who waits for what it changed.
    pub(super) fn run<T>(
        &self,
        base_url: String,
        action: impl FnOnce(&Session<'_>) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let session = Session::new(tx, self.now_ms(), base_url);
        let result = action(&session)?;
        let changed = session.commit()?;
        drop(store);
        changed.iter().for_each(|queue| self.bell.ring(queue));
        Ok(result)
    }

    fn now_ms(&self) -> i64 {
        let since_1970 = (self.clock)()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    }

    /// What queue URLs begin with, as far as the engine itself knows.
    pub(super) fn base_url(&self) -> String {
        let served = self.base_url.get().cloned();
        served.unwrap_or_else(|| "http://127.0.0.1".to_owned())
    }
}
