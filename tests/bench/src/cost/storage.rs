//! The items that events leave in the table, and for how long.

use std::collections::HashMap;
use std::time::SystemTime;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, GlobalSecondaryIndexDescription, ProjectionType};
use hookgate::{BoxError, unix_ms};

/// DynamoDB's own share of each item, and of each entry of an index.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
const OVERHEAD_BYTES: u64 = 100;

/// The days after which an expired item is deleted, and is charged for until then: usually one or two.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>
pub(super) const DELETION_DAYS: f64 = 1.0;

/// The days of a month that is charged for.
pub(super) const MONTH_DAYS: f64 = 30.0;

/// The attribute with the time at which an item expires.
const EXPIRES: &str = "exp";

type Item = HashMap<String, AttributeValue>;

/// Bytes, times the months for which they are stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stored {
    /// In the table.
    pub(super) table: f64,
    /// In its indexes, which are not backed up.
    pub(super) indexes: f64,
}

impl Stored {
    /// Adds up all items of a table, as they are at `now`.
    pub(super) async fn count(
        client: &Client,
        table: &str,
        now: SystemTime,
    ) -> Result<Stored, BoxError> {
        let described = client.describe_table().table_name(table).send().await?;
        let described = described.table.ok_or("the table has no description")?;
        let indexes = described.global_secondary_indexes.unwrap_or_default();
        let items = client.scan().table_name(table).into_paginator().items();
        let mut items = items.send();
        let mut stored = Stored::default();
        while let Some(item) = items.next().await {
            let item = item?;
            let months = months(&item, now);
            stored.table += bytes(&item) as f64 * months;
            let entries = indexes.iter().filter_map(|index| entry(index, &item));
            stored.indexes += entries.sum::<u64>() as f64 * months;
        }
        Ok(stored)
    }
}

/// The months until an item is deleted; one month if it does not expire.
fn months(item: &Item, now: SystemTime) -> f64 {
    let expires = item.get(EXPIRES).and_then(|value| value.as_n().ok());
    let Some(expires) = expires.and_then(|digits| digits.parse::<f64>().ok()) else {
        return 1.0;
    };
    let days = (expires - unix_ms(now) as f64 / 1000.0) / 86_400.0;
    (days.max(0.0) + DELETION_DAYS) / MONTH_DAYS
}

/// The size of an item's entry in an index; `None` if it has none.
fn entry(index: &GlobalSecondaryIndexDescription, item: &Item) -> Option<u64> {
    let keys = index.key_schema().iter().map(|key| key.attribute_name());
    let in_index = keys.clone().all(|key| item.contains_key(key));
    let projection = index.projection()?;
    let all = projection.projection_type() == Some(&ProjectionType::All);
    let named = projection.non_key_attributes().iter().map(String::as_str);
    let copied: Vec<&str> = keys.chain(["pk", "sk"]).chain(named).collect();
    let attributes = item
        .iter()
        .filter(|(name, _)| all || copied.contains(&name.as_str()));
    let size: u64 = attributes.map(attribute).sum();
    in_index.then_some(size + OVERHEAD_BYTES)
}

/// The size of an item: names and values, and the overhead.
fn bytes(item: &Item) -> u64 {
    item.iter().map(attribute).sum::<u64>() + OVERHEAD_BYTES
}

fn attribute((name, value): (&String, &AttributeValue)) -> u64 {
    name.len() as u64 + size(value)
}

fn size(value: &AttributeValue) -> u64 {
    match value {
        AttributeValue::S(text) => text.len() as u64,
        AttributeValue::N(digits) => digits.len().div_ceil(2) as u64 + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len() as u64,
        AttributeValue::L(list) => 3 + list.iter().map(size).sum::<u64>(),
        AttributeValue::M(map) => 3 + map.iter().map(attribute).sum::<u64>(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn an_item_is_paid_for_until_a_day_after_it_expires() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let in_29_days = (1_000_000 + 29 * 86_400).to_string();
        let item = |expires| Item::from([(EXPIRES.to_owned(), AttributeValue::N(expires))]);
        assert_eq!(months(&item(in_29_days), now), 1.0);
        assert_eq!(
            months(&item("7".to_owned()), now),
            DELETION_DAYS / MONTH_DAYS
        );
        assert_eq!(months(&Item::new(), now), 1.0);
    }
}
