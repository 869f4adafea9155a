//! Four busy minutes of the deployed functions, as metrics: `tests/scripts/picture.py` draws the dashboard of them.
//!
//! The functions run under Lambda's emulator and write their own metrics. AWS's are measured here, where
//! AWS would: how long a call takes, what is answered, how much is in the queue.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookgate::system_now;
use hookgate::unix_ms;
use hookgate_tests::batch::{batch, key, process, records};
use hookgate_tests::deployment::{
    Deployment, PAKK_SECRET, Sample, ingest_with, processor_with, with,
};
use hookgate_tests::emulator::Function;
use hookgate_tests::gate::Gate;
use hookgate_tests::provider;
use hookgate_tests::shapes::{Encoding, HTTP_API, event};
use serde_json::{Value, json};

const END_S: f32 = 240.0;

/// The queue takes nothing from ingest.
const QUEUE_OUT: std::ops::Range<f32> = 110.0..125.0;
/// The processor cannot reach the table: what it has comes again three minutes later.
const TABLE_OUT: std::ops::Range<f32> = 20.0..26.0;
/// Someone sends forged requests.
const FORGED: std::ops::Range<f32> = 60.0..85.0;

/// The run: its measurements, and what its parts share.
struct Run {
    deployment: Deployment,
    start: Instant,
    lines: Mutex<Vec<String>>,
    /// The events that were accepted and not handled yet, and since when.
    open: Mutex<BTreeMap<String, Instant>>,
}

impl Run {
    fn seconds(&self) -> f32 {
        self.start.elapsed().as_secs_f32()
    }

    fn goes_on(&self) -> bool {
        self.seconds() < END_S
    }

    /// A value of one of AWS's own metrics, in the form of the functions' lines.
    fn note(&self, space: &str, metric: &str, dimension: (&str, &str), value: f64) {
        let (name, word) = dimension;
        let directive = json!({
            "Namespace": space, "Dimensions": [[name]], "Metrics": [{ "Name": metric }],
        });
        let aws = json!({ "Timestamp": unix_ms(system_now()), "CloudWatchMetrics": [directive] });
        let line = json!({ "_aws": aws, name: word, metric: value });
        lock(&self.lines).push(line.to_string());
    }

    /// Invokes a function, and notes what Lambda would.
    async fn invoke<T>(&self, function: &str, call: impl Future<Output = T>) -> (T, f64) {
        let start = Instant::now();
        let answer = call.await;
        let ms = start.elapsed().as_secs_f64() * 1000.0;
        for (metric, value) in [
            ("Duration", ms),
            ("Errors", 0.0),
            ("Throttles", 0.0),
            ("ConcurrentExecutions", 1.0),
        ] {
            self.note("AWS/Lambda", metric, ("FunctionName", function), value);
        }
        (answer, ms)
    }

    async fn post(&self, ingest: &mut Function, sample: &Sample) {
        let request = event(HTTP_API, &sample.path(), &sample.good, Encoding::Plain);
        let (answer, ms) = self.invoke("ingest", ingest.invoke(&request)).await;
        let status = answer["statusCode"].as_u64().expect("an answer of ingest");
        let api = ("ApiId", "api");
        let class = |from: u64| f64::from(u8::from((from..from + 100).contains(&status)));
        self.note("AWS/ApiGateway", "Count", api, 1.0);
        self.note("AWS/ApiGateway", "4xx", api, class(400));
        self.note("AWS/ApiGateway", "5xx", api, class(500));
        self.note("AWS/ApiGateway", "Latency", api, ms);
        let body: Value =
            serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
        if body["status"] == "accepted" {
            let key = body["event"].as_str().expect("a key").to_owned();
            lock(&self.open).insert(key, Instant::now());
        }
    }

