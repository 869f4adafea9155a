use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookgate::config::{Config, IngestOrder};
use hookgate::{Clock, Documents, DynamoTable, EventKey, Route, Runtime, Secrets, Sources};
use hookgate_admin::Admin;
use hookgate_ingest::Ingest;
use hookgate_processor::Processor;
use hookgate_sweeper::Sweeper;
use hookgate_twin::engines::Engines;
use tokio::sync::mpsc;

use super::{Act, Effects, Faults, Plan, Scripted, Signal, Size, Wire};

const CONFIG: &str = "[sources.product]\nprovider = \"product\"\nsecrets = [\"env:PRODUCT\"]\n";
/// The name of the stories' route.
pub(crate) const ROUTE: &str = "scripted";

/// The number of attempts after which the stories' route gives an event up.
pub(crate) const ATTEMPTS: u32 = 8;

pub(crate) const SECRET: &str = "crash-test";

/// The time at which the first event of world 0 comes in, in seconds since 1970: so late that no engine expires an item
/// by the machine's own clock.
const BEGIN_S: u64 = 4_102_444_800;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The first characters of keys, each at the number of its shard.
const SHARDS: [char; 64] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S',
    'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l',
    'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1', '2', '3', '4',
    '5', '6', '7', '8', '9', '-', '_',
];

/// Longer than visibility timeout and lease.
pub(crate) const LATE: Duration = Duration::from_secs(200);

/// A clock that the test moves, shared with the queues.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(
            u64::try_from(by.as_millis()).expect("a short time"),
            Ordering::SeqCst,
        );
    }

    pub(crate) fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// The clock as the functions hold it.
    fn shared(&self) -> Clock {
        let clock = self.clone();
        Clock::new(move || clock.now())
    }
}

/// The functions on engines in memory, over a wire on which every request can be struck.
pub struct World {
    pub(crate) engines: Engines,
    /// The table, past the wire.
    pub(crate) table: DynamoTable,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) clock: TestClock,
    pub(crate) faults: Arc<Faults>,
    pub(crate) effects: Arc<Mutex<Effects>>,
    pub(crate) signals: mpsc::UnboundedReceiver<Signal>,
    pub(crate) actors: Arc<Actors>,
    /// The world's number, which everything that a run could do by chance follows from.
    number: u64,
    serial: usize,
    pub(crate) began: SystemTime,
    /// The size of the event's body.
    pub(crate) size: Size,
    /// The order in which ingest makes it durable.
    pub(crate) order: IngestOrder,
}

pub(crate) struct Actors {
    pub(crate) ingest: Ingest,
    /// Ingest without a bucket.
    pub(crate) without_bucket: Ingest,
    /// Ingest that sends first.
    pub(crate) queue_first: Ingest,
    pub(crate) processor: Processor,
    pub(crate) sweeper: Sweeper,
    pub(crate) admin: Admin,
}

impl World {
    /// Starts the engines and the functions.
    pub async fn start() -> World {
        World::numbered(0).await
    }

