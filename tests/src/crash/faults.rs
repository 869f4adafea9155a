use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Mutex as Turn, mpsc, oneshot};

/// A fault at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The invocation dies before the call has any effect.
    CrashBefore,
    /// The invocation dies after the call had its effect.
    CrashAfter,
    /// The call fails and has no effect: an outage, or throttling.
    Fail,
    /// The call has its effect, but its caller is told that it failed.
    LoseReply,
    /// The call is made twice; the caller learns the second answer, as after a client's own retry.
    Twice,
    /// The event's item is deleted before the call, as its time to live may do.
    Forget,
    /// Before the call, the provider's request is answered a second time, from start to end.
    MeetDuplicate,
    /// Before the call, another processor handles whatever is visible.
    MeetProcessor,
    /// Before the call so much time passes, and then the message is delivered to another processor too. Only
    /// for stories of their own.
    MeetProcessorAfter(Duration),
    /// Before the call, visibility timeout and lease run out although their holder lives.
    Late,
    /// The call does not come back before the function's timeout, which ends the invocation.
    TimeOut,
    /// The call does not come back; only for invocations that watch their time.
    Hang,
}

impl Fault {
    /// All that every invocation can meet.
    pub const ALL: [Fault; 10] = [
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::Fail,
        Fault::LoseReply,
        Fault::Twice,
        Fault::Forget,
        Fault::MeetDuplicate,
        Fault::MeetProcessor,
        Fault::Late,
        Fault::TimeOut,
    ];
}

/// The faults by the number of the call, counted from 0.
pub type Plan = BTreeMap<usize, Fault>;

/// A task for the driver of an invocation.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Drop the invocation.
    Crash,
    /// Let a function's whole time pass, then drop the invocation.
    TimeOut,
    /// Let someone else act, then let the invocation go on.
    Let(Interloper, oneshot::Sender<()>),
}

/// The one who acts in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interloper {
    Provider,
    Processor,
    ProcessorAfter(Duration),
    TimeToLive,
    Clock,
}

/// A call's number and name, and the fault that happened there.
pub type Fired = (usize, String, Fault);

/// Counts calls, and does at each what the plan says.
///
/// One call at a time: so a plan means the same in every run, and nothing of an invocation that died is
/// still under way.
#[derive(Debug)]
pub(crate) struct Faults {
    state: Mutex<State>,
    turn: Turn<()>,
    signals: mpsc::UnboundedSender<Signal>,
}

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    calls: Vec<String>,
    fired: Vec<Fired>,
    suspended: bool,
}

impl Faults {
    pub(crate) fn new(signals: mpsc::UnboundedSender<Signal>) -> Faults {
        Faults {
            state: Mutex::default(),
            turn: Turn::default(),
            signals,
        }
    }

    /// Begins a run.
    pub(crate) fn begin(&self, plan: Plan) {
        *self.lock() = State {
            plan,
            ..State::default()
        };
    }

    /// Stops or continues counting and striking calls; both stop while someone acts in between.
    pub(crate) fn suspend(&self, suspended: bool) {
        self.lock().suspended = suspended;
    }

    /// The faults so far: number and name of the call, and the fault.
    pub(crate) fn fired(&self) -> Vec<Fired> {
        self.lock().fired.clone()
    }

    /// The calls that were made.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// Makes a call, or what the plan makes of it; `failure` is what the caller of a call that fails or
    /// loses its reply sees.
    pub(crate) async fn call<T, E, F, Fut>(
        &self,
        name: &str,
        call: F,
        failure: impl Fn(Fault) -> Result<T, E>,
    ) -> Result<T, E>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if self.lock().suspended {
            return call().await;
        }
        let turn = self.turn.lock().await;
        let Some(fault) = self.next(name) else {
            return call().await;
        };
        match fault {
            Fault::CrashBefore => self.end(Signal::Crash).await,
            Fault::CrashAfter => {
                drop(call().await);
                self.end(Signal::Crash).await
            }
            Fault::Fail => failure(fault),
            Fault::LoseReply => {
                drop(call().await);
                failure(fault)
            }
            Fault::Twice => {
                drop(call().await);
                call().await
            }
            Fault::Forget => self.after(Interloper::TimeToLive, call).await,
            Fault::MeetDuplicate => self.after(Interloper::Provider, call).await,
            Fault::MeetProcessor => self.after(Interloper::Processor, call).await,
            Fault::MeetProcessorAfter(time) => {
                self.after(Interloper::ProcessorAfter(time), call).await
            }
            Fault::Late => self.after(Interloper::Clock, call).await,
            Fault::TimeOut => self.end(Signal::TimeOut).await,
            Fault::Hang => {
                drop(turn);
                std::future::pending().await
            }
        }
    }

    fn next(&self, name: &str) -> Option<Fault> {
        let mut state = self.lock();
        let number = state.calls.len();
        state.calls.push(name.to_owned());
        let fault = state.plan.get(&number).copied()?;
        state.fired.push((number, name.to_owned(), fault));
        Some(fault)
    }

    async fn after<T, F, Fut>(&self, who: Interloper, call: F) -> T
    where
        F: Fn() -> Fut,
        Fut: Future<Output = T>,
    {
        let (go_on, gone_on) = oneshot::channel();
        self.tell(Signal::Let(who, go_on));
        gone_on.await.expect("the driver lets the invocation go on");
        call().await
    }

    async fn end<T>(&self, how: Signal) -> T {
        self.tell(how);
        std::future::pending().await
    }

    fn tell(&self, signal: Signal) {
        self.signals.send(signal).expect("the driver listens");
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no call panics")
    }
}
