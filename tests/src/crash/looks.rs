//! Looks at the stores that bypass the wire, so that no fault strikes them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use hookgate::event::{EventFilter, EventSearch};
use hookgate::{EventKey, unix_ms};
use hookgate_api::{EventSummary, Order};
use hookgate_ledger::State;
use hookgate_twin::engines::{DEAD_LETTER_QUEUE, Engines, QUEUE, REPLAY_QUEUE, TABLE};

use super::World;

/// An event's item.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) state: State,
    pub(crate) epoch: u32,
    pub(crate) attempts: u32,
}

impl World {
    /// The event's item.
    pub(crate) async fn event(&self) -> Option<Seen> {
        self.event_of(&self.key()).await
    }

    /// An event's item.
    pub(crate) async fn event_of(&self, key: &EventKey) -> Option<Seen> {
        let item = self.item(key.as_str(), "event").await?;
        let state = item["st"].as_s().expect("a text");
        Some(Seen {
            state: State::from_code(state).expect("a state"),
            epoch: number(&item, "ep"),
            attempts: number(&item, "att"),
        })
    }

    /// The count that the handler's writes add to.
    pub(crate) async fn count(&self) -> usize {
        let item = self.item("crash-test", self.key().as_str()).await;
        item.map_or(0, |item| number(&item, "n"))
    }

    /// True if the event's payload can be read by its key.
    pub(crate) async fn is_archived(&self) -> bool {
        let event = self.table.show_event(&self.key(), self.clock.now()).await;
        let event = event.expect("the table answers");
        event.is_some_and(|event| event.payload.is_some())
    }

    /// The number of times that the event is in the list of all.
    pub(crate) async fn listed(&self) -> usize {
        let search = EventSearch {
            sources: vec!["product".to_owned()],
            filter: EventFilter::default(),
            tenant: None,
            event_id: None,
            since_ms: unix_ms(self.began),
            until_ms: unix_ms(self.clock.now()),
            order: Order::Newest,
        };
        let (mut listed, mut after) = (0, None);
        loop {
            let round = self.table.search(&search, after.as_ref(), 1).await;
            let round = round.expect("the table answers");
            let is_this = |event: &&EventSummary| event.key == self.key().as_str();
            listed += round.events.iter().filter(is_this).count();
            after = round.next;
            if after.is_none() {
                return listed;
            }
        }
    }

    async fn item(&self, pk: &str, sk: &str) -> Option<HashMap<String, AttributeValue>> {
        let get = self.dynamodb.get_item().table_name(TABLE);
        let get = get.key("pk", text(pk)).key("sk", text(sk));
        let found = get.consistent_read(true).send().await;
        found.expect("the table answers").item
    }

    /// Messages in the queues, seen or not.
    pub(crate) async fn queued(&self) -> usize {
        depth(&self.engines, QUEUE).await + depth(&self.engines, REPLAY_QUEUE).await
    }

    /// Messages in the dead-letter queue.
    pub(crate) async fn dead_letters(&self) -> usize {
        depth(&self.engines, DEAD_LETTER_QUEUE).await
    }

    /// True if a replay has not finished yet.
    pub(crate) async fn is_replaying(&self) -> bool {
        let running = self.table.running_replays().await;
        !running.expect("the table answers").is_empty()
    }

    /// The time at which the event's story began, RFC 3339.
    pub(crate) fn began(&self) -> String {
        let began = jiff::Timestamp::try_from(self.began).expect("a time of today");
        began.to_string()
    }

    /// The event's messages in the outbox.
    pub(crate) async fn outbox(&self) -> usize {
        let query = self.dynamodb.query().table_name(TABLE);
        let query = query
            .key_condition_expression("pk = :key AND begins_with(sk, :outbox)")
            .expression_attribute_values(":key", text(self.key().as_str()))
            .expression_attribute_values(":outbox", text("outbox#"))
            .select(Select::Count);
        let counted = query.send().await.expect("the table answers").count;
        usize::try_from(counted).expect("a small number")
    }
}

fn number<N: std::str::FromStr + Default>(item: &HashMap<String, AttributeValue>, name: &str) -> N {
    let number = item
        .get(name)
        .map(|number| number.as_n().expect("a number"));
    let parsed = number.map(|number| number.parse().ok().expect("a small number"));
    parsed.unwrap_or_default()
}

async fn depth(engines: &Engines, queue: &str) -> usize {
    let depth = engines.sqs.depth(queue).await.expect("the queue answers");
    usize::try_from(depth.visible + depth.in_flight + depth.delayed).expect("a small number")
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
