//! From the file's text to a [`Config`].

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use hookgate_signature::{Audiences, Provider};
use serde::{Deserialize, Deserializer};
use wildmatch::WildMatch;

use super::{
    Config, ConfigError, DEFAULT_RETENTION, DEFAULT_SECRETS_REFRESH, SecretConfig, SecretRef,
    SourceConfig,
};
use crate::{MismatchPolicy, Route, Target};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    sources: BTreeMap<String, toml::Table>,
    #[serde(default)]
    routes: Vec<RawRoute>,
    #[serde(default)]
    archive: RawArchive,
    #[serde(default)]
    secrets: RawSecrets,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRoute {
    #[serde(default = "anything")]
    source: String,
    #[serde(default = "anything", rename = "type")]
    event_type: String,
    to: String,
}

fn anything() -> String {
    "*".to_owned()
}

#[derive(Default, Deserialize)]
#[serde(
    untagged,
    expecting = "archive is \"none\", or a table such as { retention_days = 30 }"
)]
enum RawArchive {
    #[default]
    Default,
    Word(NoArchive),
    Table(ArchiveTable),
}

#[derive(Deserialize)]
enum NoArchive {
    #[serde(rename = "none")]
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveTable {
    retention_days: u16,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSecrets {
    refresh_s: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    provider: Option<String>,
    #[serde(default)]
    secrets: Vec<RawSecret>,
    #[serde(default)]
    issuers: BTreeMap<String, Audiences>,
    variant: Option<String>,
    #[serde(default)]
    assume_utc: bool,
    tolerance_s: Option<u32>,
    #[serde(default)]
    leeway_s: u32,
    public_url: Option<String>,
    #[serde(default)]
    on_mismatch: MismatchPolicy,
    // The row's own tables; read together with the provider's.
    verify: Option<toml::Table>,
    event: Option<toml::Table>,
    handshakes: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a reference such as \"env:NAME\", or { from = \"env:NAME\", not_after = \"2026-12-31T00:00:00Z\" }"
)]
enum RawSecret {
    Reference(String),
    Expiring(ExpiringSecret),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpiringSecret {
    from: String,
    #[serde(default, deserialize_with = "rfc3339")]
    not_after: Option<SystemTime>,
}

fn rfc3339<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
    let text = String::deserialize(from)?;
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        serde::de::Error::custom("not_after is not a time such as 2026-12-31T00:00:00Z")
    })?;
    Ok(Some(time.into()))
}

impl Config {
    /// Reads a configuration's text.
    ///
    /// # Errors
    /// Names the first key that is unknown, missing or wrong, and says what to do.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let raw: RawConfig = toml::from_str(text)
            .map_err(|error| ConfigError::at("configuration", located(&error, text)))?;
        if raw.sources.is_empty() {
            return Err(ConfigError::at(
                "sources",
                "name at least one, as [sources.stripe]",
            ));
        }
        let sources = raw.sources.into_iter();
        let sources = sources.map(|(name, table)| Ok((name.clone(), source(&name, table)?)));
        let sources = sources.collect::<Result<BTreeMap<_, _>, ConfigError>>()?;
        let routes = raw.routes.iter().enumerate();
        let routes = routes.map(|(index, raw)| {
            has_source(index, raw, &sources)?;
            route(index, raw)
        });
        Ok(Config {
            routes: routes.collect::<Result<_, _>>()?,
            sources,
            retention: retention(&raw.archive)?,
            secrets_refresh: secrets_refresh(&raw.secrets)?,
        })
    }
}

fn retention(raw: &RawArchive) -> Result<Option<Duration>, ConfigError> {
    match raw {
        RawArchive::Default => Ok(Some(DEFAULT_RETENTION)),
        RawArchive::Word(NoArchive::None) => Ok(None),
        RawArchive::Table(ArchiveTable { retention_days: 0 }) => Err(ConfigError::at(
            "archive.retention_days",
            "must be at least 1; write archive = \"none\" to keep no payloads",
        )),
        RawArchive::Table(table) => Ok(Some(Duration::from_secs(
            u64::from(table.retention_days) * 24 * 3600,
        ))),
    }
}

fn secrets_refresh(raw: &RawSecrets) -> Result<Duration, ConfigError> {
    match raw.refresh_s {
        None => Ok(DEFAULT_SECRETS_REFRESH),
        Some(seconds) if (30..=86_400).contains(&seconds) => {
            Ok(Duration::from_secs(seconds.into()))
        }
        Some(_) => Err(ConfigError::at(
            "secrets.refresh_s",
            "must be 30 to 86400 seconds",
        )),
    }
}

/// Refuses a route that no event can take, as its source is misspelt or gone.
fn has_source(
    index: usize,
    raw: &RawRoute,
    sources: &BTreeMap<String, SourceConfig>,
) -> Result<(), ConfigError> {
    let pattern = WildMatch::new(&raw.source);
    if sources.keys().any(|source| pattern.matches(source)) {
        return Ok(());
    }
    let known: Vec<&str> = sources.keys().map(String::as_str).collect();
    Err(ConfigError::at(
        format!("routes[{index}].source"),
        format!(
            "no source matches `{}`; there are {}",
            raw.source,
            known.join(", ")
        ),
    ))
}

