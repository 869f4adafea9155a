use std::time::Duration;

/// A route's rules for attempts that fail and may succeed later.
///
/// The default rides out a night's outage: it doubles from two seconds to an hour, for a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The number of attempts after which an event is given up; `None` if only time decides.
    pub attempts: Option<u32>,
    /// The time after the first failure at which a further one is the last; `None` if only the attempts decide.
    pub max_elapsed: Option<Duration>,
    /// The waits between the attempts.
    pub waits: Waits,
}

/// The waits between the attempts at an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Doubled after each failure.
    Doubling {
        /// The longest first wait.
        first: Duration,
        /// The longest wait.
        max: Duration,
    },
    /// One after another, as listed; after the last, an event is given up.
    Schedule(Vec<Duration>),
}

/// The limits between which a wait is drawn evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

/// The step after a failure that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after a wait.
    Retry(Wait),
    /// Attempts or time are used up: to the dead-letter queue.
    GiveUp,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            attempts: None,
            max_elapsed: Some(Duration::from_secs(24 * 3600)),
            waits: Waits::default(),
        }
    }
}

impl Default for Waits {
    fn default() -> Waits {
        Waits::Doubling {
            first: Duration::from_secs(2),
            max: Duration::from_secs(3600),
        }
    }
}

impl RetryPolicy {
    /// Decides what follows failed attempt number `attempt` (1 is the first), so long after the first failure.
    pub fn next(&self, attempt: u32, elapsed: Duration) -> Next {
        let used_up = self.attempts.is_some_and(|most| attempt >= most)
            || self.max_elapsed.is_some_and(|most| elapsed >= most);
        match self.waits.after(attempt) {
            Some(wait) if !used_up => Next::Retry(wait),
            _ => Next::GiveUp,
        }
    }
}

impl Waits {
    /// The wait after failed attempt number `attempt` (1 is the first); `None` after the last of a schedule.
    ///
    /// A doubled wait is drawn from nothing to its ceiling ("full jitter"), which spreads a burst best; a listed one
    /// may be a fifth shorter or longer.
    /// Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
    pub fn after(&self, attempt: u32) -> Option<Wait> {
        let before = attempt.saturating_sub(1);
        match self {
            Waits::Doubling { first, max } => Some(Wait {
                least: Duration::ZERO,
                most: first.saturating_mul(2u32.saturating_pow(before)).min(*max),
            }),
            Waits::Schedule(waits) => {
                let wait = *waits.get(usize::try_from(before).ok()?)?;
                Some(Wait {
                    least: wait.mul_f64(0.8),
                    most: wait.mul_f64(1.2),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const MOMENT: Duration = Duration::from_millis(1);

    fn up_to(seconds: u64) -> Next {
        Next::Retry(Wait {
            least: Duration::ZERO,
            most: Duration::from_secs(seconds),
        })
    }

    #[test]
    fn by_default_waits_double_from_two_seconds_to_an_hour() {
        let policy = RetryPolicy::default();
        let waits = (1..=13).map(|attempt| policy.next(attempt, Duration::ZERO));
        let doubled = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600];
        assert_eq!(waits.collect::<Vec<_>>(), doubled.map(up_to));
        assert_eq!(policy.next(u32::MAX, Duration::ZERO), up_to(3600));
    }

    #[test]
    fn by_default_a_failure_a_day_after_the_first_is_the_last() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.next(40, DAY - MOMENT), up_to(3600));
        assert_eq!(policy.next(40, DAY), Next::GiveUp);
    }

    #[test]
    fn a_number_of_attempts_is_a_limit_of_its_own() {
        let policy = RetryPolicy {
            attempts: Some(3),
            max_elapsed: None,
            ..RetryPolicy::default()
        };
        assert_eq!(policy.next(2, DAY * 9), up_to(4));
        assert_eq!(policy.next(3, Duration::ZERO), Next::GiveUp);
        assert_eq!(policy.next(4, Duration::ZERO), Next::GiveUp);
    }

    #[test]
    fn a_schedule_is_followed_within_a_fifth_and_then_ends() {
        let policy = RetryPolicy {
            attempts: None,
            max_elapsed: None,
            waits: Waits::Schedule(vec![Duration::from_secs(5), Duration::from_secs(300)]),
        };
        let between = |least, most| {
            Next::Retry(Wait {
                least: Duration::from_secs(least),
                most: Duration::from_secs(most),
            })
        };
        assert_eq!(policy.next(1, Duration::ZERO), between(4, 6));
        assert_eq!(policy.next(2, DAY), between(240, 360));
        assert_eq!(policy.next(3, Duration::ZERO), Next::GiveUp);
    }
}
