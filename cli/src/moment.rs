use hookgate::system_now;
use jiff::{SignedDuration, Timestamp};

/// Reads a time: RFC 3339, or how long ago in minutes, hours or days (`30m`, `2h`, `7d`). RFC 3339.
pub(crate) fn moment(text: &str) -> Result<String, String> {
    let now = Timestamp::try_from(system_now()).map_err(|error| error.to_string())?;
    at(text, now).ok_or_else(|| {
        "write a time as 2026-01-31T12:00:00Z, or as 30m, 2h, 7d for so long ago".to_owned()
    })
}

fn at(text: &str, now: Timestamp) -> Option<String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.to_string());
    }
    let unit = text.chars().last()?;
    let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        _ => return None,
    };
    let ago = SignedDuration::from_mins(i64::from(count) * minutes);
    Some(now.checked_sub(ago).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_or_so_long_ago() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let at = |text| at(text, now);
        assert_eq!(at("90m").as_deref(), Some("2026-03-01T10:30:00Z"));
        assert_eq!(at("2h").as_deref(), Some("2026-03-01T10:00:00Z"));
        assert_eq!(at("1d").as_deref(), Some("2026-02-28T12:00:00Z"));
        assert_eq!(
            at("2026-01-31T12:00:00+01:00").as_deref(),
            Some("2026-01-31T11:00:00Z")
        );
        for wrong in [
            "",
            "h",
            "2",
            "2w",
            "-2h",
            "yesterday",
            "4294967295d",
            "7\u{e9}",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
