//! The history of an event's attempts: short entries in its item, each written by the request that ends its attempt.
//!
//! An attempt's entry is in the slot of its number modulo [`SLOTS`]: so there are never more, and an entry that is
//! written twice is one entry. An attempt without an entry still runs, or was interrupted.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::SystemTime;

use hookgate_api::{AttemptOutcome, AttemptSummary};
use serde::{Deserialize, Serialize};

use crate::event::item::stored_item;
use crate::table::event_item::{BEGAN, BEGAN_BEFORE, CLAIMS};
use crate::table::{Attributes, number, text};
use crate::{rfc3339, unix_ms};

/// The number of attempts that an item remembers.
const SLOTS: u32 = 16;

/// The longest reason in an entry, in bytes. The last attempt's reason is longer in the attribute `err`.
const MAX_REASON: usize = 60;

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AttemptEnd {
    /// Its target did its work.
    #[serde(rename = "h")]
    Handled,
    /// No route takes the event.
    #[serde(rename = "u")]
    Unhandled,
    /// It failed, and another follows.
    #[serde(rename = "f")]
    Failed,
    /// It failed, and none follows.
    #[serde(rename = "g")]
    GivenUp,
}

/// An attempt that ended. It is stored as the JSON array of its fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct EndedAttempt<'a> {
    /// The number of its claim, in all.
    pub(crate) number: u32,
    pub(crate) epoch: u32,
    pub(crate) end: AttemptEnd,
    pub(crate) began_ms: u64,
    pub(crate) took_ms: u64,
    /// The begin of the attempt before, which may have left no entry.
    pub(crate) previous_ms: u64,
    /// The empty text where no route takes the event.
    #[serde(borrow)]
    pub(crate) target: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) reason: Cow<'a, str>,
}

/// The beginning of a reason, and a sign where there is more.
fn shortened(reason: &str) -> Cow<'_, str> {
    const MORE: &str = "…";
    if reason.len() <= MAX_REASON {
        return Cow::Borrowed(reason);
    }
    let end = reason.floor_char_boundary(MAX_REASON - MORE.len());
    Cow::Owned(reason[..end].to_owned() + MORE)
}

impl EndedAttempt<'_> {
    /// The form that is stored, with the beginning of the reason.
    pub(crate) fn to_json(&self) -> String {
        let reason = shortened(&self.reason);
        let fields = (
            self.number,
            self.epoch,
            self.end,
            self.began_ms,
            self.took_ms,
            self.previous_ms,
            &self.target,
            reason,
        );
        // Numbers and texts are always JSON.
        serde_json::to_string(&fields).unwrap_or_default()
    }

    fn attempt(&self) -> AttemptSummary {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        AttemptSummary {
            number: self.number,
            epoch: Some(self.epoch),
            outcome: match self.end {
                AttemptEnd::Handled => AttemptOutcome::Handled,
                AttemptEnd::Unhandled => AttemptOutcome::Unhandled,
                AttemptEnd::Failed => AttemptOutcome::Failed,
                AttemptEnd::GivenUp => AttemptOutcome::GivenUp,
            },
            began_at: Some(rfc3339(self.began_ms)),
            ended_at: Some(rfc3339(self.began_ms.saturating_add(self.took_ms))),
            target: some(&self.target),
            reason: some(&self.reason),
        }
    }
}

/// The attribute that has the entry of an attempt.
pub(crate) fn slot(number: u32) -> String {
    format!("h{}", number % SLOTS)
}

/// The last attempts at an event, the oldest first.
pub(crate) fn attempts(item: &Attributes, now: SystemTime) -> Vec<AttemptSummary> {
    let last: u32 = number(item, CLAIMS).unwrap_or(0);
    // An item that an earlier release wrote has no history.
    let Some(began) = number::<u64>(item, BEGAN) else {
        return Vec::new();
    };
    let entries = (0..SLOTS).filter_map(|number| {
        let entry: EndedAttempt<'_> = serde_json::from_str(text(item, &slot(number))?).ok()?;
        Some((entry.number, entry))
    });
    let entries: HashMap<u32, EndedAttempt<'_>> = entries.collect();
    let began = |attempt: u32| match entries.get(&(attempt + 1)) {
        Some(next) => Some(next.previous_ms),
        None if attempt == last => Some(began),
        None if attempt + 1 == last => number(item, BEGAN_BEFORE),
        None => None,
    };
    let is_held = stored_item(item).is_some_and(|item| item.is_leased(unix_ms(now)));
    let attempt = |attempt| match entries.get(&attempt) {
        Some(entry) => entry.attempt(),
        None => AttemptSummary {
            number: attempt,
            epoch: None,
            outcome: match is_held && attempt == last {
                true => AttemptOutcome::Running,
                false => AttemptOutcome::Interrupted,
            },
            began_at: began(attempt).map(rfc3339),
            ended_at: None,
            target: None,
            reason: None,
        },
    };
    (last.saturating_sub(SLOTS) + 1..=last)
        .map(attempt)
        .collect()
}
