//! The gateway's nouns and ports: what ingest and the processor speak about, with no AWS in it.
//!
//! A [`Source`] is one inbound URL with its provider's row and secrets. A verified request becomes
//! an [`Event`], which travels the queue inside a [`Message`]. What the functions need of the world
//! (a store, queues, secrets, documents, a clock) are the traits in [`ports`].

mod body;
pub mod config;
mod event;
mod message;
pub mod metrics;
pub mod operators;
pub mod ports;
mod redacted;
mod route;
mod source;
mod sources;
pub mod trace;

pub use body::{Body, BodyError, ClaimCheck, redeem};
pub use event::{Event, EventKey, shown, unix_ms};
pub use message::{MESSAGE_VERSION, Message, MessageError};
pub use route::{Route, Target};
pub use source::{MismatchPolicy, Place, Source, UnusableSource, Unverified};
pub use sources::{COOL_DOWN, LiveSource, Sources};
pub use trace::Trace;
