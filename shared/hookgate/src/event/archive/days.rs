//! The days of a source on which a shard of the archive has events.

use std::time::Duration;

use hookgate_api::Order;

use super::place::{GroupPlace, time_of};
use crate::AwsError;
use crate::error::OrFailed;
use crate::table::{
    Attributes, DynamoTable, EXPIRES, PK, SK, day, expires_s, n, s, text, time, values,
};

/// The time by which a mark outlasts the events that it stands for.
const MARGIN: Duration = Duration::from_secs(3 * 24 * 3600);

/// A part of a source's archive: one shard's events of one day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DayPart {
    /// `yyyy-mm-dd`.
    pub(crate) day: String,
    pub(crate) shard: u8,
}

impl DayPart {
    pub(crate) fn sort_key(&self) -> String {
        format!("{}#{:03}", self.day, self.shard)
    }

    fn read(item: &Attributes) -> Option<DayPart> {
        let (day, shard) = text(item, SK)?.split_once('#')?;
        Some(DayPart {
            day: day.to_owned(),
            shard: shard.parse().ok()?,
        })
    }
}

impl DynamoTable {
    /// Marks the day and shard of a place as one that has events, once a process.
    pub(super) async fn mark_day(
        &self,
        source: &str,
        place: &GroupPlace,
        retention: Duration,
    ) -> Result<(), AwsError> {
        let partition = place.partition(source);
        if self.marks.has(&partition) {
            return Ok(());
        }
        let ms = time_of(&place.sort_key).unwrap_or_default();
        let part = DayPart {
            day: day(time(ms)),
            shard: place.shard,
        };
        self.client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(values([
                (PK, s(days_of(source))),
                (SK, s(part.sort_key())),
                (EXPIRES, n(expires_s(time(ms), retention + MARGIN))),
            ])))
            .send()
            .await
            .or_failed("mark the day in the archive")?;
        self.marks.add(partition);
        Ok(())
    }

    /// The parts of the first day that has any of a source's events, within these days and in this order.
    pub(crate) async fn parts_of_next_day(
        &self,
        source: &str,
        (since, until): (&str, &str),
        order: Order,
    ) -> Result<Vec<DayPart>, AwsError> {
        let bounds = (since.to_owned(), format!("{until}#~"));
        let mut marks = self
            .days_between(source, bounds)
            .scan_index_forward(order == Order::Oldest)
            .into_paginator()
            .items()
            .send();
        let mut parts: Vec<DayPart> = Vec::new();
        while let Some(item) = marks.try_next().await.or_failed(READ)? {
            let part = DayPart::read(&item);
            if let (Some(part), Some(first)) = (&part, parts.first())
                && part.day != first.day
            {
                break;
            }
            parts.extend(part);
        }
        Ok(parts)
    }

    /// The next part that has any of a source's events, from one on; `None` if there is none until a day.
    pub(crate) async fn next_part(
        &self,
        source: &str,
        from: &DayPart,
        until: &str,
    ) -> Result<Option<DayPart>, AwsError> {
        let bounds = (from.sort_key(), format!("{until}#~"));
        let found = self.days_between(source, bounds).limit(1).send().await;
        let items = found.or_failed(READ)?.items.unwrap_or_default();
        Ok(items.first().and_then(DayPart::read))
    }

    fn days_between(
        &self,
        source: &str,
        (since, until): (String, String),
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND sk BETWEEN :since AND :until")
            .expression_attribute_values(":pk", s(days_of(source)))
            .expression_attribute_values(":since", s(since))
            .expression_attribute_values(":until", s(until))
            .consistent_read(true)
    }
}

const READ: &str = "read the archive's days";

fn days_of(source: &str) -> String {
    format!("archive-days#{source}")
}
