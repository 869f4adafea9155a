//! What operators ask for: which events came in, a second run of some, the dead letters. Nouns and
//! ports; adapters live in `hookgate-aws`.

mod dead_letters;
mod events;
mod replays;
mod sending;

pub use dead_letters::{DeadLetters, Letter, Move};
pub use events::{
    EventDetail, EventFilter, EventQuery, EventReader, EventSummary, Payload, Stored,
};
pub use replays::{
    EventRange, Page, Pending, Place, Progress, Replay, ReplayId, ReplayState, Replayed, Replays,
    Saved,
};
pub use sending::{MAX_FAILURES, Sent, send_again};