    /// The sender: waves of good events, some of them twice, some poison; and for a while forged ones.
    async fn send(&self, mut ingest: Function, queue: &Gate) {
        let mut random = fastrand::Rng::with_seed(7);
        let mut serial = 0;
        while self.goes_on() {
            let seconds = self.seconds();
            set(queue, !QUEUE_OUT.contains(&seconds));
            serial += 1;
            let mut samples = self.deployment.samples(&serial.to_string());
            let mut sample = samples.swap_remove(random.usize(0..samples.len()));
            if FORGED.contains(&seconds) && random.f32() < 0.5 {
                sample.good = sample.altered();
            } else if random.f32() < 0.03 {
                let body = json!({ "event": "stock.changed", "serial": serial }).to_string();
                sample.source = "pakk";
                sample.good = provider::pakk(PAKK_SECRET, body.as_bytes());
            }
            self.post(&mut ingest, &sample).await;
            if random.f32() < 0.06 {
                self.post(&mut ingest, &sample).await;
            }
            let wave = 1.3 + (seconds / 14.0).sin();
            tokio::time::sleep(Duration::from_secs_f32(0.06 / wave)).await;
        }
        lock(&self.lines).push(ingest.log());
    }

    /// Does what Lambda does between the queue and the processor.
    async fn poll(&self, mut processor: Function, table: &Gate) {
        while self.goes_on() {
            set(table, !TABLE_OUT.contains(&self.seconds()));
            let messages = self.deployment.stack.receive().await;
            if messages.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            let batch = batch(&messages);
            let (again, _) = self
                .invoke("processor", process(&mut processor, &batch))
                .await;
            for (message, record) in messages.iter().zip(records(&batch)) {
                if !again
                    .iter()
                    .any(|id| Some(id.as_str()) == message.message_id())
                {
                    self.deployment.stack.delete(message).await;
                    lock(&self.open).remove(&key(record));
                }
            }
        }
        lock(&self.lines).push(processor.log());
    }

    /// The sweeper's schedule, six times as fast as the template's.
    async fn sweep(&self, mut sweeper: Function) {
        while self.goes_on() {
            self.invoke("sweeper", sweeper.invoke(&json!({}))).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        lock(&self.lines).push(sweeper.log());
    }

    async fn watch(&self) {
        let stack = &self.deployment.stack;
        while self.goes_on() {
            for (name, url) in [
                ("events", &stack.queue_url),
                ("dead", &stack.dead_letter_queue_url),
            ] {
                let [visible, hidden] = stack.depth(url).await;
                let note = |metric: &str, value: u64| {
                    self.note("AWS/SQS", metric, ("QueueName", name), value as f64);
                };
                note("ApproximateNumberOfMessagesVisible", visible);
                note("ApproximateNumberOfMessagesNotVisible", hidden);
            }
            let oldest = lock(&self.open).values().min().map(Instant::elapsed);
            let age = oldest.unwrap_or_default().as_secs_f64();
            let queue = ("QueueName", "events");
            self.note("AWS/SQS", "ApproximateAgeOfOldestMessage", queue, age);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn set(gate: &Gate, open: bool) {
    if open { gate.open() } else { gate.close() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::main]
async fn main() {
    let deployment = Deployment::new().await;
    let (queue, table) = (
        Gate::before(&deployment.stack.url).await,
        Gate::before(&deployment.stack.url).await,
    );
    queue.open();
    table.open();
    let through = |variables, name, gate: &Gate| with(variables, name, &gate.url());
    let ingest = deployment.ingest_variables();
    let ingest = ingest_with(&through(ingest, "AWS_ENDPOINT_URL_SQS", &queue)).await;
    let processor = deployment.processor_variables();
    let processor = processor_with(&through(processor, "AWS_ENDPOINT_URL_DYNAMODB", &table)).await;
    let sweeper = deployment.sweeper().await;
    let run = Run {
        deployment,
        start: Instant::now(),
        lines: Mutex::default(),
        open: Mutex::default(),
    };
    tokio::join!(
        run.send(ingest, &queue),
        run.poll(processor, &table),
        run.sweep(sweeper),
        run.watch(),
    );
    for line in lock(&run.lines).iter() {
        println!("{line}");
    }
}
