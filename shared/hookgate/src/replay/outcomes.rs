//! Outcomes of a replay's events, read from their own items.

use hookgate_api::{EventState, ReplayOutcomes};

use super::{Cursor, Replay, Replayed};
use crate::event::item::replay_of;
use crate::event::list::summary;
use crate::table::event_item::BEGAN;
use crate::table::{Attributes, number};
use crate::{AwsError, DynamoTable};

/// The number of events that are read at a time: what DynamoDB takes in one batch.
const BATCH: u32 = 100;

impl DynamoTable {
    /// Counts the next events of a replay into `outcomes`, by their states; the cursor after them, where there may
    /// be more. An event counts once the replay has claimed it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_outcomes(
        &self,
        replay: &Replay,
        from: Option<&Cursor>,
        outcomes: &mut ReplayOutcomes,
    ) -> Result<Option<Cursor>, AwsError> {
        let (items, next): (Vec<Attributes>, _) = match &replay.of {
            Replayed::Keys(keys) => {
                let items = self.ledger_items(keys.iter().map(String::as_str)).await?;
                (items.into_values().collect(), None)
            }
            Replayed::Range(range) => {
                let (events, next) = self.range_events(range, from, BATCH).await?;
                let items = events.into_iter().filter_map(|event| event.item);
                (items.collect(), next)
            }
        };
        items.iter().for_each(|item| count(replay, item, outcomes));
        Ok(next)
    }
}

fn count(replay: &Replay, item: &Attributes, outcomes: &mut ReplayOutcomes) {
    let (Some(event), Some(claimed_by)) = (summary(item), replay_of(item)) else {
        return;
    };
    if claimed_by != replay.id.as_str() {
        // One that another replay claimed before this one was asked for can still be claimed by this one.
        let is_later = number::<u64>(item, BEGAN).is_some_and(|began| began >= replay.asked_ms);
        let is_meant = match &replay.of {
            Replayed::Keys(_) => true,
            Replayed::Range(range) => range.filter.admits_type(&event),
        };
        outcomes.overtaken += u64::from(is_later && is_meant);
        return;
    }
    match event.state {
        EventState::Done => outcomes.handled += 1,
        EventState::Unhandled => outcomes.unhandled += 1,
        EventState::Dead => outcomes.dead += 1,
        EventState::Waiting => outcomes.waiting += 1,
        EventState::Received
        | EventState::Enqueued
        | EventState::Processing
        | EventState::Forgotten => outcomes.processing += 1,
    }
}
