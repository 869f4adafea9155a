//! AWS's prices, from `prices.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

const TEXT: &str = include_str!("../../prices.toml");

/// The date of a price that was found in no publication with a date.
const UNKNOWN: &str = "unknown";

/// Each price.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) http_api_request: Price,
    pub(super) alb_hour: Price,
    pub(super) alb_lcu_hour: Price,
    pub(super) public_ipv4_hour: Price,
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

/// The dollars for a number of things.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    dollars: f64,
    per: f64,
    #[expect(dead_code, reason = "for who reads the file")]
    what: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "for who reads the file"))]
    source: String,
    date: String,
}

/// The age of the prices: the first and last day that one was found, and the rows that have no day.
#[derive(Debug, PartialEq)]
pub(super) struct Age {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) undated: Vec<String>,
}

impl Prices {
    pub(super) fn read() -> Result<Prices, toml::de::Error> {
        toml::from_str(TEXT)
    }

    pub(super) fn age() -> Result<Age, toml::de::Error> {
        let rows: BTreeMap<String, Price> = toml::from_str(TEXT)?;
        let (undated, dated): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(_, row)| row.date == UNKNOWN);
        let days = || dated.iter().map(|(_, row)| row.date.clone());
        Ok(Age {
            from: days().min().unwrap_or_default(),
            to: days().max().unwrap_or_default(),
            undated: undated.into_iter().map(|(name, _)| name).collect(),
        })
    }
}

impl Price {
    /// The dollars for so many.
    pub(super) fn of(&self, count: f64) -> f64 {
        count / self.per * self.dollars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_has_a_page_of_aws_and_a_day_or_says_that_it_has_none() {
        Prices::read().expect("every price that is computed with");
        let rows: BTreeMap<String, Price> = toml::from_str(TEXT).expect("rows");
        for (name, row) in rows {
            assert!(row.dollars > 0.0 && row.per >= 1.0, "{name}");
            assert!(row.source.starts_with("https://aws.amazon.com/"), "{name}");
            let day = row.date.parse::<jiff::civil::Date>();
            assert!(row.date == UNKNOWN || day.is_ok(), "{name}: {}", row.date);
        }
    }

    #[test]
    fn a_price_is_for_so_many() {
        let prices = Prices::read().expect("prices");
        assert_eq!(prices.sqs_request.of(2_500_000.0), 1.0);
    }
}
