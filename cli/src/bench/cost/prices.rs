//! AWS's prices, as `cli/prices.toml` has them.

use serde::Deserialize;

const TEXT: &str = include_str!("../../../prices.toml");

/// Each price, and the day they were looked up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) date: String,
    pub(super) http_api_request: Price,
    pub(super) lambda_request: Price,
    pub(super) lambda_gb_s_arm64: Price,
    pub(super) lambda_gb_s_x86_64: Price,
    pub(super) dynamodb_write: Price,
    pub(super) dynamodb_read: Price,
    pub(super) dynamodb_gb_month: Price,
    pub(super) dynamodb_backup_gb_month: Price,
    pub(super) sqs_request: Price,
    pub(super) s3_put: Price,
    pub(super) s3_get: Price,
    pub(super) s3_gb_month: Price,
    pub(super) logs_gb: Price,
    pub(super) metric_month: Price,
    pub(super) alarm_month: Price,
    pub(super) dashboard_month: Price,
}

/// So many dollars for so many of a thing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    dollars: f64,
    per: f64,
    #[expect(dead_code, reason = "for who reads the file")]
    what: String,
    #[expect(dead_code, reason = "for who reads the file")]
    source: String,
}

impl Prices {
    pub(super) fn read() -> Result<Prices, toml::de::Error> {
        toml::from_str(TEXT)
    }
}

impl Price {
    /// The dollars for so many.
    pub(super) fn of(&self, count: f64) -> f64 {
        count / self.per * self.dollars
    }
}
