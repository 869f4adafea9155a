//! Data that no function of this gateway wrote: messages of others, entries that cannot be read.

use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, TABLE};

use super::looks::text;
use super::run::clear;
use super::world::LATE;
use super::{Fault, Plan, World};

/// A message that no gateway sent.
const FOREIGN: &str = "{\"Records\":[{\"eventSource\":\"somebody:else\"}]}";

/// Number of rounds of waiting and processing within which everything must end.
const ROUNDS: usize = 40;

/// Has a message of someone else's processed under a plan; the calls.
///
/// # Errors
/// When it is neither in the queue nor in the dead-letter queue, or not as it was sent.
pub async fn run_foreign(world: &mut World, plan: Plan) -> Result<Vec<String>, String> {
    world.begin(&[], plan);
    let send = world
        .sqs
        .send_message()
        .queue_url(world.engines.queue_url());
    let sent = send.message_body(FOREIGN).send().await;
    sent.expect("the queue takes it");
    for _ in 0..ROUNDS {
        if world.queued().await == 0 {
            break;
        }
        if world.process().await.is_empty() {
            world.clock.advance(LATE);
        }
        if world.queued().await + world.dead_letters().await == 0 {
            return Err(format!("it is nowhere after {:?}", world.faults.fired()));
        }
    }
    let sqs = &world.engines.sqs;
    let letters = sqs.receive(DEAD_LETTER_QUEUE, 10, Duration::ZERO, Some(Duration::ZERO));
    let letters = letters.await.expect("the queue answers");
    let calls = world.faults.calls();
    let fired = world.faults.fired();
    clear(world).await;
    if !letters.iter().any(|letter| letter.body == FOREIGN) {
        return Err(format!("no dead letter is as it was sent, after {fired:?}"));
    }
    Ok(calls)
}

impl World {
    /// The queue rejects an event while an older entry of the outbox cannot be read; then sweeps. Messages
    /// in the queue and entries in the outbox afterwards.
    pub async fn sweep_past_an_unreadable_entry(&mut self) -> (usize, usize) {
        self.begin(&[], Plan::from([(1, Fault::Fail)]));
        self.put_unreadable_entry().await;
        assert!(self.send().await, "the outbox takes it");
        self.sweep().await;
        self.sweep().await;
        (self.queued().await, self.outbox().await)
    }

    async fn put_unreadable_entry(&self) {
        let put = self.dynamodb.put_item().table_name(TABLE);
        let put = put
            .item("pk", text(self.key().as_str()))
            .item("sk", text("outbox#7"))
            .item("gpk", text("outbox#0"))
            .item("gsk", text("0000000000001"))
            .item("data", AttributeValue::B(Blob::new(*b"not gzip")));
        put.send().await.expect("the table takes it");
    }
}
