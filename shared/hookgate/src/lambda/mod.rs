//! HTTP requests, responses and deadlines in Lambda's formats.

mod event;
mod response;

use std::time::{Duration, SystemTime};

pub use event::{BadRequest, Caller, HttpEvent};
pub use response::HttpResponse;

/// Time limit of an invocation whose deadline is not known.
const USUAL: Duration = Duration::from_secs(30);

/// The end of an invocation that begins `now`: what its context says, or 30 seconds later where that is a time
/// of 1970, as in cargo-lambda's emulator, which has no deadlines.
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
