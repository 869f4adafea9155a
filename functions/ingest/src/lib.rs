//! Verifies a webhook, records it once and enqueues it.
