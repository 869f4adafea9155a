//! Webhook signature schemes as data: verify, sign and explain, with no clock and no I/O.
