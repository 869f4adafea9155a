use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::UNIX_EPOCH;

use rusqlite::{Connection, TransactionBehavior};

use crate::bell::Bell;
use crate::store::Session;
use crate::{Clock, SqsError};

/// The queues, the time, and who waits for what.
pub(crate) struct Engine {
    pub(crate) store: Mutex<Connection>,
    pub(crate) clock: Clock,
    pub(crate) bell: Bell,
    pub(crate) base_url: OnceLock<String>,
}

impl Engine {
    /// Does one action in a transaction of its own, then wakes who waits for what it changed.
    pub(crate) fn run<T>(
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
    pub(crate) fn base_url(&self) -> String {
        let served = self.base_url.get().cloned();
        served.unwrap_or_else(|| "http://127.0.0.1".to_owned())
    }
}
