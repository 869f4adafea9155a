//! Reading, checking and writing timestamps.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::error::Reason;
use crate::scheme::TimeFormat;

/// The last second of the year 9999: what RFC 3339 can write.
const MAX_UNIX_S: u64 = 253_402_300_799;

/// A time of signing: its text, which is what is signed, and the time that the text says.
#[derive(Debug)]
pub(crate) struct SignedTime<'a> {
    pub(crate) text: Cow<'a, [u8]>,
    pub(crate) at: SystemTime,
}

/// The distance of a time from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drift {
    Past(Duration),
    Ahead(Duration),
}

impl SignedTime<'_> {
    /// True for a timestamp without a zone, which ends wherever its digits end.
    pub(crate) fn is_open_ended(&self) -> bool {
        let start = self.text.iter().position(|byte| *byte == b'T');
        let time = start.and_then(|start| self.text.get(start..));
        time.is_some_and(|time| !time.iter().any(|byte| matches!(byte, b'Z' | b'+' | b'-')))
    }

    pub(crate) fn drift(&self, now: SystemTime) -> Drift {
        match now.duration_since(self.at) {
            Ok(age) => Drift::Past(age),
            Err(ahead) => Drift::Ahead(ahead.duration()),
        }
    }
}

impl Drift {
    /// Rejects a time that is too far away, either way; the bound itself is still near enough.
    pub(crate) fn check(self, tolerance: Duration) -> Result<(), Reason> {
        match self {
            Drift::Past(age) if age > tolerance => Err(Reason::TimestampTooOld),
            Drift::Ahead(ahead) if ahead > tolerance => Err(Reason::TimestampInFuture),
            _ => Ok(()),
        }
    }
}

/// The time that a timestamp's text says.
pub(crate) fn parse(
    text: &[u8],
    formats: &[TimeFormat],
    assume_utc: bool,
) -> Result<SystemTime, Reason> {
    let text = std::str::from_utf8(text).map_err(|_| Reason::MalformedTimestamp)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    formats
        .iter()
        .find_map(|format| match format {
            TimeFormat::Unix if digits => unix(text).map(Duration::from_secs),
            TimeFormat::UnixMs if digits => unix(text).map(Duration::from_millis),
            TimeFormat::Iso8601 if !digits => iso8601(text, assume_utc),
            _ => None,
        })
        .filter(|since| since.as_secs() <= MAX_UNIX_S)
        .and_then(|since| UNIX_EPOCH.checked_add(since))
        .ok_or(Reason::MalformedTimestamp)
}

/// Decimal digits without a leading zero.
fn unix(text: &str) -> Option<u64> {
    match text.as_bytes() {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => text.parse().ok(),
        _ => None,
    }
}

/// The profile of RFC 3339: `YYYY-MM-DDTHH:MM:SS`, up to nine digits of a fraction, and `Z` or an offset.
fn iso8601(text: &str, assume_utc: bool) -> Option<Duration> {
    let (date, time) = text.split_once('T')?;
    let (time, offset) = split_zone(time, assume_utc)?;
    let (time, nanos) = match time.split_once('.') {
        Some((time, fraction)) => (time, nanoseconds(fraction)?),
        None => (time, 0),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let small = |number: i16| i8::try_from(number).ok();
    let civil = DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        nanos,
    );
    let timestamp = offset.to_timestamp(civil.ok()?).ok()?;
    Duration::try_from(timestamp.as_duration()).ok()
}

fn split_zone(time: &str, assume_utc: bool) -> Option<(&str, Offset)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, Offset::UTC));
    }
    let Some(at) = time.find(['+', '-']) else {
        return assume_utc.then_some((time, Offset::UTC));
    };
    let (time, zone) = time.split_at(at);
    let [hours, minutes] = numbers(zone.get(1..)?, ':', [2, 2])?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    let signed = if zone.starts_with('-') {
        -seconds
    } else {
        seconds
    };
    Some((time, Offset::from_seconds(signed).ok()?))
}

fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i16; N]> {
    let mut items = text.split(separator);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let item = items.next()?;
        if item.len() != digits || !item.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = item.parse().ok()?;
    }
    items.next().is_none().then_some(numbers)
}

fn nanoseconds(fraction: &str) -> Option<i32> {
    let digits =
        (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return None;
    }
    format!("{fraction:0<9}").parse().ok()
}

/// The text of a time, or `None` when the format cannot say it.
pub(crate) fn write(time: SystemTime, format: TimeFormat) -> Option<String> {
    let since = time
        .duration_since(UNIX_EPOCH)
        .ok()
        .filter(|since| since.as_secs() <= MAX_UNIX_S)?;
    match format {
        TimeFormat::Unix => Some(since.as_secs().to_string()),
        TimeFormat::UnixMs => Some(since.as_millis().to_string()),
        TimeFormat::Iso8601 => {
            let seconds = i64::try_from(since.as_secs()).ok()?;
            Some(jiff::Timestamp::from_second(seconds).ok()?.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, format: TimeFormat) -> Option<u128> {
        let time = parse(text.as_bytes(), &[format], false).ok()?;
        Some(time.duration_since(UNIX_EPOCH).unwrap().as_millis())
    }

    #[test]
    fn unix_time_is_digits_and_nothing_else() {
        assert_eq!(at("1760000000", TimeFormat::Unix), Some(1_760_000_000_000));
        assert_eq!(
            at("1760000000123", TimeFormat::UnixMs),
            Some(1_760_000_000_123)
        );
        for text in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "1.0",
            "1e9",
            "0x1",
            " 1",
            "NaN",
            "99999999999999999999",
            "253402300800",
            "١",
        ] {
            assert_eq!(at(text, TimeFormat::Unix), None, "{text}");
        }
    }

    #[test]
    fn iso_time_needs_seconds_and_a_zone() {
        assert_eq!(
            at("2025-10-09T08:53:20Z", TimeFormat::Iso8601),
            Some(1_760_000_000_000)
        );
        assert_eq!(
            at("2025-10-09T10:53:20.5+02:00", TimeFormat::Iso8601),
            Some(1_760_000_000_500)
        );
        assert_eq!(
            at("2025-10-09T06:23:20-02:30", TimeFormat::Iso8601),
            Some(1_760_000_000_000)
        );
        for text in [
            "2025-10-09T08:53:20",
            "2025-10-09 08:53:20Z",
            "20251009T085320Z",
            "2025-10-09",
            "2025-13-09T08:53:20Z",
            "2025-02-30T08:53:20Z",
            "2025-10-09T08:53Z",
            "2025-10-09T08:53:60Z",
            "2025-10-09T24:00:00Z",
            "2025-10-09T08:53:20,5Z",
            "2025-10-09T08:53:20.Z",
            "2025-10-09T08:53:20.1234567890Z",
            "2025-10-09T08:53:20+2:00",
            "2025-10-09T08:53:20+24:00",
            "2025-10-09T08:53:20ZZ",
            "2025-10-09t08:53:20z",
            "1960-01-01T00:00:00Z",
            "-2025-10-09T08:53:20Z",
            "2025-10-09T08:53:20Z\n",
        ] {
            assert_eq!(at(text, TimeFormat::Iso8601), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let time = UNIX_EPOCH + Duration::from_secs(1_760_000_000);
        for format in [TimeFormat::Unix, TimeFormat::UnixMs, TimeFormat::Iso8601] {
            let text = write(time, format).unwrap();
            assert_eq!(parse(text.as_bytes(), &[format], false), Ok(time), "{text}");
        }
    }
}
