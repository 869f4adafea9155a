//! The conditions that DynamoDB evaluates say the same as the ledger's decisions: for every shape of
//! stored item, each operation is run on a real engine and compared with the pure function.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is a finding"
)]

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use hookgate::DynamoTable;
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, Grant, OutboxRow, Retry, Rows, Until};
use hookgate::system_now;
use hookgate::{Body, Event, EventKey, Message, unix_ms};
use hookgate_ledger::{
    ClaimDecision, DiscardDecision, Item, Number, RecordDecision, State, may_complete,
    may_dead_letter, may_mark_enqueued, may_release, may_remove_row, may_replace_row, on_claim,
    on_discard, on_record,
};
use hookgate_tests::servers;
use hookgate_twin::engines::Engines;

const ME: &str = "me";
const EPOCH: u32 = 5;

/// The number of the message that comes along: the third of its epoch.
const NUMBER: Number = Number {
    epoch: EPOCH,
    seq: 2,
};
const TOMORROW: Duration = Duration::from_secs(24 * 3600);

/// A stored item, or none.
#[derive(Clone, Debug)]
struct Shape {
    item: Option<Item<String>>,
    same_body: bool,
}

/// Everything that may stand in the table when an event at [`EPOCH`] comes along.
fn shapes(now_ms: u64) -> Vec<Shape> {
    let mut shapes = vec![Shape {
        item: None,
        same_body: true,
    }];
    for state in State::ALL {
        for number in numbers() {
            for owner in [None, Some(ME), Some("other")] {
                for lease_until_ms in [0, now_ms - 1, now_ms, now_ms + 1] {
                    for (expires_s, same_body) in [
                        (u64::MAX >> 12, true),
                        (u64::MAX >> 12, false),
                        (now_ms / 1000 - 1, true),
                        (now_ms / 1000, true),
                    ] {
                        let owner = owner.map(str::to_owned);
                        let item = Item {
                            state,
                            number,
                            owner,
                            lease_until_ms,
                            expires_s,
                        };
                        shapes.push(Shape {
                            item: Some(item),
                            same_body,
                        });
                    }
                }
            }
        }
    }
    shapes
}

/// Numbers before, at and after [`NUMBER`]. A first number is stored without its place.
fn numbers() -> Vec<Number> {
    let epochs = [EPOCH - 1, EPOCH, EPOCH + 1].into_iter();
    let numbers = epochs.flat_map(|epoch| [0, 2, 3].map(|seq| Number { epoch, seq }));
    numbers.collect()
}

/// A table on an engine, with one event in it.
struct Bench {
    client: Client,
    table: DynamoTable,
    name: String,
    now: SystemTime,
    serial: u32,
}

impl Bench {
    async fn new(client: Client) -> Bench {
        let now = system_now();
        let name = format!("expressions-{}", unix_ms(now));
        let table = DynamoTable::new(client.clone(), &name, None).with_outbox_shards(1);
        table.create().await.unwrap();
        // Whole milliseconds, as they are stored; and tomorrow, so that the engine deletes nothing.
        let now = UNIX_EPOCH + Duration::from_millis(unix_ms(now)) + TOMORROW;
        Bench {
            client,
            table,
            name,
            now,
            serial: 0,
        }
    }

    /// An event of its own for each case.
    fn event(&mut self) -> Event {
        self.serial += 1;
        Event {
            key: EventKey::new(None, "product", &format!("id:{}", self.serial)),
            source: "product".into(),
            tenant: None,
            id: Some("evt".into()),
            event_type: None,
            received: self.now,
            headers: Vec::new(),
            trace: None,
            body: Body::Inline(b"{}"[..].into()),
        }
    }

    async fn put(&self, event: &Event, shape: &Shape) {
        let Some(item) = &shape.item else { return };
        let number = |n: u64| AttributeValue::N(n.to_string());
        let text = |s: &str| AttributeValue::S(s.to_owned());
        let hash = if shape.same_body {
            event.body.sha256()
        } else {
            [0; 32]
        };
        let mut put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item("pk", text(event.key.as_str()))
            .item("sk", text("event"))
            .item("st", text(item.state.code()))
            .item("ep", number(item.number.epoch.into()))
            .item("lu", number(item.lease_until_ms))
            .item("exp", number(item.expires_s))
            .item("bh", AttributeValue::B(Blob::new(hash)));
        if let Some(owner) = &item.owner {
            put = put.item("own", text(owner));
        }
        if item.number.seq > 0 {
            put = put.item("sq", number(item.number.seq.into()));
        }
        put.send().await.unwrap();
    }

