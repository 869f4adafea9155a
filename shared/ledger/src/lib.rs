//! The event ledger's state machine as pure decisions.
