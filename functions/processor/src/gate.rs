//! The gate before the routes: paused routes, and circuit breakers.
//!
//! A route's state is in the table, because it is for all environments, and looked at every ten seconds. Failures in a
//! row are counted in each environment by itself: what fails everywhere is noticed everywhere.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hookgate::route::{BreakerLimits, Flow, RouteState, StoredRoute};
use hookgate::{AwsError, DynamoTable, EventKey, Message, Route, unix_ms};

use crate::outcome;

/// The time for which a route's state is believed.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The time within which failures must come in a row.
const STREAK: Duration = Duration::from_secs(60);

/// The states and failures of the routes, by their names.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<HashMap<String, Known>>);

#[derive(Debug, Default)]
struct Known {
    stored: StoredRoute,
    read_at: Option<SystemTime>,
    /// The events that failed since one was handled. One that fails again and again counts once: it may be the event's
    /// own fault.
    failed: BTreeSet<EventKey>,
    failing_since: Option<SystemTime>,
}

/// The answer of a target that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It works, whatever it did with the event.
    Works,
    /// It failed, and may work later.
    Fails,
}

impl Gate {
    /// The way of a message of a route now. A probe goes to its target, however late it is.
    ///
    /// # Errors
    /// When the table does not answer. An old state does not count: what it held could be forgotten until someone looks
    /// again.
    pub(crate) async fn flow(
        &self,
        table: &DynamoTable,
        route: &Route,
        message: &Message,
        now: SystemTime,
    ) -> Result<Flow, AwsError> {
        if !message.probe
            && let Some(flow) = self.known(route, now)
        {
            return Ok(flow);
        }
        let stored = self.read(table, route, now).await?;
        Ok(match stored.state.flow() {
            Flow::Broken if message.probe => Flow::Open,
            flow => flow,
        })
    }

    /// Counts the answer of a route's target, and opens or closes its circuit breaker.
    pub(crate) async fn answered(
        &self,
        table: &DynamoTable,
        route: &Route,
        message: &Message,
        answer: Answer,
        now: SystemTime,
    ) {
        let Some(limits) = route.breaker else { return };
        let in_a_row = self.count(route, message, answer, now);
        match answer {
            Answer::Works if message.probe => {
                let closed = |state: &RouteState| {
                    let is_probed = state.breaker.as_ref().is_some_and(|it| it.probing);
                    is_probed.then(|| RouteState::releasing(unix_ms(now)))
                };
                self.change(table, route, closed, now).await;
            }
            Answer::Works => {}
            Answer::Fails if message.probe => {
                let failed = |state: &RouteState| state.probe_failed(limits, unix_ms(now));
                self.change(table, route, failed, now).await;
            }
            Answer::Fails if in_a_row >= limits.failures as usize => {
                self.open(table, route, limits, now).await
            }
            Answer::Fails => {}
        }
    }

    async fn open(
        &self,
        table: &DynamoTable,
        route: &Route,
        limits: BreakerLimits,
        now: SystemTime,
    ) {
        let broken = |state: &RouteState| state.broken(limits, unix_ms(now));
        if self.change(table, route, broken, now).await {
            outcome::breaker_opened(&route.name);
        }
        self.entry(route, |known| known.failed.clear());
    }

    /// Changes a route's state, unless someone else did so meanwhile; whether it was changed.
    async fn change(
        &self,
        table: &DynamoTable,
        route: &Route,
        next: impl Fn(&RouteState) -> Option<RouteState>,
        now: SystemTime,
    ) -> bool {
        let Ok(stored) = self.read(table, route, now).await else {
            return false;
        };
        let Some(next) = next(&stored.state) else {
            return false;
        };
        let saved = table.save_route(&route.name, &stored, &next).await;
        match saved {
            Ok(Some(version)) => {
                let state = next;
                self.entry(route, |known| known.stored = StoredRoute { state, version });
                true
            }
            Ok(None) => false,
            Err(error) => {
                outcome::route_not_saved(&route.name, &error);
                false
            }
        }
    }

    /// The route's state from the table.
    async fn read(
        &self,
        table: &DynamoTable,
        route: &Route,
        now: SystemTime,
    ) -> Result<StoredRoute, AwsError> {
        let stored = table.route_state(&route.name).await?;
        self.entry(route, |known| {
            known.read_at = Some(now);
            known.stored = stored.clone();
        });
        Ok(stored)
    }

    /// The way of the route's events, if its state was read lately.
    fn known(&self, route: &Route, now: SystemTime) -> Option<Flow> {
        self.entry(route, |known| {
            let age = now.duration_since(known.read_at?).unwrap_or_default();
            (age < MAX_AGE).then(|| known.stored.state.flow())
        })
    }

    /// Counts an answer; the number of events that failed in a row.
    fn count(&self, route: &Route, message: &Message, answer: Answer, now: SystemTime) -> usize {
        self.entry(route, |known| {
            let age = |since: SystemTime| now.duration_since(since).unwrap_or_default();
            let goes_on = known.failing_since.is_some_and(|since| age(since) < STREAK);
            if answer == Answer::Works || !goes_on {
                known.failed.clear();
                known.failing_since = (answer == Answer::Fails).then_some(now);
            }
            if answer == Answer::Fails {
                known.failed.insert(message.event.key.clone());
            }
            known.failed.len()
        })
    }

    fn entry<T>(&self, route: &Route, change: impl FnOnce(&mut Known) -> T) -> T {
        change(self.lock().entry(route.name.clone()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
