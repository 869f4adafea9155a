//! Events: a list of some, and one with its payload.

use std::time::Duration;

use hookgate::event::{EventFilter, EventSearch, Position};
use hookgate::{EventKey, rfc3339, unix_ms};
use hookgate_api::{EventDetail, EventList, EventListRequest, EventState, EventSummary, Order};

use crate::{Admin, Rejection, limit};

/// The default and the maximum number of events in a list.
const LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

/// Time limit for the rounds of a page: with the last one, which may begin just before, a page takes about a second.
const PAGE_TIME: Duration = Duration::from_millis(700);

/// The longest pattern for types, in bytes.
const MAX_PATTERN: usize = 256;

/// The number of digits of the time in a cursor.
const TIME_DIGITS: usize = 13;

impl Admin {
    pub(crate) async fn list_events(
        &self,
        asked: EventListRequest,
    ) -> Result<EventList, Rejection> {
        let (since, until) = self.times(asked.since.as_deref(), asked.until.as_deref())?;
        let search = EventSearch {
            sources: self.sources(asked.source.as_deref())?,
            filter: filter(asked.state, asked.event_type)?,
            tenant: asked.tenant,
            event_id: asked.event_id,
            since_ms: unix_ms(since),
            until_ms: unix_ms(until),
            order: asked.order.unwrap_or_default(),
        };
        let limit = limit(asked.limit, LIMIT, MAX_LIMIT)?;
        let cursor = asked.cursor.as_deref();
        let after = cursor.map(|cursor| position(cursor, search.order));
        let after = after.transpose()?;
        match self.table.event_of_id(&search).await? {
            Some(event) if after.is_none() => Ok(first_page(event, &search)),
            Some(event) => {
                let mut list = self.search(&search, after, limit).await?;
                // It was on the first page.
                list.events.retain(|other| other.key != event.key);
                Ok(list)
            }
            None => self.search(&search, after, limit).await,
        }
    }

    /// Looks for events until there are enough, or no more, or the time is over.
    async fn search(
        &self,
        search: &EventSearch,
        mut after: Option<Position>,
        limit: usize,
    ) -> Result<EventList, Rejection> {
        let deadline = self.clock.now() + PAGE_TIME;
        let mut events = Vec::new();
        while events.len() < limit {
            let left = limit - events.len();
            let round = self.table.search(search, after.as_ref(), left).await?;
            events.extend(round.events);
            after = round.next;
            if after.is_none() || self.clock.now() > deadline {
                break;
            }
        }
        Ok(page(events, after, search))
    }

    pub(crate) async fn show_event(&self, key: &str) -> Result<EventDetail, Rejection> {
        let now = self.clock.now();
        let event = self.table.show_event(&event_key(key)?, now).await?;
        event.ok_or(Rejection::NotFound("event of this key"))
    }
}

/// The page with the event that was found by its id, at once. Without a tenant the search for those of tenants follows;
/// a tenant has no other event of this id.
fn first_page(event: EventSummary, search: &EventSearch) -> EventList {
    let after = match search.tenant {
        Some(_) => None,
        None => Some(search.start()),
    };
    page(vec![event], after, search)
}

/// A page, with the position to go on from.
fn page(events: Vec<EventSummary>, after: Option<Position>, search: &EventSearch) -> EventList {
    EventList {
        events,
        searched_to: after.as_ref().map(|after| rfc3339(after.received_ms)),
        next: after.map(|after| cursor(&after, search.order)),
    }
}

/// The filter that a request names.
pub(crate) fn filter(
    state: Option<EventState>,
    event_type: Option<String>,
) -> Result<EventFilter, Rejection> {
    let is_long = |pattern: &String| pattern.len() > MAX_PATTERN;
    if event_type.as_ref().is_some_and(is_long) {
        return Err(Rejection::asked("`type` is longer than 256 bytes"));
    }
    Ok(EventFilter { state, event_type })
}

pub(crate) fn event_key(text: &str) -> Result<EventKey, Rejection> {
    let wrong = || {
        let shown: String = text.chars().take(60).collect();
        Rejection::asked(format!(
            "`{shown}` is not an event key: those have 43 characters"
        ))
    };
    EventKey::parse(text).ok_or_else(wrong)
}

/// A position as a cursor: the order's letter, the time, the key.
fn cursor(position: &Position, order: Order) -> String {
    let Position { received_ms, key } = position;
    format!("{}{received_ms:0TIME_DIGITS$}{key}", letter(order))
}

/// Reads a cursor that was given out for this order.
fn position(cursor: &str, order: Order) -> Result<Position, Rejection> {
    let read = || {
        let (time, key) = cursor
            .strip_prefix(letter(order))?
            .split_at_checked(TIME_DIGITS)?;
        let is_key = key.is_empty() || EventKey::parse(key).is_some();
        let is_time = time.bytes().all(|byte| byte.is_ascii_digit());
        (is_key && is_time).then_some(Position {
            received_ms: time.parse().ok()?,
            key: key.to_owned(),
        })
    };
    read().ok_or_else(|| {
        Rejection::asked("`cursor` is not the `next` of a list of events in this order")
    })
}

fn letter(order: Order) -> char {
    match order {
        Order::Newest => 'n',
        Order::Oldest => 'o',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_order_and_other_text_does_not() {
        let key = EventKey::new(None, "pakk", "id:1").to_string();
        for key in [key, String::new()] {
            let position_ = Position {
                received_ms: 1_760_000_000_123,
                key,
            };
            let text = cursor(&position_, Order::Newest);
            assert_eq!(position(&text, Order::Newest).unwrap(), position_);
            assert!(position(&text, Order::Oldest).is_err());
            for wrong in [
                "",
                "n",
                &text[1..],
                &format!("{text}x"),
                &format!("n+{}", &text[2..]),
            ] {
                assert!(position(wrong, Order::Newest).is_err(), "{wrong}");
            }
        }
        assert!(position("n123456789012\u{e9}", Order::Newest).is_err());
    }
}
