//! AWS's quotas and ramps, and the stack's own settings.

use std::collections::BTreeMap;

use hookgate::BoxError;
use serde::Deserialize;
use serde_yaml_ng::Value;

const LIMITS: &str = include_str!("../../limits.toml");
const TEMPLATE: &str = include_str!("../../../../template.yaml");

/// A quota or a ramp.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    value: f64,
    /// What is limited.
    pub(super) what: String,
    /// AWS's page that says so.
    pub(super) source: String,
}

/// All limits, by their names.
#[derive(Debug, Deserialize)]
pub(super) struct Limits {
    /// The day on which they were looked up.
    pub(super) date: String,
    #[serde(flatten)]
    rows: BTreeMap<String, Limit>,
}

impl Limits {
    pub(super) fn read() -> Result<Limits, BoxError> {
        Ok(toml::from_str(LIMITS)?)
    }

    /// A limit by its name.
    pub(super) fn of(&self, name: &str) -> Result<f64, BoxError> {
        let row = self.rows.get(name);
        let row = row.ok_or_else(|| format!("limits.toml has no {name}"))?;
        Ok(row.value)
    }

    /// The limits, in the order of their names.
    pub(super) fn rows(&self) -> impl Iterator<Item = (f64, &Limit)> {
        self.rows.values().map(|limit| (limit.value, limit))
    }
}

/// The default of a parameter of the template.
pub(super) fn parameter(name: &str) -> Result<f64, BoxError> {
    let template: Value = serde_yaml_ng::from_str(TEMPLATE)?;
    let default = template["Parameters"][name]["Default"].as_f64();
    Ok(default.ok_or_else(|| format!("the template has no number {name}"))?)
}
