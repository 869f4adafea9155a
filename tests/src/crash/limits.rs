//! Just before and just after a lease and a visibility timeout are over, and what the processor asks of the
//! queue meanwhile.

use std::time::Duration;

use super::run::clear;
use super::{Act, Fault, Plan, World};

// The calls of a poll are: receive, the route's state, claim, mark the day, archive, effect.
pub(super) const CLAIM: usize = 2;
const EFFECT: usize = 5;

impl World {
    /// Lets a handler run for so long; then its message is delivered to another processor too. How many
    /// handlers ran at a time.
    pub async fn handlers_when_one_runs_for(&mut self, time: Duration) -> usize {
        self.accept(&[]).await;
        let meet = Fault::MeetProcessorAfter(time);
        self.faults.begin(Plan::from([(EFFECT, meet)]));
        self.process().await;
        let most = self.effects().most_running;
        self.finish().await;
        most
    }

    /// A processor dies under its claim. Whether another one handles the event, if it is given the message
    /// after so long.
    pub async fn is_taken_over_after(&mut self, time: Duration) -> bool {
        self.die_under_a_claim().await;
        self.clock.advance(time);
        self.deliver_again().await;
        self.process().await;
        let done = self.effects().count == 1;
        self.finish().await;
        done
    }

    /// A processor dies under its claim. Whether the queue gives the message out after so long, and whether
    /// the event is handled at once then.
    pub async fn comes_again_after(&mut self, time: Duration) -> (bool, bool) {
        self.die_under_a_claim().await;
        self.clock.advance(time);
        self.process().await;
        let received = self.faults.calls().len() > 1;
        let done = self.effects().count == 1;
        self.finish().await;
        (received, done)
    }

    /// The delays of messages that the processor asked the queue for since the last plan began, in seconds.
    pub fn delays(&self) -> Vec<u64> {
        let calls = self.faults.calls();
        let delays = calls.iter().filter_map(|call| {
            let delayed = call.strip_prefix("ChangeMessageVisibility ");
            delayed.or_else(|| call.strip_prefix("SendMessage hookgate-events "))
        });
        delays
            .map(|seconds| seconds.parse().expect("seconds"))
            .collect()
    }

    /// Has an event accepted, of which the handler does this.
    async fn accept(&mut self, script: &[Act]) {
        self.begin(script, Plan::new());
        assert!(self.send().await, "nothing is wrong yet");
    }

    /// Leaves no message for the next run, hidden ones included.
    async fn finish(&self) {
        self.deliver_again().await;
        clear(self).await;
    }

    async fn die_under_a_claim(&mut self) {
        self.accept(&[]).await;
        self.faults.begin(Plan::from([(CLAIM, Fault::CrashAfter)]));
        self.process().await;
        self.faults.begin(Plan::new());
    }
}
