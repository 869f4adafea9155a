//! The event ledger's state machine as pure decisions.
//!
//! Each event has one [`Item`]. Nothing here reads a clock or a database: the caller passes the
//! stored item and the time, and the result says what may be done. Beside each rule is the condition
//! that says the same to DynamoDB, and tests hold the two against each other.
//!
//! ```text
//!              record            claim               complete
//!   (nothing) ───────▶ Received ───────▶ Processing ──────────▶ Done
//!                         │  ▲              │  ▲  │                │ claim by a newer epoch (replay)
//!                  mark   ▼  │ expired      │  │  └─ give up ─▶ Dead ─ claim (redrive, replay)
//!                      Enqueued ── claim ───┘  └── claim, when the lease has run out
//! ```
//!
//! An operator who discards an event's last message makes it `Dead` as well, unless it is done or a lease runs.
//!
//! Two facts decide the rules. A queue may deliver a message more than once, so the claim, and not
//! the record, is what makes an effect happen once. And an event may be answered with success only
//! when a durable message of it is known to exist: that its item exists proves nothing, because the process
//! that wrote it may have died before it sent the message.
//!
//! A failed attempt does not keep its message: the next one is carried by a message of its own with the next
//! [`Number`], sent or written down before the failure is noted. So a message below the item's number is not needed.

mod event;
mod retry;
mod state;

pub use event::{
    CLAIM, COMPLETE, ClaimDecision, DISCARD, DiscardDecision, MARK_ENQUEUED, OWNED, RECORD,
    REMOVE_ROW, REPLACE_ROW, RecordDecision, may_complete, may_dead_letter, may_mark_enqueued,
    may_release, may_remove_row, may_replace_row, on_claim, on_discard, on_record,
};
pub use retry::{Next, RetryPolicy, Wait, Waits};
pub use state::{Item, Number, State};
