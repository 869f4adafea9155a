//! The index over events that are not well: those that wait, are dead, or have no target. A request that makes an
//! event so lists it; the completion that follows takes it out. An event that goes well is never in the index.

use hookgate_api::EventState;

use crate::table::{Attributes, index_time, s, shard, values};
use crate::{Event, unix_ms};

/// Sets the index keys of an event.
pub(crate) const LIST: &str = "#gpk = :gpk, #gsk = :gsk";

/// Removes the index keys of an event.
pub(crate) const UNLIST: &str = "#gpk, #gsk";

/// The values of [`LIST`].
pub(crate) fn listed(state: EventState, event: &Event) -> Attributes {
    let partition = unwell_partition(state, &event.source, shard(&event.key));
    values([
        (":gpk", s(partition)),
        (":gsk", index_time(unix_ms(event.received))),
    ])
}

/// The index partition of a source's events in this state.
pub(crate) fn unwell_partition(state: EventState, source: &str, shard: u8) -> String {
    format!("{}#{source}#{shard}", state.name())
}

/// True for a state whose events are in the index.
pub(crate) fn is_listed(state: EventState) -> bool {
    matches!(
        state,
        EventState::Waiting | EventState::Dead | EventState::Unhandled
    )
}
