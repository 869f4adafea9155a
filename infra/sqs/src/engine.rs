//! The state that every request shares: the store, the clock, and the receivers that wait.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::watch;

use crate::error::SqsError;
use crate::store::{self, Session};

/// The engine's source of the time of day.
pub type ClockFn = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// The queues, the clock, and the receivers that wait for a message.
pub(crate) struct Engine {
    store: Mutex<Connection>,
    clock: ClockFn,
    /// A channel per queue. A receiver that subscribes before it looks cannot miss a change.
    changes: Mutex<HashMap<String, watch::Sender<()>>>,
    base_url: OnceLock<String>,
}

impl Engine {
    pub(crate) fn open(path: Option<&Path>, clock: ClockFn) -> Result<Engine, SqsError> {
        Ok(Engine {
            store: Mutex::new(store::open(path)?),
            clock,
            changes: Mutex::default(),
            base_url: OnceLock::new(),
        })
    }

    /// Does one action in a transaction of its own, then wakes the receivers that wait for what it changed.
    pub(crate) fn run<T>(
        &self,
        base_url: &str,
        action: impl FnOnce(&Session<'_>) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let session = Session::new(tx, self.now_ms(), base_url);
        let result = action(&session)?;
        let changed = session.commit()?;
        drop(store);
        changed.iter().for_each(|queue| self.wake(queue));
        Ok(result)
    }

    /// Like [`Engine::run`], off the runtime's worker threads, because SQLite blocks.
    pub(crate) async fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        base_url: String,
        action: impl FnOnce(&Session<'_>) -> Result<T, SqsError> + Send + 'static,
    ) -> Result<T, SqsError> {
        let engine = Arc::clone(self);
        tokio::task::spawn_blocking(move || engine.run(&base_url, action)).await?
    }

    fn now_ms(&self) -> i64 {
        let since_1970 = (self.clock)()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    }

    /// Reports changes of `queue` from now on.
    pub(crate) fn changes_of(&self, queue: &str) -> watch::Receiver<()> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.entry(queue.to_owned()).or_default().subscribe()
    }

    fn wake(&self, queue: &str) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = changes.get(queue) {
            waiting.send_replace(());
        }
    }

    /// Names the address that queue URLs begin with, for requests that name none.
    pub(crate) fn set_base_url(&self, url: String) {
        self.base_url.get_or_init(|| url);
    }

    /// The beginning of queue URLs, as far as the engine itself knows.
    pub(crate) fn base_url(&self) -> String {
        let served = self.base_url.get().cloned();
        served.unwrap_or_else(|| "http://127.0.0.1".to_owned())
    }
}
