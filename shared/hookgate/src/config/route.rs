//! From the file's `[[routes]]` to [`Route`]s.

use std::collections::BTreeSet;
use std::time::Duration;

use hookgate_ledger::{RetryPolicy, Waits};
use jiff::{Span, SpanRelativeTo};
use serde::Deserialize;

use super::ConfigError;
use crate::Route;
use crate::route::BreakerLimits;

/// The longest time that retries may take: a message outlives it in neither queue nor ledger.
const MAX_ELAPSED: Duration = Duration::from_secs(10 * 24 * 3600);

/// The longest name of a route.
const MAX_NAME: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    name: Option<String>,
    #[serde(default = "anything")]
    pub(super) source: String,
    #[serde(default = "anything", rename = "type")]
    event_type: String,
    to: String,
    retry: Option<RawRetry>,
    #[serde(default)]
    breaker: RawBreaker,
}

fn anything() -> String {
    "*".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetry {
    attempts: Option<u32>,
    max_elapsed: Option<String>,
    first: Option<String>,
    max_wait: Option<String>,
    schedule: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(
    untagged,
    expecting = "breaker is \"off\", or a table such as { failures = 5, first = \"30s\", max_wait = \"15m\" }"
)]
enum RawBreaker {
    #[default]
    Default,
    Word(Off),
    Table(BreakerTable),
}

#[derive(Deserialize)]
enum Off {
    #[serde(rename = "off")]
    Off,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakerTable {
    failures: Option<u32>,
    first: Option<String>,
    max_wait: Option<String>,
}

/// The routes, each with a name of its own. `retry` is the file's default for routes without rules of their own.
///
/// # Errors
/// Names the first key that is wrong, and says what to do.
pub(super) fn routes(
    raw: &[RawRoute],
    retry: Option<&RawRetry>,
) -> Result<Vec<Route>, ConfigError> {
    let default = retry.map(|raw| retry_policy("retry", raw)).transpose()?;
    let default = default.unwrap_or_default();
    let mut names = BTreeSet::new();
    let routes = raw.iter().enumerate();
    let routes = routes.map(|(index, raw)| {
        let mut route = route(index, raw, &default)?;
        route.name = name(index, raw, route.name, &mut names)?;
        Ok(route)
    });
    routes.collect()
}

fn route(index: usize, raw: &RawRoute, default: &RetryPolicy) -> Result<Route, ConfigError> {
    let at = |key: &str| format!("routes[{index}].{key}");
    let is_target = raw
        .to
        .split_once(':')
        .is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty());
    if !is_target {
        let problem = format!(
            "`{}` is not a target; write one as \"handler:NAME\"",
            raw.to
        );
        return Err(ConfigError::at(at("to"), problem));
    }
    let mut route = Route::new(&raw.source, &raw.event_type, &raw.to);
    let retry = raw.retry.as_ref();
    let own = retry.map(|retry| retry_policy(&at("retry"), retry));
    route.retry = own.transpose()?.unwrap_or_else(|| default.clone());
    route.breaker = breaker(&at("breaker"), &raw.breaker)?;
    Ok(route)
}

/// The name of a route: its own, or its target's. Routes to one target are told apart by a number.
fn name(
    index: usize,
    raw: &RawRoute,
    default: String,
    names: &mut BTreeSet<String>,
) -> Result<String, ConfigError> {
    let Some(own) = &raw.name else {
        let default = sanitized(&default);
        let numbered = (2..).map(|number| format!("{default}-{number}"));
        let mut all = std::iter::once(default.clone()).chain(numbered);
        let free = all.find(|name| names.insert(name.clone()));
        return Ok(free.unwrap_or(default));
    };
    let wrong = |problem: &str| Err(ConfigError::at(format!("routes[{index}].name"), problem));
    if !is_name(own) {
        return wrong("must be 1 to 64 letters, digits, `.`, `-` or `_`");
    }
    if !names.insert(own.clone()) {
        return wrong("another route has this name; names must differ");
    }
    Ok(own.clone())
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.chars().all(is_in_name)
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// A target's name with what a route's name can hold.
fn sanitized(name: &str) -> String {
    let fitting = name.chars().map(|c| if is_in_name(c) { c } else { '-' });
    fitting.take(MAX_NAME - 4).collect()
}

fn retry_policy(at: &str, raw: &RawRetry) -> Result<RetryPolicy, ConfigError> {
    let default = RetryPolicy::default();
    let wrong = |key: &str, problem: &str| Err(ConfigError::at(format!("{at}.{key}"), problem));
    if raw.attempts == Some(0) {
        return wrong("attempts", "must be at least 1");
    }
    let time = |key: &str, text: &Option<String>| {
        let read = |text| duration(&format!("{at}.{key}"), text);
        text.as_deref().map(read).transpose()
    };
    let max_elapsed = time("max_elapsed", &raw.max_elapsed)?;
    let (first, max) = (time("first", &raw.first)?, time("max_wait", &raw.max_wait)?);
    let Some(schedule) = &raw.schedule else {
        let (first, max) = match default.waits {
            Waits::Doubling { first: f, max: m } => (first.unwrap_or(f), max.unwrap_or(m)),
            Waits::Schedule(_) => (first.unwrap_or_default(), max.unwrap_or_default()),
        };
        if first > max {
            return wrong("first", "must not be longer than max_wait");
        }
        return Ok(RetryPolicy {
            attempts: raw.attempts,
            max_elapsed: max_elapsed.or(default.max_elapsed),
            waits: Waits::Doubling { first, max },
        });
    };
    if first.is_some() || max.is_some() {
        return wrong("schedule", "lists every wait; remove first and max_wait");
    }
    let waits = schedule.iter().enumerate();
    let waits = waits.map(|(index, text)| duration(&format!("{at}.schedule[{index}]"), text));
    let waits = waits.collect::<Result<Vec<_>, _>>()?;
    if waits.iter().sum::<Duration>() > MAX_ELAPSED {
        return wrong("schedule", "must not take longer than 10 days");
    }
    Ok(RetryPolicy {
        attempts: raw.attempts,
        max_elapsed,
        waits: Waits::Schedule(waits),
    })
}

fn breaker(at: &str, raw: &RawBreaker) -> Result<Option<BreakerLimits>, ConfigError> {
    let default = BreakerLimits::default();
    let table = match raw {
        RawBreaker::Default => return Ok(Some(default)),
        RawBreaker::Word(Off::Off) => return Ok(None),
        RawBreaker::Table(table) => table,
    };
    let time = |key: &str, text: &Option<String>, default: Duration| match text {
        Some(text) => duration(&format!("{at}.{key}"), text),
        None => Ok(default),
    };
    let limits = BreakerLimits {
        failures: table.failures.unwrap_or(default.failures),
        first: time("first", &table.first, default.first)?,
        max_wait: time("max_wait", &table.max_wait, default.max_wait)?,
    };
    if limits.failures == 0 {
        let problem = "must be at least 1; write breaker = \"off\" for none";
        return Err(ConfigError::at(format!("{at}.failures"), problem));
    }
    if limits.first > limits.max_wait {
        let problem = "must not be longer than max_wait";
        return Err(ConfigError::at(format!("{at}.first"), problem));
    }
    Ok(Some(limits))
}

/// A time such as `2s`, `15m`, `24h` or `3d`.
fn duration(at: &str, text: &str) -> Result<Duration, ConfigError> {
    let span = text.parse::<Span>().ok();
    let read = span.and_then(|span| {
        let days = SpanRelativeTo::days_are_24_hours();
        Duration::try_from(span.to_duration(days).ok()?).ok()
    });
    match read {
        Some(duration) if !duration.is_zero() && duration <= MAX_ELAPSED => Ok(duration),
        Some(_) => Err(ConfigError::at(at, "must be over 0 and at most 10 days")),
        None => {
            let problem =
                format!("`{text}` is not a time; write one as \"2s\", \"15m\" or \"24h\"");
            Err(ConfigError::at(at, problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parsed(rest: &str) -> Result<Vec<Route>, String> {
        let text = format!("[sources.s]\nprovider = \"pakk\"\nsecrets = [\"env:S\"]\n{rest}");
        let config = Config::parse(&text).map_err(|error| error.to_string());
        Ok(config?.routes)
    }

    fn routed(keys: &str) -> Result<Route, String> {
        let routes = parsed(&format!("[[routes]]\nto = \"handler:log\"\n{keys}"));
        routes.map(|mut routes| routes.remove(0))
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_route_without_rules_retries_for_a_day_and_has_a_breaker() {
        let route = routed("").unwrap();
        assert_eq!(route.retry, RetryPolicy::default());
        assert_eq!(route.breaker, Some(BreakerLimits::default()));
        assert_eq!(route.name, "log");
    }

    #[test]
    fn every_rule_can_be_set() {
        let route = routed(
            "name = \"a.b\"\nretry = { attempts = 3, first = \"5s\", max_wait = \"30m\", max_elapsed = \"12h\" }\n\
             breaker = { failures = 10, first = \"1m\", max_wait = \"1h\" }",
        );
        let route = route.unwrap();
        assert_eq!(route.name, "a.b");
        let waits = Waits::Doubling {
            first: seconds(5),
            max: seconds(1800),
        };
        let expected = RetryPolicy {
            attempts: Some(3),
            max_elapsed: Some(seconds(12 * 3600)),
            waits,
        };
        assert_eq!(route.retry, expected);
        let limits = BreakerLimits {
            failures: 10,
            first: seconds(60),
            max_wait: seconds(3600),
        };
        assert_eq!(route.breaker, Some(limits));
        let off = routed("breaker = \"off\"").unwrap();
        assert_eq!(off.breaker, None);
    }

    #[test]
    fn a_schedule_is_the_whole_of_it() {
        let route = routed("retry = { schedule = [\"5s\", \"2h\"] }").unwrap();
        let expected = RetryPolicy {
            attempts: None,
            max_elapsed: None,
            waits: Waits::Schedule(vec![seconds(5), seconds(7200)]),
        };
        assert_eq!(route.retry, expected);
    }

    #[test]
    fn the_rules_of_the_file_are_for_routes_that_have_none() {
        let text = "retry = { attempts = 2 }\n[sources.s]\nprovider = \"pakk\"\nsecrets = [\"env:S\"]\n\
                    [[routes]]\nto = \"handler:log\"\n[[routes]]\nto = \"handler:log\"\nretry = { attempts = 7 }";
        let routes = Config::parse(text).unwrap().routes;
        let attempts: Vec<_> = routes.iter().map(|route| route.retry.attempts).collect();
        assert_eq!(attempts, [Some(2), Some(7)]);
        assert_eq!((&*routes[0].name, &*routes[1].name), ("log", "log-2"));
    }

    #[rustfmt::skip]
    #[test]
    fn a_wrong_rule_is_named_with_what_to_write() {
        for (keys, why) in [
            ("retry = { attempts = 0 }", "routes[0].retry.attempts: must be at least 1"),
            ("retry = { first = \"soon\" }", "routes[0].retry.first: `soon` is not a time; write one as \"2s\", \"15m\" or \"24h\""),
            ("retry = { max_elapsed = \"11d\" }", "routes[0].retry.max_elapsed: must be over 0 and at most 10 days"),
            ("retry = { first = \"0s\" }", "routes[0].retry.first: must be over 0 and at most 10 days"),
            ("retry = { first = \"2h\" }", "routes[0].retry.first: must not be longer than max_wait"),
            ("retry = { schedule = [\"5s\"], first = \"2s\" }", "routes[0].retry.schedule: lists every wait; remove first and max_wait"),
            ("retry = { schedule = [\"5s\", \"-1s\"] }", "routes[0].retry.schedule[1]: `-1s` is not a time; write one as \"2s\", \"15m\" or \"24h\""),
            ("retry = { schedule = [\"9d\", \"2d\"] }", "routes[0].retry.schedule: must not take longer than 10 days"),
            ("breaker = { failures = 0 }", "routes[0].breaker.failures: must be at least 1; write breaker = \"off\" for none"),
            ("breaker = { first = \"1h\" }", "routes[0].breaker.first: must not be longer than max_wait"),
            ("name = \"a b\"", "routes[0].name: must be 1 to 64 letters, digits, `.`, `-` or `_`"),
        ] {
            assert_eq!(routed(keys).err().as_deref(), Some(why), "{keys}");
        }
        let twice = parsed("[[routes]]\nto = \"handler:log\"\nname = \"a\"\n[[routes]]\nto = \"handler:log\"\nname = \"a\"");
        assert_eq!(twice.err().as_deref(), Some("routes[1].name: another route has this name; names must differ"));
    }
}
