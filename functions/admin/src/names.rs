//! Dead letters as operators choose and see them.

use std::collections::HashSet;
use std::time::UNIX_EPOCH;

use hookgate::dead_letter::{DeadLetter, MoveTask};
use hookgate::event::matches;
use hookgate::{EventKey, Message, rfc3339, unix_ms};
use hookgate_api::{DeadLetterSummary, Move, Redrive};

use crate::events::event_key;
use crate::{Rejection, time};

/// The maximum number of names in one request.
pub(crate) const MAX_NAMES: usize = 100;

/// Dead letters by their names.
#[derive(Default)]
pub(crate) struct Names {
    keys: HashSet<EventKey>,
    message_ids: HashSet<String>,
}

impl Names {
    /// A key or a message id.
    pub(crate) fn of(name: &str) -> Names {
        match EventKey::parse(name) {
            Some(key) => Names {
                keys: [key].into(),
                ..Names::default()
            },
            None => Names {
                message_ids: [name.to_owned()].into(),
                ..Names::default()
            },
        }
    }

    pub(crate) fn read(keys: &[String], message_ids: &[String]) -> Result<Names, Rejection> {
        let keys = keys.iter().map(|key| event_key(key));
        Ok(Names {
            keys: keys.collect::<Result<_, _>>()?,
            message_ids: message_ids.iter().cloned().collect(),
        })
    }

    pub(crate) fn match_any(&self, dead_letter: &DeadLetter) -> bool {
        self.matching(dead_letter).next().is_some()
    }

    /// The names that match a dead letter.
    pub(crate) fn matching(&self, dead_letter: &DeadLetter) -> impl Iterator<Item = String> {
        let id = self.message_ids.get(&dead_letter.message_id).cloned();
        // The text is needed only if a key was given.
        let message = (!self.keys.is_empty()).then(|| Message::from_json(&dead_letter.body));
        let key = message
            .and_then(Result::ok)
            .map(|message| message.event.key);
        let key = key.filter(|key| self.keys.contains(key));
        id.into_iter().chain(key.map(|key| key.as_str().to_owned()))
    }
}

/// Dead letters by what they have in common.
pub(crate) struct Common {
    source: Option<String>,
    event_type: Option<String>,
    /// In small letters.
    reason_contains: Option<String>,
    sent_before_ms: Option<u64>,
}

impl Common {
    /// The features that a request names; `None` if it names none.
    ///
    /// # Errors
    /// When a time is not one.
    pub(crate) fn of(asked: &Redrive) -> Result<Option<Common>, Rejection> {
        let sent_before = asked.sent_before.as_deref();
        let sent_before = sent_before.map(|text| time("sent_before", text));
        let common = Common {
            source: asked.source.clone(),
            event_type: asked.event_type.clone(),
            reason_contains: asked
                .reason_contains
                .as_ref()
                .map(|text| text.to_lowercase()),
            sent_before_ms: sent_before.transpose()?.map(unix_ms),
        };
        let given = [&common.source, &common.event_type, &common.reason_contains];
        let is_given = given.iter().any(|given| given.is_some()) || common.sent_before_ms.is_some();
        Ok(is_given.then_some(common))
    }

    /// Returns true if a dead letter has all of these features. One that is not a message has no source and no type.
    pub(crate) fn admits(&self, dead_letter: &DeadLetter) -> bool {
        let sent_in_time = self
            .sent_before_ms
            .is_none_or(|before| dead_letter.sent_ms.is_some_and(|sent| sent < before));
        let view = view(dead_letter);
        let reason = view.reason.unwrap_or_default().to_lowercase();
        let event_type = view.event_type.unwrap_or_default();
        let wanted = self.reason_contains.as_ref();
        sent_in_time
            && wanted.is_none_or(|text| reason.contains(text))
            && (self.source.is_none() || self.source == view.source)
            && self
                .event_type
                .as_ref()
                .is_none_or(|pattern| view.key.is_some() && matches(pattern, &event_type))
    }
}

/// A dead letter as operators see it, without its text.
pub(crate) fn view(dead_letter: &DeadLetter) -> DeadLetterSummary {
    let attribute = |name: &str| dead_letter.attributes.get(name).cloned();
    let mut view = DeadLetterSummary {
        message_id: dead_letter.message_id.clone(),
        sent_at: dead_letter.sent_ms.map(rfc3339),
        reason: attribute("Reason"),
        class: attribute("Class"),
        target: attribute("Target"),
        attempt: attribute("Attempt"),
        body_bytes: dead_letter.body.len() as u64,
        ..DeadLetterSummary::default()
    };
    if let Ok(Message { event, number, .. }) = Message::from_json(&dead_letter.body) {
        view.key = Some(event.key.to_string());
        view.source = Some(event.source);
        view.event_type = event.event_type;
        view.event_id = event.id;
        view.tenant = event.tenant;
        view.epoch = Some(number.epoch);
        view.received_at = Some(rfc3339(unix_ms(event.received)));
    }
    view
}

pub(crate) fn move_view(task: MoveTask) -> Move {
    Move {
        task: task.handle,
        status: task.status,
        moved: task.moved,
        to_move: task.to_move,
        started_at: rfc3339(unix_ms(task.started.max(UNIX_EPOCH))),
        failure: task.failure,
    }
}
