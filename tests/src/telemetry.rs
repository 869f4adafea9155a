//! The standard output of the functions in Lambda, kept where a test can read it; and the
//! functions on engines in memory, called as Lambda calls them.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use bytes::Bytes;
use hookgate::config::{Config, IngestOrder};
use hookgate::metrics::{MAX_VALUES, Metric};
use hookgate::system_now;
use hookgate::{Clock, Documents, MetricLines, Secrets, telemetry};
use hookgate::{Event, Runtime, Sources};
use hookgate_ingest::Ingest;
use hookgate_processor::handlers::{Effect, HandlerError, Handlers};
use hookgate_processor::{Invocation, Processor};
use hookgate_twin::engines::{Engines, QUEUE};
use http::{Request, Response};
use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// Product's secret.
pub const SECRET: &str = "canary-of-the-webhook-secret";

const CONFIG: &str = r#"
[sources.product]
provider = "product"
secrets  = ["env:PRODUCT"]
event    = { tenant = "body:tenant" }

[sources.strict]
provider    = "product"
secrets     = ["env:PRODUCT"]
on_mismatch = "reject"

[[routes]]
type = "run.failed"
to   = "handler:noted"

[[routes]]
type = "poison"
to   = "handler:noted"

[[routes]]
type = "later"
to   = "handler:noted"

[[routes]]
type = "never"
to   = "handler:noted"

[[routes]]
type = "panic"
to   = "handler:noted"
"#;

/// The sources that metrics may name.
pub const SOURCES: [&str; 2] = ["product", "strict"];

/// Where the metrics of tests go.
pub const NAMESPACE: &str = "Hookgate/tests";

/// One test at a time, each from its start: where a process has just one subscriber, `tracing` asks
/// that of the thread that comes to a line first, for all threads and for good.
static TURN: Mutex<()> = Mutex::new(());

/// While this lives, the thread's log lines are taken.
#[derive(Debug)]
pub struct Taken {
    _subscriber: DefaultGuard,
    _turn: MutexGuard<'static, ()>,
}

/// Standard output, as far as a test is concerned.
#[derive(Clone, Debug, Default)]
pub struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    /// Takes what this thread logs from now on, as a function in Lambda would, until `Taken` is dropped.
    pub fn take(filter: &str) -> (Output, Taken) {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let output = Output::default();
        let writer = {
            let output = output.clone();
            move || output.clone()
        };
        let subscriber = {
            let metrics = MetricLines::new(NAMESPACE, SOURCES, writer.clone());
            telemetry(filter, metrics, writer)
        };
        let taken = Taken {
            _subscriber: tracing::subscriber::set_default(subscriber),
            _turn: turn,
        };
        (output, taken)
    }

    /// All of it.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().expect("no writer panics").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// Its lines, each a JSON object.
    pub fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.split_terminator('\n');
        lines
            .map(|line| {
                let breaks = |c: char| c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c);
                assert!(!line.contains(breaks), "a line that breaks: {line:?}");
                assert!(line.len() < 4096, "{} bytes in a line", line.len());
                let value: Value = serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{error} in {line:?}"));
                assert!(value.is_object(), "{line}");
                value
            })
            .collect()
    }

    /// The lines of this outcome.
    pub fn outcomes(&self, outcome: &str) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["outcome"] == outcome);
        lines
    }

    /// The number of events that were handled.
    pub fn handled(&self) -> u64 {
        let lines = self.outcomes("done");
        let events = lines
            .iter()
            .map(|line| line["events"].as_u64().unwrap_or(1));
        events.sum()
    }

    /// The lines that carry metrics, each checked against the format.
    pub fn metrics(&self) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line.get("_aws").is_some());
        lines
            .iter()
            .for_each(|line| assert_metric_line(line, &SOURCES));
        lines
    }

    /// The sum of a metric over all lines: those with metrics, and those that the template's metric filters count.
    pub fn sum(&self, metric: Metric) -> u64 {
        let lines = self.metrics();
        let values = lines.iter();
        let values = values.filter_map(|line| line[metric.name()].as_u64());
        let filtered = match metric {
            Metric::EventsAccepted => self.outcomes("accepted").len() as u64,
            _ => 0,
        };
        values.sum::<u64>() + filtered
    }
}

/// The members of log lines that carry metrics.
const LOG_MEMBERS: &[&str] = &[
    "timestamp",
    "level",
    "message",
    "target",
    "outcome",
    "source",
    "event_type",
    "tenant",
    "event_id",
    "key",
    "keys",
    "events",
    "trace_id",
    "body_bytes",
    "to",
    "attempt",
    "total_ms",
    "status",
    "reason",
    "error",
    "field",
    "problem",
];

/// The word that a line's metrics have for a dimension.
pub fn dimension<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array()?;
    let mut sets = directives
        .iter()
        .filter_map(|directive| directive["Dimensions"].as_array())
        .flatten();
    let named = sets.any(|set| {
        set.as_array()
            .is_some_and(|set| set.iter().any(|d| d == name))
    });
    line[name].as_str().filter(|_| named)
}