    /// State code, epoch and lease as they are stored now.
    async fn stored(&self, event: &Event) -> Option<(String, u32, u64)> {
        let key = [("pk", event.key.as_str()), ("sk", "event")];
        let key: HashMap<_, _> = key
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
            .into();
        let get = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .consistent_read(true);
        let item = get.send().await.unwrap().item?;
        let number = |name: &str| item.get(name).map_or("0", |value| value.as_n().unwrap());
        Some((
            item["st"].as_s().unwrap().clone(),
            number("ep").parse().unwrap(),
            number("lu").parse().unwrap(),
        ))
    }

    async fn holds_everywhere(&mut self) {
        let now_ms = unix_ms(self.now);
        for shape in shapes(now_ms) {
            let old = shape.item.as_ref();
            self.record(&shape, on_record(old, shape.same_body, now_ms))
                .await;
            if old.is_some_and(|item| item.expires_s <= now_ms / 1000) || !shape.same_body {
                continue; // Only the record looks at these.
            }
            self.mark(&shape, may_mark_enqueued(old, EPOCH)).await;
            self.claim(&shape, on_claim(old, NUMBER, &ME.to_owned(), now_ms))
                .await;
            self.complete(&shape, may_complete(old, EPOCH)).await;
            self.release(&shape, may_release(old, &ME.to_owned())).await;
            self.mark_dead(&shape, may_dead_letter(old, &ME.to_owned()))
                .await;
            self.discard(&shape, on_discard(old, NUMBER, now_ms)).await;
        }
        for number in numbers().into_iter().filter(|at| at.epoch == EPOCH) {
            self.rows(number).await;
        }
        self.client
            .delete_table()
            .table_name(&self.name)
            .send()
            .await
            .unwrap();
    }

    /// Writes a row over another, and removes one that was written anew.
    async fn rows(&mut self, old: Number) {
        let event = self.event();
        let key = event.key.clone();
        let message = |number| Message {
            event: event.clone(),
            number,
            replay: None,
            probe: false,
            held_ms: 0,
        };
        let until = Until::Due(self.now);
        let add = async |number| {
            self.table
                .add_to_outbox(&message(number), until)
                .await
                .unwrap()
        };
        add(old).await;
        add(NUMBER).await;
        let replaced = may_replace_row(Some(old), NUMBER);
        let row = self.row(&key).await.unwrap();
        assert_eq!(row.number, if replaced { NUMBER } else { old }, "{old:?}");
        let read = OutboxRow {
            number: old,
            ..row.clone()
        };
        self.table.remove_from_outbox(&read).await.unwrap();
        let removed = may_remove_row(Some(row.number), old);
        assert_eq!(self.row(&key).await.is_none(), removed, "{old:?}");
        self.table.remove_from_outbox(&row).await.unwrap();
        assert_eq!(self.row(&key).await, None);
    }

    /// The row of an event.
    async fn row(&self, key: &EventKey) -> Option<OutboxRow> {
        for shard in self.table.outbox_shards().await.unwrap() {
            let rows = Rows::Due(self.now);
            let page = self.table.outbox_page(rows, shard, None, 100).await;
            let mut rows = page.unwrap().rows.into_iter();
            if let Some(row) = rows.find(|row| row.key == *key) {
                return Some(row);
            }
        }
        None
    }

    async fn record(&mut self, shape: &Shape, expected: RecordDecision) {
        let event = self.event();
        self.put(&event, shape).await;
        assert_eq!(
            self.table.record(&event, self.now).await.unwrap(),
            expected,
            "{shape:?}"
        );
        if expected == RecordDecision::New {
            let stored = self.stored(&event).await.unwrap();
            assert_eq!(stored, ("R".to_owned(), 0, 0), "{shape:?}");
        }
    }

    async fn mark(&mut self, shape: &Shape, expected: bool) {
        let event = self.event();
        self.put(&event, shape).await;
        self.table.mark_enqueued(&event.key, EPOCH).await.unwrap();
        self.ends(&event, shape, expected, "E").await;
    }

