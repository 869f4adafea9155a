//! The state of a route as pure decisions: paused, breaker open, releasing what was held.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::BreakerLimits;

/// The time after a resume for which processors may go on to hold messages: they look at a route's state every ten
/// seconds, and an invocation ends after thirty. A release ends later than that.
const LATE_HOLDS_MS: u64 = 120_000;

/// The time that a probe has until another one is sent.
const PROBE_MS: u64 = 120_000;

/// The number of messages that the first minute of a release sends.
const FIRST_RELEASE: u32 = 50;

/// The largest number of messages that a minute of a release sends.
const MAX_RELEASE: u32 = 20_000;

/// The state of a route. A route without one takes events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteState {
    /// The time at which an operator paused it, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_ms: Option<u64>,
    /// Its circuit breaker, while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// The release of what was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
}

/// A circuit breaker that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// The time at which it opened, in milliseconds since 1970.
    pub opened_ms: u64,
    /// The time of the next probe, in milliseconds since 1970.
    pub until_ms: u64,
    /// The wait before that probe, in milliseconds.
    pub wait_ms: u64,
    /// True while a probe is under way.
    pub probing: bool,
}

/// A release of the messages that were held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The number of messages of the next minute.
    pub count: u32,
    /// The time at which it began, in milliseconds since 1970.
    pub since_ms: u64,
}

/// The way of a route's events at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// They go to the target.
    Open,
    /// They are held, because an operator paused the route.
    Paused,
    /// They are held, because the circuit breaker is open.
    Broken,
}

impl RouteState {
    /// The way of the route's events.
    pub fn flow(&self) -> Flow {
        match (self.paused_ms, &self.breaker) {
            (Some(_), _) => Flow::Paused,
            (None, Some(_)) => Flow::Broken,
            (None, None) => Flow::Open,
        }
    }

    /// The state after an operator's pause.
    #[must_use]
    pub fn paused(self, now_ms: u64) -> RouteState {
        RouteState {
            paused_ms: self.paused_ms.or(Some(now_ms)),
            release: None,
            ..self
        }
    }

    /// The state after an operator's resume, which closes the breaker too: what was held is released.
    #[must_use]
    pub fn resumed(self, now_ms: u64) -> RouteState {
        match self.flow() {
            Flow::Open => self,
            Flow::Paused | Flow::Broken => RouteState::releasing(now_ms),
        }
    }

    /// The state that releases what was held. Closing a breaker always leads here, because a processor that does not
    /// know of it yet may go on to hold messages.
    pub fn releasing(now_ms: u64) -> RouteState {
        RouteState {
            release: Some(Release {
                count: FIRST_RELEASE,
                since_ms: now_ms,
            }),
            ..RouteState::default()
        }
    }

    /// The state after failures in a row; `None` if that changes nothing.
    pub fn broken(&self, limits: BreakerLimits, now_ms: u64) -> Option<RouteState> {
        (self.flow() == Flow::Open).then(|| RouteState {
            breaker: Some(Breaker {
                opened_ms: now_ms,
                until_ms: now_ms + ms(limits.first),
                wait_ms: ms(limits.first),
                probing: false,
            }),
            ..RouteState::default()
        })
    }

    /// The state before a probe is sent; `None` if it is not time for one. It says when the next one is due, should
    /// this one end without a word.
    pub fn probing(&self, now_ms: u64) -> Option<RouteState> {
        let breaker = self.breaker.as_ref();
        let due = breaker.filter(|breaker| breaker.until_ms <= now_ms && self.paused_ms.is_none());
        due.map(|breaker| RouteState {
            breaker: Some(Breaker {
                until_ms: now_ms + PROBE_MS,
                probing: true,
                ..breaker.clone()
            }),
            ..self.clone()
        })
    }

    /// The state after a probe that failed: the next one waits twice as long.
    pub fn probe_failed(&self, limits: BreakerLimits, now_ms: u64) -> Option<RouteState> {
        let probed = self.breaker.as_ref().filter(|breaker| breaker.probing);
        probed.map(|breaker| {
            let wait_ms = breaker.wait_ms.saturating_mul(2).min(ms(limits.max_wait));
            RouteState {
                breaker: Some(Breaker {
                    until_ms: now_ms + wait_ms,
                    wait_ms,
                    probing: false,
                    ..breaker.clone()
                }),
                ..self.clone()
            }
        })
    }

