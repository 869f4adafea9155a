//! The event's item: the part of it that the ledger's decisions need, and the part that operators read.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::AttributeValue;
use hookgate_ledger::{Item, Number, State};

use crate::table::event_item::{
    BODY_SHA256, EPOCH, EVENT_ID, EVENT_TYPE, LEASE_UNTIL, OWNER, RECEIVED, REPLAY, SEQ, SOURCE,
    STATE, TENANT,
};
use crate::table::{
    Attributes, EXPIRES, LEDGER_RETENTION, PK, SK, b, expires_s, n, number, s, text, values,
};
use crate::{Event, unix_ms};

/// The sort key of the item that the ledger works on.
pub(crate) const EVENT: &str = "event";

/// The longest error text that is stored, in bytes.
const MAX_ERROR: usize = 300;

/// Sets what operators read, where it is not there: an item that was forgotten comes back whole.
pub(crate) const DESCRIBE: &str = "#exp = if_not_exists(#exp, :exp), #t0 = if_not_exists(#t0, :t0), \
    #src = if_not_exists(#src, :src), #bh = if_not_exists(#bh, :bh), \
    #ten = if_not_exists(#ten, :ten), #eid = if_not_exists(#eid, :eid), #typ = if_not_exists(#typ, :typ)";

/// The values of [`DESCRIBE`].
pub(crate) fn described(event: &Event) -> impl Iterator<Item = (String, AttributeValue)> {
    let expires = n(expires_s(event.received, LEDGER_RETENTION));
    let all = description(event).into_iter().chain([(EXPIRES, expires)]);
    all.map(|(name, value)| (format!(":{name}"), value))
}

/// The attributes that operators read. A tenant, id or type that an event has not is the empty text.
pub(crate) fn description(event: &Event) -> [(&'static str, AttributeValue); 6] {
    [
        (RECEIVED, n(unix_ms(event.received))),
        (SOURCE, s(&event.source)),
        (BODY_SHA256, b(event.body.sha256())),
        (TENANT, s(event.tenant.as_deref().unwrap_or_default())),
        (EVENT_ID, s(event.id.as_deref().unwrap_or_default())),
        (
            EVENT_TYPE,
            s(event.event_type.as_deref().unwrap_or_default()),
        ),
    ]
}

/// The item of an event that is new.
pub(crate) fn new_item(event: &Event, now: SystemTime) -> Attributes {
    let mut item = values([
        (PK, s(event.key.as_str())),
        (SK, s(EVENT)),
        (STATE, state(State::Received)),
        (EPOCH, n(0)),
        (EXPIRES, n(expires_s(now, LEDGER_RETENTION))),
    ]);
    item.extend(values(description(event)));
    item
}

/// The part of a stored item that the decisions need; `None` if it is not an event's.
pub(crate) fn stored_item(item: &Attributes) -> Option<Item<String>> {
    Some(Item {
        state: State::from_code(text(item, STATE)?)?,
        number: Number {
            epoch: number(item, EPOCH)?,
            seq: number(item, SEQ).unwrap_or(0),
        },
        owner: text(item, OWNER).map(str::to_owned),
        lease_until_ms: number(item, LEASE_UNTIL).unwrap_or(0),
        expires_s: number(item, EXPIRES)?,
    })
}

/// A replay that claimed an event, as it is stored: with its epoch, because a later claim of another epoch need not
/// belong to a replay that is known.
pub(crate) fn replay_at(epoch: u32, replay: &str) -> String {
    format!("{epoch}#{replay}")
}

/// The replay that claimed the event at its epoch.
pub(crate) fn replay_of(item: &Attributes) -> Option<&str> {
    let (epoch, replay) = text(item, REPLAY)?.split_once('#')?;
    let is_current = number::<u32>(item, EPOCH)? == epoch.parse::<u32>().ok()?;
    is_current.then_some(replay)
}

/// A state as it is stored.
pub(crate) fn state(state: State) -> AttributeValue {
    s(state.code())
}

/// An error as it is stored.
pub(crate) fn shortened(error: &str) -> &str {
    &error[..error.floor_char_boundary(MAX_ERROR)]
}
