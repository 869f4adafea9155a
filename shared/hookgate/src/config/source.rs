//! One source's table: `[sources.NAME]`.

use std::num::NonZeroU32;

use hookgate_signature::{Options, Provider};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ConfigError, SecretConfig};

/// The response when an event id comes again with another body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MismatchPolicy {
    /// Answer as for a duplicate: the first body counts.
    #[default]
    SameIdWins,
    /// Answer 409.
    Reject,
}

/// The requests that the HTTP API passes on to ingest for one source; it answers 429 beyond them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Requests a second, on average.
    pub rate: NonZeroU32,
    /// Requests in a burst.
    pub burst: NonZeroU32,
}

/// One source, not yet with its secrets.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// The name of the built-in provider, where the source names one.
    pub builtin: Option<String>,
    /// The provider, with the user's changes.
    pub provider: Provider,
    /// References to its secrets; the first signs, all verify.
    pub secrets: Vec<SecretConfig>,
    /// The settings of its checks. The secrets themselves are not in it yet.
    pub options: Options,
    /// The response when an id comes again with another body.
    pub on_mismatch: MismatchPolicy,
    /// Its own throttle; with `None`, that of the stack's parameters. The template has it, ingest does not.
    pub throttle: Option<Throttle>,
}

/// The keys of a source that are its own. Every other key is one of the [`Options`].
#[derive(Deserialize)]
struct Written {
    provider: Option<String>,
    #[serde(default)]
    secrets: Vec<SecretConfig>,
    #[serde(default)]
    on_mismatch: MismatchPolicy,
    throttle: Option<Throttle>,
    // The definition's own tables; read together with the provider's.
    verify: Option<toml::Table>,
    event: Option<toml::Table>,
    handshakes: Option<toml::Value>,
    #[serde(flatten)]
    options: toml::Table,
}

/// As in [`Written`], for the message about a key that is neither here nor there.
const OWN_KEYS: &str =
    "`provider`, `secrets`, `on_mismatch`, `throttle`, `verify`, `event`, `handshakes`";

impl SourceConfig {
    pub(super) fn parse(name: &str, table: toml::Table) -> Result<SourceConfig, ConfigError> {
        let source = check_name(name).and_then(|()| from_table(table));
        source.map_err(|error| error.within(&format!("sources.{name}")))
    }
}

fn check_name(name: &str) -> Result<(), ConfigError> {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(ConfigError::at(
        "",
        "a source's name is 1 to 64 of a-z, 0-9, - and _, because it is part of its URL",
    ))
}

fn from_table(table: toml::Table) -> Result<SourceConfig, ConfigError> {
    let mut written: Written = read(table)?;
    // First, because a misspelled `provider` is among them.
    let options: Options = read(std::mem::take(&mut written.options))?;
    let provider = provider(&written)?;
    if !provider.uses_jwt() && written.secrets.is_empty() {
        return Err(ConfigError::at(
            "secrets",
            "is missing; list at least one, as [\"env:NAME\"]",
        ));
    }
    if provider.uses_jwt() && options.issuers.is_empty() {
        return Err(ConfigError::at(
            "issuers",
            "is missing; name the issuers to trust, as { \"https://issuer\" = [\"audience\"] }",
        ));
    }
    Ok(SourceConfig {
        builtin: written.provider,
        provider,
        secrets: written.secrets,
        options,
        on_mismatch: written.on_mismatch,
        throttle: written.throttle,
    })
}

/// Reads a table; an error names its key.
fn read<T: DeserializeOwned>(table: toml::Table) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
        let key = match error.path().iter().next() {
            None => String::new(),
            Some(_) => error.path().to_string(),
        };
        let problem = without_value(error.inner());
        if !problem.starts_with("unknown field") {
            return ConfigError::at(key, problem);
        }
        let expected = format!("expected one of {OWN_KEYS}, ");
        ConfigError::at(key, problem.replace("expected one of ", &expected))
    })
}

/// The built-in provider with the source's own `verify`, `event` and `handshakes` laid over it, key by key.
fn provider(written: &Written) -> Result<Provider, ConfigError> {
    let mut table = match &written.provider {
        Some(name) => builtin(name)?,
        None if written.verify.is_some() => toml::Table::new(),
        None => {
            return Err(ConfigError::at(
                "",
                "needs `provider`, or `verify` for a provider of your own",
            ));
        }
    };
    for (key, own) in [("verify", &written.verify), ("event", &written.event)] {
        if let Some(own) = own {
            lay_over(&mut table, key, toml::Value::Table(own.clone()));
        }
    }
    if let Some(handshakes) = &written.handshakes {
        table.insert("handshakes".into(), handshakes.clone());
    }
    Provider::from_table(table)
}

fn builtin(name: &str) -> Result<toml::Table, ConfigError> {
    Provider::builtin_table(name).ok_or_else(|| {
        ConfigError::at(
            "provider",
            format!(
                "`{name}` is not built in; `hookgate providers` lists those that are, or write `verify` yourself"
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

/// The message of an error, without the text that was found.
pub(super) fn without_value(error: &toml::de::Error) -> &str {
    let message = error.message();
    let found = ["invalid type: string", "invalid value: string"];
    let names_value = found.iter().any(|found| message.starts_with(found));
    match message.rfind(", expected ") {
        Some(start) if names_value => &message[start + 2..],
        _ => message,
    }
}
