//! Dead letters as operators name and see them.

use std::collections::HashSet;
use std::time::UNIX_EPOCH;

use hookgate::dead_letter::{DeadLetter, MoveTask};
use hookgate::{EventKey, Message, rfc3339, unix_ms};
use serde_json::{Value, json};

use crate::Rejection;
use crate::events::event_key;

/// A selection of dead letters.
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

    pub(crate) fn match_any(&self, letter: &DeadLetter) -> bool {
        self.matching(letter).next().is_some()
    }

    /// The names that match a dead letter.
    pub(crate) fn matching(&self, letter: &DeadLetter) -> impl Iterator<Item = String> {
        let id = self.message_ids.get(&letter.message_id).cloned();
        // To read the text is not needed where no key is asked for.
        let message = (!self.keys.is_empty()).then(|| Message::from_json(&letter.body));
        let key = message
            .and_then(Result::ok)
            .map(|message| message.event.key);
        let key = key.filter(|key| self.keys.contains(key));
        id.into_iter().chain(key.map(|key| key.as_str().to_owned()))
    }
}

/// A letter as operators see it, without its text.
pub(crate) fn view(letter: &DeadLetter) -> Value {
    let attribute = |name: &str| letter.attributes.get(name);
    let mut view = json!({
        "message_id": letter.message_id, "sent_at": letter.sent_ms.map(rfc3339),
        "reason": attribute("Reason"), "class": attribute("Class"), "target": attribute("Target"),
        "attempt": attribute("Attempt"), "body_bytes": letter.body.len(),
    });
    let Ok(Message { event, epoch, .. }) = Message::from_json(&letter.body) else {
        return view;
    };
    view["key"] = json!(event.key.as_str());
    view["source"] = json!(event.source);
    view["type"] = json!(event.event_type);
    view["event_id"] = json!(event.id);
    view["tenant"] = json!(event.tenant);
    view["epoch"] = json!(epoch);
    view["received_at"] = json!(rfc3339(unix_ms(event.received)));
    view
}

pub(crate) fn move_view(task: &MoveTask) -> Value {
    json!({
        "task": task.handle, "status": task.status, "moved": task.moved, "to_move": task.to_move,
        "started_at": rfc3339(unix_ms(task.started.max(UNIX_EPOCH))), "failure": task.failure,
    })
}
