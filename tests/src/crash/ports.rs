//! The ports, each call of which goes through the plan.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::operators::{
    DeadLetters, EventDetail, EventQuery, EventRange, EventReader, EventSummary, Letter, Move,
    Page, Place, Replay, ReplayId, Replays, Saved, Stored,
};
use hookgate::ports::{
    Archive, Bodies, ClaimRequest, Claimed, Claims, DeadLetter, EventQueue, EventStore, Held,
    Joined, JoinedCompletion, Kept, Outbox, OutboxReader, PortError, WorkQueue, Write,
};
use hookgate::{Body, ClaimCheck, Event, EventKey, Message};
use hookgate_ledger::Record;

use super::Faults;

/// An adapter whose calls may be struck.
#[derive(Clone, Debug)]
pub(crate) struct Faulty<P> {
    pub(crate) adapter: P,
    pub(crate) faults: Arc<Faults>,
}

impl<P: EventStore> EventStore for Faulty<P> {
    async fn record(&self, event: &Event<Body>, now: SystemTime) -> Result<Record, PortError> {
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

    async fn depth(&self) -> Result<u64, PortError> {
        self.faults.call("depth", || self.adapter.depth()).await
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
    async fn archive(&self, event: &Event<Body>) -> Result<(), PortError> {
        self.faults
            .call("archive", || self.adapter.archive(event))
            .await
    }
}

impl<P: Bodies> Bodies for Faulty<P> {
    async fn keep(&self, check: &ClaimCheck, body: &Bytes) -> Result<(), PortError> {
        self.faults
            .call("keep-body", || self.adapter.keep(check, body))
            .await
    }

    async fn fetch(&self, check: &ClaimCheck) -> Result<Option<Bytes>, PortError> {
        self.faults
            .call("fetch-body", || self.adapter.fetch(check))
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

impl<P: EventReader> EventReader for Faulty<P> {
    async fn list_events(&self, query: &EventQuery) -> Result<Vec<EventSummary>, PortError> {
        self.faults
            .call("list", || self.adapter.list_events(query))
            .await
    }

    async fn show_event(&self, key: &EventKey) -> Result<Option<EventDetail>, PortError> {
        self.faults
            .call("show", || self.adapter.show_event(key))
            .await
    }

    async fn stored_event(&self, key: &EventKey) -> Result<Option<Stored>, PortError> {
        self.faults
            .call("stored", || self.adapter.stored_event(key))
            .await
    }

    async fn page(
        &self,
        range: &EventRange,
        from: Option<&Place>,
        limit: u32,
    ) -> Result<Page, PortError> {
        self.faults
            .call("page", || self.adapter.page(range, from, limit))
            .await
    }
}

impl<P: Replays> Replays for Faulty<P> {
    async fn add_replay(&self, replay: &Replay, now: SystemTime) -> Result<(), PortError> {
        self.faults
            .call("add-replay", || self.adapter.add_replay(replay, now))
            .await
    }

    async fn replay(&self, id: &ReplayId) -> Result<Option<Replay>, PortError> {
        self.faults.call("replay", || self.adapter.replay(id)).await
    }

    async fn save_replay(&self, replay: &mut Replay, now: SystemTime) -> Result<Saved, PortError> {
        let (saved, version) = self
            .faults
            .call("save-replay", || {
                let mut copy = replay.clone();
                async move {
                    let saved = self.adapter.save_replay(&mut copy, now).await?;
                    Ok((saved, copy.version))
                }
            })
            .await?;
        replay.version = version;
        Ok(saved)
    }

    async fn running_replays(&self) -> Result<Vec<Replay>, PortError> {
        self.faults
            .call("running-replays", || self.adapter.running_replays())
            .await
    }

    async fn recent_replays(&self, limit: usize) -> Result<Vec<Replay>, PortError> {
        self.faults
            .call("recent-replays", || self.adapter.recent_replays(limit))
            .await
    }
}

impl<P: DeadLetters> DeadLetters for Faulty<P> {
    async fn take(&self, hidden: Duration) -> Result<Vec<Letter>, PortError> {
        self.faults.call("take", || self.adapter.take(hidden)).await
    }

    async fn give_back(&self, letters: &[Letter]) -> Result<(), PortError> {
        self.faults
            .call("give-back", || self.adapter.give_back(letters))
            .await
    }

    async fn send_again(&self, letter: &Letter) -> Result<(), PortError> {
        self.faults
            .call("send-again", || self.adapter.send_again(letter))
            .await
    }

    async fn remove(&self, letter: &Letter) -> Result<(), PortError> {
        self.faults
            .call("remove-letter", || self.adapter.remove(letter))
            .await
    }

    async fn count(&self) -> Result<u64, PortError> {
        self.faults.call("count", || self.adapter.count()).await
    }

    async fn move_all(&self, rate_per_s: Option<u32>) -> Result<String, PortError> {
        self.faults
            .call("move-all", || self.adapter.move_all(rate_per_s))
            .await
    }

    async fn moves(&self) -> Result<Vec<Move>, PortError> {
        self.faults.call("moves", || self.adapter.moves()).await
    }
}
