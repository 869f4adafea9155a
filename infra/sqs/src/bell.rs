use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// Wakes the receivers that wait on a queue.
///
/// A watch channel per queue: whoever subscribes before looking cannot miss a change.
#[derive(Default)]
pub(crate) struct Bell {
    queues: Mutex<HashMap<String, watch::Sender<()>>>,
}

impl Bell {
    /// Listens for changes of `queue` from now on.
    pub(crate) fn listen(&self, queue: &str) -> watch::Receiver<()> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(queue.to_owned()).or_default().subscribe()
    }

    /// Wakes everybody who listens on `queue`.
    pub(crate) fn ring(&self, queue: &str) {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = queues.get(queue) {
            sender.send_replace(());
        }
    }
}
