use std::time::{Duration, SystemTime};

/// How long an invocation may take whose deadline nobody knows.
const USUAL: Duration = Duration::from_secs(30);

/// When an invocation ends that begins `now`: when its context says, or 30 seconds later where that is a time
/// of 1970, as cargo-lambda's emulator says, which has no deadlines.
pub fn deadline(said: SystemTime, now: SystemTime) -> SystemTime {
    let year = Duration::from_secs(365 * 24 * 3600);
    if said < SystemTime::UNIX_EPOCH + year {
        now + USUAL
    } else {
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_deadline_of_1970_is_none() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let soon = Duration::from_millis(1);
        for said in [now + soon, now, now - soon] {
            assert_eq!(deadline(said, now), said);
        }
        let emulators = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
        assert_eq!(deadline(emulators, now), now + USUAL);
    }
}
