//! End-to-end tests, conformance suites and checks of the template.