    /// The state after a minute of a release, which found so many messages. It ends with an empty minute, once no one
    /// can hold messages any more.
    #[must_use]
    pub fn released(&self, found: usize, now_ms: u64) -> RouteState {
        let release = self.release.and_then(|release| {
            let late = now_ms < release.since_ms + LATE_HOLDS_MS;
            (found > 0 || late).then(|| Release {
                count: if found > 0 {
                    release.count.saturating_mul(2).min(MAX_RELEASE)
                } else {
                    release.count
                },
                ..release
            })
        });
        RouteState {
            release,
            ..self.clone()
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_760_000_000_000;
    const LIMITS: BreakerLimits = BreakerLimits {
        failures: 5,
        first: Duration::from_secs(30),
        max_wait: Duration::from_secs(100),
    };

    fn open() -> RouteState {
        RouteState::default()
    }

    fn broken() -> RouteState {
        open().broken(LIMITS, NOW).expect("it opens")
    }

    #[test]
    fn a_breaker_opens_once_and_is_probed_after_its_wait_and_not_before() {
        let broken = broken();
        assert_eq!(broken.flow(), Flow::Broken);
        assert_eq!(broken.broken(LIMITS, NOW + 1), None);
        assert_eq!(broken.probing(NOW + 29_999), None);
        let probed = broken.probing(NOW + 30_000).expect("it is time");
        assert_eq!(probed.flow(), Flow::Broken);
        // Should nothing be heard of the probe, there is another.
        assert_eq!(probed.probing(NOW + 30_000 + PROBE_MS - 1), None);
        assert!(probed.probing(NOW + 30_000 + PROBE_MS).is_some());
    }

    #[test]
    fn each_probe_that_fails_doubles_the_wait_up_to_its_limit() {
        let mut state = broken();
        let mut now = NOW;
        let mut waits = Vec::new();
        for _ in 0..4 {
            let wait = state.breaker.as_ref().expect("it is open").wait_ms;
            waits.push(wait);
            now += wait;
            let probed = state.probing(now).expect("it is time");
            state = probed.probe_failed(LIMITS, now).expect("it was probed");
        }
        assert_eq!(waits, [30_000, 60_000, 100_000, 100_000]);
        assert_eq!(broken().probe_failed(LIMITS, NOW), None, "none was sent");
    }

    #[test]
    fn a_paused_route_holds_its_events_whatever_its_breaker_does_until_it_is_resumed() {
        let paused = broken().paused(NOW + 1);
        assert_eq!(paused.flow(), Flow::Paused);
        assert_eq!(paused.probing(NOW + 3_600_000), None);
        assert_eq!(paused.clone().paused(NOW + 2), paused, "a second pause");
        let resumed = paused.resumed(NOW + 5);
        assert_eq!(resumed, RouteState::releasing(NOW + 5));
        assert_eq!(resumed.flow(), Flow::Open);
    }

    #[test]
    fn a_resume_of_a_route_that_is_open_changes_nothing() {
        let releasing = RouteState::releasing(NOW);
        assert_eq!(releasing.clone().resumed(NOW + 9), releasing);
        assert_eq!(open().resumed(NOW), open());
    }

    #[test]
    fn a_release_doubles_and_ends_with_an_empty_minute_once_no_one_can_hold_messages() {
        let mut state = RouteState::releasing(NOW);
        let mut counts = Vec::new();
        for _ in 0..11 {
            let release = state.release.expect("it goes on");
            counts.push(release.count);
            state = state.released(release.count as usize, NOW);
        }
        assert_eq!(counts[..4], [50, 100, 200, 400]);
        assert_eq!(counts[10], MAX_RELEASE);
        let early = state.released(0, NOW + LATE_HOLDS_MS - 1);
        assert!(early.release.is_some(), "one may still be held");
        assert_eq!(early.released(0, NOW + LATE_HOLDS_MS), open());
    }

    #[test]
    fn a_release_ends_when_the_route_is_paused_or_fails_again() {
        let releasing = RouteState::releasing(NOW);
        assert_eq!(releasing.clone().paused(NOW).release, None);
        let broken = releasing.broken(LIMITS, NOW).expect("it opens");
        assert_eq!(broken.release, None);
    }
}
