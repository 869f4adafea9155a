//! The built-in providers: one file each in `providers/`, listed by the build.

use serde::Deserialize;
use toml::Table;
use toml::value::Datetime;

use crate::provider::Provider;
use crate::sample::Sample;

/// Name and file of every built-in provider, in the order of their names.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/providers.rs"));

/// The keys of a file that are the provider's definition.
const ROW: [&str; 3] = ["verify", "event", "handshakes"];

impl Provider {
    /// The built-in definition of a provider, or `None` when there is none.
    pub fn builtin(name: &str) -> Option<Provider> {
        Provider::from_table(Provider::builtin_table(name)?).ok()
    }

    /// Names of the built-in definitions, sorted.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|(name, _)| *name)
    }

    /// A built-in definition as a table: a start for your own definition.
    ///
    /// Only this one file is parsed, so that a cold start does not pay for the others.
    pub fn builtin_table(name: &str) -> Option<Table> {
        let mut file = file(name)?;
        file.retain(|key, _| ROW.contains(&key));
        Some(file)
    }
}

/// Facts about a built-in provider that its definition does not need.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The provider's own name.
    pub title: String,
    /// Link to the provider's page on signatures.
    pub docs: String,
    /// Link to the text that was read, where that is another page or a library.
    pub source: Option<String>,
    /// The day on which the definition was compared with the provider's own text.
    pub checked: Option<Datetime>,
    /// The source of the definition's facts.
    pub basis: Bases,
    /// Notes for a user who relies on the provider's scheme.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Sample events; the first is the default.
    pub samples: Vec<Sample>,
}

/// The source of a definition's facts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bases {
    /// Source of `verify`.
    pub verify: Basis,
    /// Source of `event` and `handshakes`.
    pub event: Basis,
}

/// Source of a fact, from the strongest to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The provider's own documentation, read on the day of [`About::checked`].
    Documentation,
    /// The source of the provider's own library, read on the day of [`About::checked`].
    Sdk,
    /// Notes or libraries of others that cite the provider.
    SecondHand,
    /// General knowledge: compare it with a real request before you rely on it.
    Unverified,
}

impl Basis {
    /// The word that a file has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Documentation => "documentation",
            Basis::Sdk => "sdk",
            Basis::SecondHand => "second-hand",
            Basis::Unverified => "unverified",
        }
    }
}

impl About {
    /// Facts about a built-in provider, or `None` when there is no such provider.
    pub fn provider(name: &str) -> Option<About> {
        let mut file = file(name)?;
        file.retain(|key, _| !ROW.contains(&key));
        file.try_into().ok()
    }
}

fn file(provider: &str) -> Option<Table> {
    let at = FILES
        .binary_search_by_key(&provider, |(name, _)| name)
        .ok()?;
    FILES.get(at)?.1.parse().ok()
}