fn route(index: usize, raw: &RawRoute) -> Result<Route, ConfigError> {
    match raw.to.split_once(':') {
        Some(("handler", name)) if !name.is_empty() => Ok(Route::new(
            &raw.source,
            &raw.event_type,
            Target::Handler(name.to_owned()),
        )),
        _ => Err(ConfigError::at(
            format!("routes[{index}].to"),
            format!("`{}` is no target; write \"handler:NAME\"", raw.to),
        )),
    }
}

fn source(name: &str, table: toml::Table) -> Result<SourceConfig, ConfigError> {
    let at = |key: &str| format!("sources.{name}{key}");
    let well_named = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if !well_named {
        return Err(ConfigError::at(
            at(""),
            "a source's name is 1 to 64 of a-z, 0-9, - and _, because it is part of its URL",
        ));
    }
    let raw: RawSource = table
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::at(at(""), without_value(&error)))?;
    let row = row(name, &raw)?;
    if !row.uses_jwt() && raw.secrets.is_empty() {
        return Err(ConfigError::at(
            at(".secrets"),
            "is missing; list at least one, as [\"env:NAME\"]",
        ));
    }
    Ok(SourceConfig {
        row,
        provider: raw.provider,
        secrets: raw
            .secrets
            .into_iter()
            .enumerate()
            .map(|(index, raw)| secret(&at(&format!(".secrets[{index}]")), raw))
            .collect::<Result<_, _>>()?,
        issuers: raw.issuers,
        variant: raw.variant,
        assume_utc: raw.assume_utc,
        tolerance: raw.tolerance_s.map(|s| Duration::from_secs(s.into())),
        leeway: Duration::from_secs(raw.leeway_s.into()),
        public_url: raw.public_url,
        on_mismatch: raw.on_mismatch,
    })
}

/// The provider's row with the source's own `verify`, `event` and `handshakes` laid over it, key by key.
fn row(name: &str, raw: &RawSource) -> Result<Provider, ConfigError> {
    let mut table = match &raw.provider {
        Some(provider) => builtin(name, provider)?,
        None if raw.verify.is_some() => toml::Table::new(),
        None => {
            return Err(ConfigError::at(
                format!("sources.{name}"),
                "needs `provider`, or `verify` for a provider of your own",
            ));
        }
    };
    for (key, own) in [("verify", &raw.verify), ("event", &raw.event)] {
        if let Some(own) = own {
            lay_over(&mut table, key, toml::Value::Table(own.clone()));
        }
    }
    if let Some(handshakes) = &raw.handshakes {
        table.insert("handshakes".into(), handshakes.clone());
    }
    Provider::from_table(table).map_err(|error| {
        let key = format!("sources.{name}.{}", error.key);
        ConfigError::at(key, error.advice)
    })
}

/// Where a text is wrong, and why, without the line itself: a secret may have been written there.
fn located(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", without_value(error))
}

/// What is expected, without the text that was found instead.
fn without_value(error: &toml::de::Error) -> &str {
    let message = error.message();
    let found = ["invalid type: string", "invalid value: string"];
    let names_value = found.iter().any(|found| message.starts_with(found));
    match message.rfind(", expected ") {
        Some(start) if names_value => &message[start + 2..],
        _ => message,
    }
}

fn builtin(name: &str, provider: &str) -> Result<toml::Table, ConfigError> {
    Provider::builtin_table(provider).ok_or_else(|| {
        let known: Vec<&str> = Provider::builtin_names().collect();
        ConfigError::at(
            format!("sources.{name}.provider"),
            format!(
                "`{provider}` is not built in; known are {}; or write `verify` yourself",
                known.join(", ")
            ),
        )
    })
}

fn lay_over(table: &mut toml::Table, key: &str, own: toml::Value) {
    match (table.get_mut(key), own) {
        (Some(toml::Value::Table(below)), toml::Value::Table(own)) => {
            for (key, value) in own {
                lay_over(below, &key, value);
            }
        }
        (_, own) => {
            table.insert(key.to_owned(), own);
        }
    }
}

fn secret(key: &str, raw: RawSecret) -> Result<SecretConfig, ConfigError> {
    let (text, not_after) = match raw {
        RawSecret::Reference(text) => (text, None),
        RawSecret::Expiring(secret) => (secret.from, secret.not_after),
    };
    let reference = SecretRef::parse(&text).ok_or_else(|| {
        // The text is not repeated: somebody may have put the secret itself here.
        ConfigError::at(
            key,
            "is no reference; write \"env:NAME\", \"ssm:/path\" or \"secretsmanager:id\"",
        )
    })?;
    Ok(SecretConfig {
        reference,
        not_after,
    })
}
