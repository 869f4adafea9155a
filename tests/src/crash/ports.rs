//! The ports, each call of which goes through the plan.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hookgate_gateway::ports::{
    Archive, ClaimRequest, Claimed, Claims, DeadLetter, EventQueue, EventStore, Held, Joined,
    JoinedCompletion, Kept, Outbox, OutboxReader, PortError, WorkQueue, Write,
};
use hookgate_gateway::{Event, EventKey, Message};
use hookgate_ledger::Record;

use super::Faults;

/// An adapter whose calls may be struck.
#[derive(Clone, Debug)]
pub(crate) struct Faulty<P> {
    pub(crate) adapter: P,
    pub(crate) faults: Arc<Faults>,
}

impl<P: EventStore> EventStore for Faulty<P> {
    async fn record(&self, event: &Event, now: SystemTime) -> Result<Record, PortError> {
        self.faults
            .call("record", || self.adapter.record(event, now))
            .await
    }

    async fn mark_enqueued(&self, key: &EventKey, epoch: u32) -> Result<(), PortError> {
        self.faults
            .call("mark", || self.adapter.mark_enqueued(key, epoch))
            .await
    }
}

impl<P: Outbox> Outbox for Faulty<P> {
    async fn keep(&self, message: &Message) -> Result<(), PortError> {
        self.faults
            .call("keep", || self.adapter.keep(message))
            .await
    }
}

impl<P: OutboxReader> OutboxReader for Faulty<P> {
    async fn waiting(&self) -> Result<Vec<Kept>, PortError> {
        self.faults.call("waiting", || self.adapter.waiting()).await
    }

    async fn remove(&self, kept: &Kept) -> Result<(), PortError> {
        self.faults
            .call("remove", || self.adapter.remove(kept))
            .await
    }
}

impl<P: EventQueue> EventQueue for Faulty<P> {
    async fn send(&self, message: &Message) -> Result<(), PortError> {
        self.faults
            .call("send", || self.adapter.send(message))
            .await
    }
}

impl<P: Claims> Claims for Faulty<P> {
    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, PortError> {
        self.faults
            .call("claim", || self.adapter.claim(request))
            .await
    }

    async fn complete(&self, held: Held<'_>, now: SystemTime) -> Result<(), PortError> {
        self.faults
            .call("complete", || self.adapter.complete(held, now))
            .await
    }

    async fn release(&self, held: Held<'_>, error: &str) -> Result<(), PortError> {
        self.faults
            .call("release", || self.adapter.release(held, error))
            .await
    }

    async fn bury(&self, held: Held<'_>, error: &str, now: SystemTime) -> Result<(), PortError> {
        self.faults
            .call("bury", || self.adapter.bury(held, error, now))
            .await
    }
}

impl<P: JoinedCompletion> JoinedCompletion for Faulty<P> {
    async fn complete_with(
        &self,
        held: Held<'_>,
        writes: &[Write],
        now: SystemTime,
    ) -> Result<Joined, PortError> {
        let complete = || self.adapter.complete_with(held, writes, now);
        self.faults.call("complete-with", complete).await
    }
}

impl<P: Archive> Archive for Faulty<P> {
    async fn archive(&self, event: &Event) -> Result<(), PortError> {
        self.faults
            .call("archive", || self.adapter.archive(event))
            .await
    }
}

impl<P: WorkQueue> WorkQueue for Faulty<P> {
    async fn delay(&self, receipt_handle: &str, delay: Duration) -> Result<(), PortError> {
        self.faults
            .call("delay", || self.adapter.delay(receipt_handle, delay))
            .await
    }

    async fn dead_letter(&self, letter: DeadLetter<'_>) -> Result<(), PortError> {
        self.faults
            .call("dead-letter", || self.adapter.dead_letter(letter.clone()))
            .await
    }
}
