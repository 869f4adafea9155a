//! From the file's text to a [`Config`].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use wildmatch::WildMatch;

use super::route::{RawRetry, RawRoute, routes};
use super::source::without_value;
use crate::table::SHARDS;

use super::{
    Config, ConfigError, DEFAULT_RETENTION, DEFAULT_SECRETS_REFRESH, IngestOrder, SourceConfig,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    sources: BTreeMap<String, toml::Table>,
    #[serde(default)]
    routes: Vec<RawRoute>,
    retry: Option<RawRetry>,
    #[serde(default)]
    archive: RawArchive,
    #[serde(default)]
    secrets: RawSecrets,
    #[serde(default)]
    ingest: IngestOrder,
    outbox_shards: Option<u8>,
    #[serde(default)]
    fair_queue: bool,
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
        let sources =
            sources.map(|(name, table)| Ok((name.clone(), SourceConfig::parse(&name, table)?)));
        let sources = sources.collect::<Result<BTreeMap<_, _>, ConfigError>>()?;
        raw.ingest.check(&sources)?;
        for (index, route) in raw.routes.iter().enumerate() {
            has_source(index, route, &sources)?;
        }
        Ok(Config {
            routes: routes(&raw.routes, raw.retry.as_ref())?,
            sources,
            retention: retention(&raw.archive)?,
            secrets_refresh: secrets_refresh(&raw.secrets)?,
            outbox_shards: outbox_shards(raw.outbox_shards)?,
            fair_queue: raw.fair_queue,
            ingest: raw.ingest,
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

fn outbox_shards(raw: Option<u8>) -> Result<u8, ConfigError> {
    match raw.unwrap_or(SHARDS) {
        shards @ SHARDS.. => Ok(shards),
        _ => Err(ConfigError::at(
            "outbox_shards",
            format!("must be between {SHARDS} and 255"),
        )),
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

/// Rejects a route that no event can match, because its source is misspelt or gone.
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

/// The place and cause of an error, without the line itself: a secret may have been written there.
fn located(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", without_value(error))
}