    async fn claim(&mut self, shape: &Shape, expected: ClaimDecision) {
        let message = Message {
            replay: None,
            probe: false,
            held_ms: 0,
            event: self.event(),
            number: NUMBER,
        };
        self.put(&message.event, shape).await;
        let lease_until = self.now + Duration::from_secs(35);
        let request = ClaimRequest {
            message: &message,
            owner: ME,
            lease_until,
            place: None,
            now: self.now,
        };
        let claimed = self.table.claim(request).await.unwrap();
        if shape.item.is_some() && !shape.same_body {
            assert_eq!(claimed, ClaimOutcome::OtherBody, "{shape:?}");
            self.ends(&message.event, shape, false, "P").await;
            return;
        }
        match expected {
            ClaimDecision::Granted => {
                assert_eq!(
                    claimed,
                    ClaimOutcome::Granted(Grant {
                        attempt: 1,
                        claims: 1,
                        previous: self.now,

                        is_archived: false,
                        failed_first: None,
                    }),
                    "{shape:?}"
                );
                // A claim that is made again, because its reply was lost, changes nothing.
                let before = shape.item.as_ref();
                let now_ms = unix_ms(self.now);
                let held = before.filter(|item| item.is_leased(now_ms));
                let lease = held.map_or(unix_ms(lease_until), |item| item.lease_until_ms);
                let epoch = held.map_or(EPOCH, |item| item.number.epoch);
                let stored = self.stored(&message.event).await.unwrap();
                assert_eq!(stored, ("P".to_owned(), epoch, lease), "{shape:?}");
            }
            ClaimDecision::Settled => assert_eq!(claimed, ClaimOutcome::Settled, "{shape:?}"),
            ClaimDecision::Busy { until_ms } => {
                let until = UNIX_EPOCH + Duration::from_millis(until_ms);
                assert_eq!(claimed, ClaimOutcome::Busy(until), "{shape:?}");
            }
        }
        if expected != ClaimDecision::Granted {
            self.ends(&message.event, shape, false, "P").await;
        }
    }

    async fn complete(&mut self, shape: &Shape, expected: bool) {
        let event = self.event();
        self.put(&event, shape).await;
        self.table
            .complete(claimed(&event), self.now)
            .await
            .unwrap();
        self.ends(&event, shape, expected, "D").await;
    }

    async fn release(&mut self, shape: &Shape, expected: bool) {
        let event = self.event();
        self.put(&event, shape).await;
        let retry = Retry {
            error: "failed",
            next: self.now,
            number: NUMBER.next(),
        };
        let (table, claim) = (&self.table, claimed(&event));
        table.release(claim, retry, self.now).await.unwrap();
        self.ends(&event, shape, expected, "P").await;
        if expected {
            assert_eq!(
                self.stored(&event).await.unwrap().2,
                0,
                "the lease is given back: {shape:?}"
            );
        }
    }

    async fn mark_dead(&mut self, shape: &Shape, expected: bool) {
        let event = self.event();
        self.put(&event, shape).await;
        self.table
            .mark_dead(claimed(&event), "failed", self.now)
            .await
            .unwrap();
        self.ends(&event, shape, expected, "X").await;
    }

    async fn discard(&mut self, shape: &Shape, expected: DiscardDecision) {
        let event = self.event();
        self.put(&event, shape).await;
        let noted = self
            .table
            .note_discarded(&event, NUMBER, "discarded", self.now);
        assert_eq!(noted.await.unwrap(), expected, "{shape:?}");
        let dies = expected == DiscardDecision::Dead;
        self.ends(&event, shape, dies, "X").await;
    }

    /// The item is in the new state where the decision allows it, and as it was otherwise.
    async fn ends(&self, event: &Event, shape: &Shape, changed: bool, code: &str) {
        let stored = self.stored(event).await;
        if changed {
            assert_eq!(stored.unwrap().0, code, "{shape:?}");
            return;
        }
        let before = shape.item.as_ref().map(|item| {
            (
                item.state.code().to_owned(),
                item.number.epoch,
                item.lease_until_ms,
            )
        });
        assert_eq!(stored, before, "{shape:?}");
    }
}

fn claimed(event: &Event) -> Claim<'_> {
    Claim {
        event,
        number: NUMBER,
        owner: ME,
        grant: Grant {
            attempt: 1,
            claims: 1,
            previous: event.received,

            is_archived: false,
            failed_first: None,
        },
        began: event.received,
        target: None,
        archived: None,
    }
}

#[tokio::test]
async fn conditions_agree_with_decisions_on_the_embedded_engine() {
    let engines = Engines::in_memory(Box::new(|| UNIX_EPOCH)).await.unwrap();
    Bench::new(engines.dynamodb_client())
        .await
        .holds_everywhere()
        .await;
}

#[tokio::test]
#[ignore = "needs ministack: run tests/scripts/run.sh"]
async fn conditions_agree_with_decisions_on_ministack() {
    let aws = servers::config(&servers::provisioned("HOOKGATE_TEST_MINISTACK_URL"));
    Bench::new(Client::new(&aws)).await.holds_everywhere().await;
}
