//! The senders of events, and the account of what they sent and what became of it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookgate::Source;
use serde_json::Value;

use crate::source::{PATH, signed};

/// Events that are sent, accepted and handled.
#[derive(Debug)]
pub(super) struct Load {
    events: usize,
    next: AtomicUsize,
    sent: AtomicUsize,
    accepted: Mutex<HashSet<String>>,
    /// The number of effects of each event.
    effects: Mutex<HashMap<String, usize>>,
    /// The gateway's address, which is another after each start.
    url: Mutex<String>,
}

impl Load {
    pub(super) fn new(events: usize) -> Load {
        Load {
            events,
            next: AtomicUsize::default(),
            sent: AtomicUsize::default(),
            accepted: Mutex::default(),
            effects: Mutex::default(),
            url: Mutex::default(),
        }
    }

    /// Requests that were sent.
    pub(super) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Events that were accepted.
    pub(super) fn accepted(&self) -> usize {
        lock(&self.accepted).len()
    }

    /// Effects of all events.
    pub(super) fn effects(&self) -> usize {
        lock(&self.effects).values().sum()
    }

    /// Events that had more than one effect.
    pub(super) fn repeated(&self) -> usize {
        let effects = lock(&self.effects);
        effects.values().filter(|count| **count > 1).count()
    }

    /// Events that were accepted and have no effect yet.
    pub(super) fn missing(&self) -> usize {
        let effects = lock(&self.effects);
        let accepted = lock(&self.accepted);
        let missing = accepted.iter().filter(|key| !effects.contains_key(*key));
        missing.count()
    }

    /// Sends the next events to the gateway at `url`.
    pub(super) fn redirect(&self, url: &str) {
        url.clone_into(&mut lock(&self.url));
    }

    /// Counts an effect of an event.
    pub(super) fn add_effect(&self, key: &str) {
        *lock(&self.effects).entry(key.to_owned()).or_default() += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One sender: takes the next event and sends it until it is answered with a 2xx.
pub(super) async fn send(load: Arc<Load>, source: Arc<Source>) {
    let client = reqwest::Client::new();
    loop {
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        if number >= load.events {
            return;
        }
        loop {
            load.sent.fetch_add(1, Ordering::Relaxed);
            if let Some(key) = attempt(&client, &load, &source, number).await {
                lock(&load.accepted).insert(key);
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Sends one event once; its key, where it was answered with a 2xx.
async fn attempt(
    client: &reqwest::Client,
    load: &Load,
    source: &Source,
    number: usize,
) -> Option<String> {
    let body = format!(r#"{{"id":"evt_{number}","type":"bench","data":{{}}}}"#);
    let signature = signed(source, &body).ok()?;
    let url = format!("{}{PATH}", lock(&load.url));
    let mut request = client.post(url).body(body);
    for (name, value) in signature {
        request = request.header(name, value);
    }
    let response = request.send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let answer: Value = response.json().await.ok()?;
    answer["event"].as_str().map(str::to_owned)
}
