//! A range of events, page by page, through the index of payloads: day by day, part by part.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::EventKey;
use crate::operators::{EventRange, Page, Place};
use crate::ports::PortError;
use jiff::civil::Date;

use crate::attributes::{Attributes, s, text};
use crate::event::archive::PAYLOAD;
use crate::event::list::summary;
use crate::table::{DynamoTable, INDEX, INDEX_PK, INDEX_SK, PK, SHARDS, SK, day};

/// How many events are looked at a page, at most: what DynamoDB takes in one batch.
const MAX_PAGE: u32 = 100;

impl DynamoTable {
    pub(crate) async fn page_of(
        &self,
        range: &EventRange,
        from: Option<&Place>,
        limit: u32,
    ) -> Result<Page, PortError> {
        let start = || Place {
            day: day(time(range.since_ms)),
            shard: 0,
            after: None,
        };
        let place = from.cloned().unwrap_or_else(start);
        let limit = limit.clamp(1, MAX_PAGE);
        let (keys, after) = self.index_page(range, &place, limit).await?;
        let next = match after {
            Some(after) => Some(Place {
                after: Some(after),
                ..place
            }),
            None => following(&place, range),
        };
        if keys.is_empty() {
            return Ok(Page {
                events: Vec::new(),
                next,
            });
        }
        let items = self.ledger_items(&keys).await?;
        let summaries: HashMap<String, _> = items
            .iter()
            .filter_map(summary)
            .map(|event| (event.key.clone(), event))
            .collect();
        let admitted = keys
            .iter()
            .filter_map(|key| summaries.get(key))
            .filter(|event| range.filter.admits(event))
            .filter_map(|event| Some((EventKey::parse(&event.key)?, event.epoch)));
        Ok(Page {
            events: admitted.collect(),
            next,
        })
    }

    /// The next keys of one part of the index, and the place after them where there may be more.
    async fn index_page(
        &self,
        range: &EventRange,
        place: &Place,
        limit: u32,
    ) -> Result<(Vec<String>, Option<(String, String)>), PortError> {
        let partition = format!("{}#{}#{}", range.source, place.day, place.shard);
        let time = |ms: u64| s(format!("{ms:013}"));
        let after = place.after.as_ref().map(|(received, key)| {
            Attributes::from([
                (INDEX_PK.to_owned(), s(&partition)),
                (INDEX_SK.to_owned(), s(received)),
                (PK.to_owned(), s(key)),
                (SK.to_owned(), s(PAYLOAD)),
            ])
        });
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk AND gsk BETWEEN :since AND :until")
            .expression_attribute_values(":gpk", s(&partition))
            .expression_attribute_values(":since", time(range.since_ms))
            .expression_attribute_values(":until", time(range.until_ms))
            .set_exclusive_start_key(after)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| PortError::new("read the range", error.into_service_error()))?;
        let after = page.last_evaluated_key.as_ref().and_then(|last| {
            let part = |name| text(last, name).map(str::to_owned);
            Some((part(INDEX_SK)?, part(PK)?))
        });
        let items = page.items.unwrap_or_default();
        let keys = items.iter().filter_map(|item| text(item, PK));
        Ok((keys.map(str::to_owned).collect(), after))
    }
}

/// The start of the next part; `None` after the range's last day.
fn following(place: &Place, range: &EventRange) -> Option<Place> {
    if place.shard + 1 < SHARDS {
        return Some(Place {
            shard: place.shard + 1,
            after: None,
            day: place.day.clone(),
        });
    }
    let next: Date = place.day.parse::<Date>().ok()?.tomorrow().ok()?;
    let last: Date = day(time(range.until_ms)).parse().ok()?;
    (next <= last).then(|| Place {
        day: next.to_string(),
        shard: 0,
        after: None,
    })
}

fn time(ms: u64) -> SystemTime {
    let since = Duration::from_millis(ms);
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use crate::operators::EventFilter;

    use super::*;

    #[test]
    fn every_part_of_every_day_follows_the_one_before() {
        // From the evening of 28 February 2028 to the end of the 29th.
        let range = EventRange {
            source: "pakk".into(),
            filter: EventFilter::default(),
            since_ms: 1_835_395_140_000,
            until_ms: 1_835_481_599_000,
        };
        let mut place = Place {
            day: day(time(range.since_ms)),
            shard: 0,
            after: Some(("1".into(), "k".into())),
        };
        let mut seen = vec![(place.day.clone(), place.shard)];
        while let Some(next) = following(&place, &range) {
            assert_eq!(next.after, None);
            seen.push((next.day.clone(), next.shard));
            place = next;
        }
        let days = ["2028-02-28", "2028-02-29"];
        let all = days
            .iter()
            .flat_map(|day| (0..4).map(|n| ((*day).to_owned(), n)));
        assert_eq!(seen, all.collect::<Vec<_>>());
    }
}