    /// A world like no other: its number decides on times, keys, parts of the index and jitters.
    pub async fn numbered(number: u64) -> World {
        super::handler::hush();
        // Any time of any day of four weeks.
        let begin_s = BEGIN_S + number.wrapping_mul(7_919) % (28 * 24 * 3600);
        let clock = TestClock(Arc::new(AtomicU64::new(begin_s * 1000)));
        let queue_clock = clock.clone();
        let engines = Engines::in_memory(Box::new(move || queue_clock.now()));
        let engines = engines.await.expect("the engines start");
        let (sender, signals) = mpsc::unbounded_channel();
        let faults = Arc::new(Faults::new(sender));
        let effects = Arc::<Mutex<Effects>>::default();
        let config = Config::parse(CONFIG).expect("a good configuration");
        let (table, dynamodb) = (engines.table(config.retention), engines.dynamodb_client());
        let sqs = engines.sqs_client();
        let engines = engines.over(Wire::new(faults.clone()));
        // One shard is as good as many, and makes fewer calls.
        let store = engines.table(config.retention).with_outbox_shards(1);
        let queue = engines.queue();
        let bodies = engines.bodies();
        let handlers = Scripted {
            faults: faults.clone(),
            effects: effects.clone(),
        };
        let processor = Processor::new(
            store.clone(),
            engines.queue_with_replays(),
            Some(bodies.clone()),
            clock.shared(),
            &handlers.registered(),
            routes(),
        );
        let actors = Arc::new(Actors {
            ingest: Ingest::new(
                sources(&config, &clock).await,
                store.clone(),
                queue.clone(),
                Some(bodies.clone()),
                clock.shared(),
            ),
            queue_first: Ingest::new(
                sources(&config, &clock).await,
                store.clone(),
                queue.clone(),
                Some(bodies),
                clock.shared(),
            )
            .in_order(IngestOrder::QueueFirst),
            without_bucket: Ingest::new(
                sources(&config, &clock).await,
                store.clone(),
                queue.clone(),
                None,
                clock.shared(),
            ),
            processor: processor.expect("the handler is there"),
            sweeper: Sweeper::new(
                store.clone(),
                engines.queue_with_replays(),
                routes(),
                clock.shared(),
            ),
            admin: Admin::new(
                vec!["product".to_owned()],
                config.retention,
                store,
                queue,
                engines.dead_letters(),
                clock.shared(),
            ),
        });
        World {
            engines,
            table,
            dynamodb,
            sqs,
            faults,
            effects,
            signals,
            actors,
            number,
            serial: 0,
            size: Size::Small,
            order: IngestOrder::RecordFirst,
            began: clock.now(),
            clock,
        }
    }

    /// Begins a run of another event, of which the handler does this, in order.
    pub(crate) fn begin(&mut self, script: &[Act], plan: Plan) {
        // On each day the archive begins anew.
        self.clock.advance(DAY);
        self.next_event();
        self.faults.begin(plan);
        *self.effects() = Effects {
            script: script.iter().rev().copied().collect(),
            counter: self.key().to_string(),
            sent: self.body(),
            ..Effects::default()
        };
    }

    pub(crate) fn effects(&self) -> MutexGuard<'_, Effects> {
        self.effects.lock().expect("no handler panics here")
    }

    /// Another event, in the same part of the index as the one before.
    pub(crate) fn next_event(&mut self) {
        self.serial += 1;
        while !self.key().as_str().starts_with(SHARDS[self.part()]) {
            self.serial += 1;
        }
        // Another one for each event: DynamoDB remembers the tokens that are drawn for transactions.
        fastrand::seed((self.number << 20) + self.serial as u64);
        // No event of another story is of the same range, and the state of its route is looked at again.
        self.clock.advance(Duration::from_secs(10));
        self.began = self.clock.now();
    }

    /// The part of the index that everything of this world is in.
    pub(crate) fn part(&self) -> usize {
        (self.number % 64) as usize
    }

    /// The event's key in the ledger.
    pub(crate) fn key(&self) -> EventKey {
        EventKey::new(None, "product", &format!("id:{}", self.event_id()))
    }

    pub(crate) fn event_id(&self) -> String {
        format!("evt_{}_{}", self.number, self.serial)
    }
}

/// One route that gives up after eight attempts. Its breaker is left out: the stories are of one event.
fn routes() -> Vec<Route> {
    let mut route = Route::new("*", "*", "handler:scripted");
    assert_eq!(route.name, ROUTE);
    route.retry.attempts = Some(ATTEMPTS);
    route.breaker = None;
    vec![route]
}

async fn sources(config: &Config, clock: &TestClock) -> Sources {
    let variables = HashMap::from([("PRODUCT".to_owned(), SECRET.to_owned())]);
    let (secrets, documents) = (Secrets::new(variables, None), Documents::fetched());
    let sources = Sources::load(config, secrets, documents, Runtime::Local, clock.now()).await;
    sources.expect("good sources")
}