/// Fails where a line is not what the embedded metric format's specification says, or says more than
/// the list of metrics and the log line do.
pub fn assert_metric_line(line: &Value, sources: &[&str]) {
    let list = |value: &Value| {
        value
            .as_array()
            .cloned()
            .unwrap_or_else(|| panic!("{line}"))
    };
    assert!(line["_aws"]["Timestamp"].is_u64(), "{line}");
    let mut referenced = vec!["_aws".to_owned()];
    for directive in list(&line["_aws"]["CloudWatchMetrics"]) {
        assert_eq!(directive["Namespace"], NAMESPACE, "{line}");
        let sets = list(&directive["Dimensions"]);
        assert_eq!(
            sets[0],
            serde_json::json!([]),
            "the total comes first: {line}"
        );
        for set in sets {
            let set = list(&set);
            assert!(set.len() <= 30, "{line}");
            for dimension in set {
                let name = dimension.as_str().expect("a name").to_owned();
                let word = line[&name]
                    .as_str()
                    .unwrap_or_else(|| panic!("{name}: {line}"));
                assert!(is_known(&name, word, sources), "{name}={word}: {line}");
                referenced.push(name);
            }
        }
        let metrics = list(&directive["Metrics"]);
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name").to_owned();
            let mut all = Metric::ALL.iter();
            let listed = all.find(|metric| metric.name() == name);
            let listed = listed.unwrap_or_else(|| panic!("{name}: {line}"));
            assert_eq!(metric["Unit"], listed.unit().name(), "{line}");
            let value = &line[&name];
            let values = value
                .as_array()
                .map_or(usize::from(value.is_u64()), Vec::len);
            assert!((1..=MAX_VALUES).contains(&values), "{name}: {line}");
            referenced.push(name);
        }
    }
    let is_logged = line["outcome"].is_string();
    for member in line.as_object().expect("an object").keys() {
        if is_logged && LOG_MEMBERS.contains(&member.as_str()) {
            continue;
        }
        assert!(referenced.contains(member), "{member} is nothing: {line}");
    }
}

fn is_known(dimension: &str, word: &str, sources: &[&str]) -> bool {
    match dimension {
        "source" => sources.contains(&word),
        "function" => ["ingest", "processor", "sweeper", "admin"].contains(&word),
        // The words are fixed ones of the code's; here it is enough that they are words.
        "reason" => word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
        _ => false,
    }
}

/// The handler of every event: notes what it was given, and does what the event's type asks for.
#[derive(Clone, Debug, Default)]
pub struct Noting(pub Arc<Mutex<Vec<Event>>>);

impl Noting {
    fn handle(&self, event: &Event, body: &Bytes) -> Result<Effect, HandlerError> {
        self.0
            .lock()
            .expect("no handler panics here")
            .push(event.clone());
        match event.type_or_dash() {
            "poison" => Err(HandlerError::permanent("poison")),
            "later" => Err(HandlerError::transient("later")),
            "never" => Err(HandlerError::Throttled("never".into(), Duration::MAX)),
            "panic" => panic!("{}", String::from_utf8_lossy(body)),
            _ => Ok(Effect::Happened),
        }
    }

    fn handlers(&self) -> Handlers {
        let noting = self.clone();
        Handlers::default().with("noted", move |event, body| {
            let noting = noting.clone();
            Box::pin(async move { noting.handle(event, body) })
        })
    }
}

/// Ingest and the processor, on engines in memory.
pub struct Functions {
    /// The engines.
    pub engines: Engines,
    /// The events that the handler was given.
    pub handled: Noting,
    ingest: Ingest,
    processor: Processor,
}

impl Functions {
    /// Starts the engines.
    pub async fn start() -> Functions {
        let engines = Engines::in_memory(Box::new(system_now));
        let engines = engines.await.expect("the engines start");
        Functions::on(engines).await
    }

    /// The functions, with an ingest that makes events durable in this order.
    pub async fn in_order(order: IngestOrder) -> Functions {
        let functions = Functions::start().await;
        Functions {
            ingest: functions.ingest.in_order(order),
            ..functions
        }
    }

    /// The functions on these engines.
    pub async fn on(engines: Engines) -> Functions {
        let config = Config::parse(CONFIG).expect("a good configuration");
        let variables = HashMap::from([("PRODUCT".to_owned(), SECRET.to_owned())]);
        let secrets = Secrets::new(variables, None);
        let sources = Sources::load(
            &config,
            secrets,
            Documents::fetched(),
            Runtime::Local,
            system_now(),
        )
        .await;
        let (table, queue) = (engines.table(config.retention), engines.queue());
        let bodies = engines.bodies();
        let handled = Noting::default();
        Functions {
            ingest: Ingest::new(
                sources.expect("good sources"),
                table.clone(),
                queue.clone(),
                Some(bodies.clone()),
                Clock::system(),
            ),
            processor: Processor::new(
                table,
                queue,
                Some(bodies),
                Clock::system(),
                &handled.handlers(),
                config.routes,
            )
            .expect("good routes"),
            engines,
            handled,
        }
    }

    /// Answers an event of Lambda, as ingest's `main` does.
    pub async fn invoke(&self, event: &Value) -> Value {
        let event = serde_json::from_value(event.clone()).expect("any JSON");
        let answer = self.ingest.answer(&event, None).await;
        serde_json::to_value(answer).expect("an answer is JSON")
    }

    /// Answers a request.
    pub async fn request(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.ingest.handle(request).await
    }

    /// The messages that wait, as Lambda hands them over.
    pub async fn batch(&self) -> SqsEvent {
        let received = self.engines.sqs.receive(QUEUE, 10, Duration::ZERO, None);
        let mut batch = SqsEvent::default();
        for message in received.await.expect("the queue answers") {
            let mut record = SqsMessage::default();
            record.message_id = Some(message.id);
            record.receipt_handle = Some(message.receipt_handle);
            record.body = Some(message.body);
            record.attributes = message.system_attributes.into_iter().collect();
            batch.records.push(record);
        }
        batch
    }

    /// Processes a batch; how many of its messages come again.
    pub async fn process(&self, batch: SqsEvent) -> usize {
        let invocation = Invocation {
            request_id: "request".to_owned(),
            deadline: system_now() + Duration::from_secs(30),
        };
        let response = self.processor.handle(batch, &invocation).await;
        response.batch_item_failures.len()
    }
}
