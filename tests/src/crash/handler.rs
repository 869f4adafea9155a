//! A handler whose effect is counted, and which fails as it is told.

use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use bytes::Bytes;
use hookgate::event::TableWrite;
use hookgate_processor::handlers::{Effect, HandlerError, Handlers};

use serde_json::json;

use super::Faults;

/// An act of the handler at one of its next runs; when none is left, it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Fails, and may succeed later.
    Transient,
    /// Asks to be left alone for a minute.
    Throttled,
    /// Asks to be left alone for longer than a message of the queue can be delayed.
    Closed,
    /// Panics.
    Panic,
    /// Fails for good.
    Permanent,
    /// Does not come to an end.
    Hang,
    /// Leaves its effect to the completion: a count in the table. Again and again.
    Write,
}

/// The message of a handler that panics.
const PANIC: &str = "scripted";

/// Keeps the panics of handlers out of the output: they are many, and each backtrace takes longer than a run.
pub(crate) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some(PANIC) {
                tell(panic);
            }
        }));
    });
}

/// The effects of the handler.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// The number of times that the effect happened.
    pub(crate) count: usize,
    /// The number of handlers that run now, and the most that ran at one time.
    pub(crate) running: usize,
    pub(crate) most_running: usize,
    /// Its next acts, the first one last.
    pub(crate) script: Vec<Act>,
    /// The body that the provider sent, and how many runs were given another.
    pub(crate) sent: Bytes,
    pub(crate) altered: usize,
    /// The number of replays' messages that were acknowledged.
    pub(crate) replays: usize,
    /// The sort key of the count that its writes add to.
    pub(crate) counter: String,
}

/// The only handler, which every event comes to.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    pub(crate) faults: Arc<Faults>,
    pub(crate) effects: Arc<Mutex<Effects>>,
}

/// Counts a handler as running until it returns or its invocation dies.
struct Running<'a>(&'a Mutex<Effects>);

impl<'a> Running<'a> {
    fn begin(effects: &'a Mutex<Effects>) -> Running<'a> {
        let mut now = effects.lock().expect("no handler panics here");
        now.running += 1;
        now.most_running = now.most_running.max(now.running);
        Running(effects)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().expect("no handler panics here").running -= 1;
    }
}

impl Scripted {
    /// The handler as the processor finds it, `handler:scripted`.
    pub(crate) fn registered(&self) -> Handlers {
        let scripted = self.clone();
        Handlers::default().with("scripted", move |_, body| {
            let scripted = scripted.clone();
            Box::pin(async move { scripted.run(body).await })
        })
    }

    async fn run(&self, body: &Bytes) -> Result<Effect, HandlerError> {
        let _running = Running::begin(&self.effects);
        let act = self.next_act(body);
        match act {
            Some(Act::Transient) => return Err(HandlerError::transient("scripted")),
            Some(Act::Throttled) => {
                return Err(HandlerError::Throttled(
                    "scripted".into(),
                    Duration::from_secs(60),
                ));
            }
            Some(Act::Closed) => {
                return Err(HandlerError::Throttled(
                    "scripted".into(),
                    Duration::from_secs(1200),
                ));
            }
            Some(Act::Permanent) => return Err(HandlerError::permanent("scripted")),
            Some(Act::Panic) => panic!("{PANIC}"),
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::Write) => return Ok(self.counting()),
            None => {}
        }
        let effect = || async {
            self.effects.lock().expect("no handler panics here").count += 1;
            Ok(Effect::Happened)
        };
        let failure = |_| Err(HandlerError::transient("injected failure"));
        self.faults.call("effect", effect, failure).await
    }

    fn next_act(&self, body: &Bytes) -> Option<Act> {
        let mut effects = self.effects.lock().expect("no handler panics here");
        effects.altered += usize::from(*body != effects.sent);
        effects.script.pop()
    }

    /// Adds 1 to the count in the table; the script goes on saying so.
    fn counting(&self) -> Effect {
        let mut effects = self.effects.lock().expect("no handler panics here");
        effects.script.push(Act::Write);
        let key = json!({ "pk": "crash-test", "sk": effects.counter });
        Effect::Writes(vec![TableWrite::Add {
            table: None,
            key: key.as_object().cloned().expect("an object"),
            attribute: "n".to_owned(),
            amount: 1,
        }])
    }
}
