//! The functions' real code on the embedded engines, stopped, failed and doubled at every call.
//!
//! A [`World`] runs ingest, processor, sweeper and the operators' API over a [`Wire`]: the HTTP client under their adapters,
//! where each request is a call. A plan says what happens at which call: the k-th that the functions make, whoever makes it. Afterwards everything is
//! drained without faults, and the invariants of the protocol are checked.

mod batch;
mod faults;
mod handler;
mod run;
mod wire;
mod world;

pub use batch::{Cut, run_batch};
pub use faults::{Fault, Fired, Plan};
pub use handler::Act;
pub use run::{Ended, Replayed, Scenario, Violation, run};
pub use world::World;

pub(crate) use faults::{Faults, Interloper, Signal};
pub(crate) use handler::{Effects, Scripted};
pub(crate) use wire::Wire;
