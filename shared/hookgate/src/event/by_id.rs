//! A search for an event by the provider's id, without the index.

use hookgate_api::EventSummary;

use crate::event::list::summary;
use crate::event::search::EventSearch;
use crate::table::event_item::RECEIVED;
use crate::table::{Attributes, DynamoTable, number};
use crate::{AwsError, EventKey};

impl DynamoTable {
    /// The event that a search of one source for an id means, where the source's events are told apart by their id:
    /// the one of the search's tenant, or of none. The processor need not have seen it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn event_of_id(
        &self,
        search: &EventSearch,
    ) -> Result<Option<EventSummary>, AwsError> {
        let ([source], Some(id)) = (&search.sources[..], &search.event_id) else {
            return Ok(None);
        };
        let key = EventKey::of_id(search.tenant.as_deref(), source, id);
        let items = self.ledger_items([key.as_str()]).await?;
        let times = search.since_ms..=search.until_ms;
        let in_time =
            |item: &&Attributes| number(item, RECEIVED).is_some_and(|ms| times.contains(&ms));
        let found = items.values().next().filter(in_time).and_then(summary);
        Ok(found.filter(|event| search.admits(event)))
    }
}
