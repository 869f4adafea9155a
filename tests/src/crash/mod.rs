//! The functions' real code on the embedded engines, stopped, failed and doubled at every call.
//!
//! A [`World`] runs ingest, processor, sweeper and the operators' API over a [`Wire`]: the HTTP client under their adapters,
//! where each request is a call. A plan says what happens at which call: the k-th that the functions make, whoever makes it. Afterwards everything is
//! drained without faults, and the invariants of the protocol are checked.

mod acts;
mod batch;
mod checks;
mod faults;
mod foreign;
mod handler;
mod limits;
mod looks;
mod run;
mod wire;
mod world;

pub use batch::{Cut, run_batch};
pub use checks::Violation;
pub use faults::{Fault, Fired, Plan};
pub use foreign::run_foreign;
pub use handler::Act;
pub use run::{Ended, Replayed, Scenario, Size, run};
pub use world::World;

pub(crate) use faults::{Faults, Interloper, Signal};
pub(crate) use handler::{Effects, Scripted};
pub(crate) use wire::Wire;
