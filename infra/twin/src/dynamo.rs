//! DynamoDB on a laptop: dynoxide, on its own runtime thread.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use dynoxide::{Database, DynoxideError, server};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

/// Interval at which expired items are deleted. AWS takes up to a few days; nothing may rely on either.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>
const SWEEP_PERIOD: Duration = Duration::from_secs(1);

/// A running DynamoDB; it stops when this is dropped.
pub struct Dynamo {
    /// Its URL, as the SDK's endpoint.
    pub endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// An error of starting DynamoDB.
#[derive(Debug, Error)]
pub enum DynamoError {
    /// SQLite cannot handle the file's path.
    #[error("the path of DynamoDB's file is not UTF-8")]
    Path,
    /// The file cannot be opened.
    #[error("DynamoDB's file cannot be opened")]
    Open(#[from] DynoxideError),
    /// No thread, runtime or listener.
    #[error("DynamoDB cannot listen")]
    Listen(#[from] std::io::Error),
    /// The thread ended before it listened.
    #[error("DynamoDB stopped while starting")]
    Stopped(#[from] oneshot::error::RecvError),
}

impl Dynamo {
    /// Starts it behind this listener, on a file or in memory.
    ///
    /// # Errors
    /// When the file cannot be opened, or nothing can listen.
    pub async fn start(
        path: Option<&Path>,
        listener: std::net::TcpListener,
    ) -> Result<Dynamo, DynamoError> {
        let database = open(path)?;
        let (stop, stopped) = oneshot::channel();
        let (report, started) = oneshot::channel();
        // Its storage calls block the thread they run on, so they get one of their own.
        let thread = std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || match take_up(listener) {
                Ok((runtime, listener)) => {
                    let _ = report.send(listener.local_addr());
                    runtime.block_on(serve(listener, database, stopped));
                }
                Err(error) => {
                    let _ = report.send(Err(error));
                }
            })?;
        Ok(Dynamo {
            endpoint: format!("http://{}", started.await??),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Stops it, and waits until its file is closed.
    pub async fn stop(mut self) {
        self.signal();
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("DynamoDB's thread panicked");
            }
        }
    }

    fn signal(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Drop for Dynamo {
    fn drop(&mut self) {
        self.signal();
    }
}

/// Opens the database.
///
/// SQLite's default of one fsync a write is what makes a file slow. dynoxide offers no setting for
/// that alone, but leaving its bulk loading mode leaves `synchronous = NORMAL` behind: with its
/// write-ahead log that survives the death of the process, though not a power failure.
fn open(path: Option<&Path>) -> Result<Database, DynamoError> {
    let Some(path) = path else {
        return Ok(Database::memory()?);
    };
    let database = Database::new(path.to_str().ok_or(DynamoError::Path)?)?;
    database.disable_bulk_loading()?;
    Ok(database)
}

fn take_up(listener: std::net::TcpListener) -> std::io::Result<(Runtime, TcpListener)> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    let listener = TcpListener::from_std(listener)?;
    Ok((runtime, listener))
}

async fn serve(listener: TcpListener, database: Database, stopped: oneshot::Receiver<()>) {
    let sweeper = tokio::spawn(sweep(database.clone()));
    let stopped = async move {
        // The sender being gone means the same as its signal.
        let _ = stopped.await;
    };
    if let Err(error) = server::serve_with_shutdown(listener, database, stopped).await {
        tracing::error!(error, "DynamoDB stopped serving");
    }
    sweeper.abort();
}

async fn sweep(database: Database) {
    let mut period = interval(SWEEP_PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        if let Ok(Err(error)) = swept {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "expired items could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
        ScalarAttributeType, TimeToLiveSpecification,
    };
    use aws_sdk_dynamodb::{Client, Config};

    use super::*;

    /// Names the file to the child that writes it.
    const CHILD: &str = "HOOKGATE_TEST_DYNAMO_FILE";

    fn client(dynamo: &Dynamo) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&dynamo.endpoint)
            .build();
        Client::from_conf(config)
    }

    async fn create_table(client: &Client) {
        let key = KeySchemaElement::builder()
            .attribute_name("pk")
            .key_type(KeyType::Hash)
            .build()
            .expect("a complete key");
        let attribute = AttributeDefinition::builder()
            .attribute_name("pk")
            .attribute_type(ScalarAttributeType::S)
            .build()
            .expect("a complete attribute");
        let create = client.create_table().table_name("items").key_schema(key);
        let create = create.attribute_definitions(attribute);
        let created = create.billing_mode(BillingMode::PayPerRequest).send().await;
        created.expect("the table is created");
    }

    async fn put(client: &Client, pk: &str, expires: Option<i64>) {
        let put = client.put_item().table_name("items");
        let put = put.item("pk", AttributeValue::S(pk.to_owned()));
        let exp = expires.map(|seconds| AttributeValue::N(seconds.to_string()));
        let put = match exp {
            Some(exp) => put.item("exp", exp),
            None => put,
        };
        put.send().await.expect("the item is put");
    }

    async fn has(client: &Client, pk: &str) -> bool {
        let get = client.get_item().table_name("items");
        let got = get.key("pk", AttributeValue::S(pk.to_owned())).send().await;
        got.expect("the item is read").item.is_some()
    }

    fn listener() -> std::net::TcpListener {
        crate::listen::bind(None).expect("a free port")
    }

    #[tokio::test]
    async fn an_expired_item_is_swept_and_others_stay() {
        let dynamo = Dynamo::start(None, listener()).await.expect("it starts");
        let client = client(&dynamo);
        create_table(&client).await;
        let ttl = TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name("exp")
            .build()
            .expect("a complete specification");
        let update = client.update_time_to_live().table_name("items");
        let updated = update.time_to_live_specification(ttl).send().await;
        updated.expect("the table expires items");
        put(&client, "old", Some(1)).await;
        put(&client, "new", Some(4_102_444_800)).await;
        let swept = async {
            while has(&client, "old").await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), swept).await;
        assert!(in_time.is_ok(), "the expired item is still there");
        assert!(has(&client, "new").await);
        dynamo.stop().await;
    }

    #[tokio::test]
    async fn what_was_written_survives_the_sudden_death_of_the_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("dynamo.sqlite");
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "--ignored", "--nocapture"])
            .arg("dynamo::tests::a_process_that_writes_until_it_is_killed")
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let written = output.lines().map_while(Result::ok);
        let written = written.filter_map(|line| line.strip_prefix("put ").map(str::to_owned));
        let written: Vec<String> = written.take(50).collect();
        child.kill().expect("the child is killed");
        child.wait().expect("the child is gone");
        assert_eq!(written.len(), 50, "the child wrote too little");

        let dynamo = Dynamo::start(Some(&path), listener())
            .await
            .expect("it starts again");
        let client = client(&dynamo);
        for pk in &written {
            assert!(has(&client, pk).await, "{pk} was acknowledged and is gone");
        }
        put(&client, "after", None).await;
        assert!(has(&client, "after").await);
        dynamo.stop().await;
    }

    #[tokio::test]
    #[ignore = "is the child of another test, which names its file"]
    async fn a_process_that_writes_until_it_is_killed() {
        #[expect(
            clippy::disallowed_methods,
            reason = "how a test tells its child a path"
        )]
        let Ok(path) = std::env::var(CHILD) else {
            return;
        };
        let dynamo = Dynamo::start(Some(Path::new(&path)), listener()).await;
        let dynamo = dynamo.expect("it starts");
        let client = client(&dynamo);
        create_table(&client).await;
        for n in 0.. {
            put(&client, &format!("item-{n}"), None).await;
            println!("put item-{n}");
        }
    }
}
