//! The inbound protocol as a model: one event, two ingests, two processors, a sweeper, an operator, and
//! everything that may go wrong between them, each so often as its [`Budget`] allows.
//!
//! The processes make the calls that the functions make, in the same order. What a call decides is
//! decided by `hookgate_ledger` itself. A call may be made, fail, be made while its reply is lost, and
//! its process may die before and after it.

#![allow(
    dead_code,
    unused_imports,
    reason = "the test and the example each use their part"
)]

mod budget;
mod calls;
mod environment;
mod failure;
mod ingest;
mod invariants;
mod mutation;
mod operator;
mod processor;
mod search;
mod state;
mod sweeper;

pub(crate) use budget::{BUDGETS, Budget, FULL};
pub(crate) use invariants::Invariant;
pub(crate) use mutation::Mutation;
pub(crate) use search::{Verdict, search};

use budget::Fault;
use calls::{Call, Emit, Reply};
use state::{Ingest, Operator, Processor, Receipt, State, Stored, Sweeper};
