use std::time::Duration;

/// The number of attempts after which the message goes to the dead-letter queue.
pub const MAX_ATTEMPTS: u32 = 8;

/// The longest wait between two attempts.
pub const MAX_BACKOFF: Duration = Duration::from_secs(900);

const FIRST_BACKOFF: Duration = Duration::from_secs(2);

/// The step after a transient failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again, no later than after this time.
    RetryWithin(Duration),
    /// Attempts are used up: to the dead-letter queue.
    GiveUp,
}

/// The longest wait before the attempt that follows failed attempt number `attempt` (1 is the first):
/// 2 s, doubled each time, at most 15 minutes.
///
/// The actual wait is drawn evenly between nothing and this ("full jitter"), which spreads a burst
/// best. Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
pub fn backoff_ceiling(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    (FIRST_BACKOFF * 2u32.pow(doublings)).min(MAX_BACKOFF)
}

/// Decides what follows failed attempt number `attempt` (1 is the first).
pub fn next_after_failure(attempt: u32) -> Next {
    if attempt >= MAX_ATTEMPTS {
        Next::GiveUp
    } else {
        Next::RetryWithin(backoff_ceiling(attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_two_seconds_to_fifteen_minutes() {
        let seconds: Vec<u64> = (1..=10).map(|n| backoff_ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900]);
        assert_eq!(backoff_ceiling(u32::MAX), MAX_BACKOFF);
    }

    #[test]
    fn the_eighth_failure_is_the_last() {
        assert_eq!(
            next_after_failure(7),
            Next::RetryWithin(Duration::from_secs(128))
        );
        assert_eq!(next_after_failure(8), Next::GiveUp);
        assert_eq!(next_after_failure(9), Next::GiveUp);
    }
}
