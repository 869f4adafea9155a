//! A range of events, page by page, through the index of payloads: day by day, part by part.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::Date;

use crate::error::OrFailed;
use crate::event::archive::PAYLOAD;
use crate::replay::{Cursor, EventRange, Page};
use crate::table::{
    Attributes, DynamoTable, INDEX, INDEX_PK, INDEX_SK, PAYLOAD_SHARDS, PK, SK, day, index_time,
    partition_of, s, text,
};
use crate::{AwsError, EventKey};

/// The maximum number of events per page: what DynamoDB allows in one batch.
const MAX_PAGE: u32 = 100;

impl DynamoTable {
    /// The next events of a range, the oldest of a day's part first, from a cursor that an earlier
    /// page named. Looks at no more than `limit` events; some or all of them may not be of the range.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn page(
        &self,
        range: &EventRange,
        from: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page, AwsError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let (keys, next) = self.range_keys(range, from, limit).await?;
        if keys.is_empty() {
            return Ok(Page {
                events: Vec::new(),
                next,
            });
        }
        let summaries = self.summaries(&keys).await?;
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

    /// The next keys of a range, whatever its filter, and the cursor after them.
    pub(crate) async fn range_keys(
        &self,
        range: &EventRange,
        from: Option<&Cursor>,
        limit: u32,
    ) -> Result<(Vec<String>, Option<Cursor>), AwsError> {
        let start = || Cursor {
            day: day(time(range.since_ms)),
            shard: 0,
            after: None,
        };
        let cursor = from.cloned().unwrap_or_else(start);
        let (keys, after) = self.index_page(range, &cursor, limit).await?;
        let next = match after {
            Some(after) => Some(Cursor {
                after: Some(after),
                ..cursor
            }),
            None => following(&cursor, range),
        };
        Ok((keys, next))
    }

    /// The next keys of one part of the index, and the position after them where there may be more.
    async fn index_page(
        &self,
        range: &EventRange,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<(Vec<String>, Option<(String, String)>), AwsError> {
        let partition = partition_of(&range.source, &cursor.day, cursor.shard);
        let after = cursor.after.as_ref().map(|(received, key)| {
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
            .expression_attribute_values(":since", index_time(range.since_ms))
            .expression_attribute_values(":until", index_time(range.until_ms))
            .set_exclusive_start_key(after)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .or_failed("read the range")?;
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
fn following(cursor: &Cursor, range: &EventRange) -> Option<Cursor> {
    if cursor.shard + 1 < PAYLOAD_SHARDS {
        return Some(Cursor {
            shard: cursor.shard + 1,
            after: None,
            day: cursor.day.clone(),
        });
    }
    let next: Date = cursor.day.parse::<Date>().ok()?.tomorrow().ok()?;
    let last: Date = day(time(range.until_ms)).parse().ok()?;
    (next <= last).then(|| Cursor {
        day: next.to_string(),
        shard: 0,
        after: None,
    })
}

pub(crate) fn time(ms: u64) -> SystemTime {
    let since = Duration::from_millis(ms);
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use crate::event::view::EventFilter;

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
        let mut cursor = Cursor {
            day: day(time(range.since_ms)),
            shard: 0,
            after: Some(("1".into(), "k".into())),
        };
        let mut seen = vec![(cursor.day.clone(), cursor.shard)];
        while let Some(next) = following(&cursor, &range) {
            assert_eq!(next.after, None);
            seen.push((next.day.clone(), next.shard));
            cursor = next;
        }
        let days = ["2028-02-28", "2028-02-29"];
        let all = days
            .iter()
            .flat_map(|day| (0..4).map(|n| ((*day).to_owned(), n)));
        assert_eq!(seen, all.collect::<Vec<_>>());
    }
}
