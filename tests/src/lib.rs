//! End-to-end tests, conformance suites and checks of the template.

pub mod archived;
pub mod batch;
pub mod cloud;
pub mod crash;
pub mod deployment;
pub mod emulator;
pub mod gate;
pub mod gateway;
pub mod issuer;
pub mod outbox;
pub mod provider;
pub mod servers;
pub mod shapes;
pub mod telemetry;
pub mod template;
