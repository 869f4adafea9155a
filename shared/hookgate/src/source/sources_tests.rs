use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hookgate_signature::Outgoing;
use serde_json::{Value, json};

use super::*;

const START: SystemTime = UNIX_EPOCH;
const EVERY: Duration = Duration::from_secs(300);

/// A Secrets Manager, on the wire under the SDK, that gives out what the test said last. No emulator has
/// outages.
#[derive(Clone, Debug)]
struct Store(Arc<State>);

#[derive(Debug)]
struct State {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
}

#[derive(Clone, Debug)]
enum Answer {
    /// The current secret and the one before.
    Secrets(&'static [&'static str]),
    Gone,
    Down,
}

impl Store {
    fn new(answer: Answer) -> Store {
        Store(Arc::new(State {
            answer: Mutex::new(answer),
            asked: AtomicUsize::new(0),
        }))
    }

    /// Says what it answers from now on.
    fn now(&self, answer: Answer) {
        *self.0.answer.lock().unwrap() = answer;
    }

    /// The number of times that the secret was requested, with its previous version.
    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    fn secrets(&self) -> Secrets {
        let credentials = Credentials::new("test", "test", None, None, "test");
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone())
            .build();
        Secrets::new(HashMap::new(), Some(aws))
    }

    fn answer(&self, stage: &str) -> Result<HttpResponse, ConnectorError> {
        let (index, is_current) = match stage {
            "AWSCURRENT" => (0, true),
            _ => (1, false),
        };
        self.0
            .asked
            .fetch_add(usize::from(is_current), Ordering::SeqCst);
        let text = match &*self.0.answer.lock().unwrap() {
            Answer::Secrets(texts) => texts.get(index).copied(),
            Answer::Gone => None,
            Answer::Down => return Err(ConnectorError::io("no route to host".into())),
        };
        let (status, body) = match text {
            Some(text) => (200, json!({ "SecretString": text })),
            None => (400, json!({ "__type": "ResourceNotFoundException" })),
        };
        let status = status.try_into().unwrap();
        Ok(HttpResponse::new(status, SdkBody::from(body.to_string())))
    }
}

impl HttpClient for Store {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Store {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let answer = self.answer(body["VersionStage"].as_str().unwrap());
        HttpConnectorFuture::new(async move {
            // Others ask at the same time.
            tokio::task::yield_now().await;
            answer
        })
    }
}

fn config(reference: &str) -> Config {
    let text = format!("[sources.hub]\nprovider = \"github\"\nsecrets = [\"{reference}\"]\n");
    Config::parse(&text).unwrap()
}

async fn load(
    reference: &str,
    secrets: Secrets,
    runtime: Runtime,
) -> Result<Sources, UnusableSource> {
    let documents = Documents::Given(HashMap::new());
    Sources::load(&config(reference), secrets, documents, runtime, START).await
}

async fn deployed(store: &Store) -> Sources {
    let sources = load("secretsmanager:hub", store.secrets(), Runtime::Aws);
    sources.await.unwrap()
}

fn environment(secret: &str) -> Secrets {
    Secrets::new([("HUB".to_owned(), secret.to_owned())].into(), None)
}

fn after(seconds: u64) -> SystemTime {
    START + Duration::from_secs(seconds)
}

/// The response to a request that is signed with `secret`, `seconds` after the start.
async fn asked(sources: &Sources, secret: &str, seconds: u64) -> Result<(), Unverified> {
    let config = &config("env:HUB").sources["hub"];
    let secrets = environment(secret);
    let signer = Source::load("hub", config, &secrets, Runtime::Local);
    let signer = signer.await.unwrap();
    let outgoing = Outgoing {
        method: "POST",
        url: "/",
        id: None,
        headers: &[],
        body: b"{}",
    };
    let signed = signer.verifier().sign(&outgoing, START).unwrap();
    let headers: Vec<(&str, &[u8])> = signed
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = Request {
        method: "POST",
        url: "/",
        headers: &headers,
        body: b"{}",
    };
    let source = sources.get("hub").unwrap();
    let verdict = sources.verify(source, &request, after(seconds));
    verdict.await.map(|_| ())
}

const REFUSED: Result<(), Unverified> = Err(Unverified::Refused(Reason::SignatureMismatch));
const UNDECIDED: Result<(), Unverified> = Err(Unverified::Undecided(Reason::SecretsUnavailable));

#[tokio::test]
async fn secrets_are_kept_until_they_are_too_old() {
    let store = Store::new(Answer::Secrets(&["old"]));
    let sources = deployed(&store).await;
    for seconds in 0..EVERY.as_secs() {
        assert_eq!(asked(&sources, "old", seconds).await, Ok(()));
    }
    assert_eq!(store.asked(), 1);
    asked(&sources, "old", EVERY.as_secs()).await.unwrap();
    assert_eq!(store.asked(), 2);
}

#[tokio::test]
async fn a_rotated_secret_is_good_at_its_first_request() {
    let store = Store::new(Answer::Secrets(&["old"]));
    let sources = deployed(&store).await;
    store.now(Answer::Secrets(&["new", "old"]));
    assert_eq!(asked(&sources, "new", 60).await, Ok(()));
    assert_eq!(asked(&sources, "old", 61).await, Ok(()));
    assert_eq!(store.asked(), 2);
    // And the old one is good for as long as the store gives it out.
    store.now(Answer::Secrets(&["newest", "new"]));
    assert_eq!(asked(&sources, "old", 60 + EVERY.as_secs()).await, REFUSED);
    assert_eq!(
        asked(&sources, "newest", 61 + EVERY.as_secs()).await,
        Ok(())
    );
}

#[tokio::test]
async fn a_forger_cannot_have_the_store_asked_more_often_than_the_cool_down() {
    let store = Store::new(Answer::Secrets(&["good"]));
    let sources = deployed(&store).await;
    let cool_down = COOL_DOWN.as_secs();
    for seconds in 0..10 * cool_down {
        assert_eq!(asked(&sources, "forged", seconds).await, REFUSED);
    }
    assert_eq!(store.asked(), 10);
}

#[tokio::test]
async fn while_the_store_is_down_the_last_secrets_go_on() {
    let store = Store::new(Answer::Secrets(&["good"]));
    let sources = deployed(&store).await;
    store.now(Answer::Down);
    let day = 24 * 3600;
    for seconds in (0..day).step_by(20) {
        assert_eq!(asked(&sources, "good", seconds).await, Ok(()));
    }
    // Each hour, no more than sixty requests were the ones that waited for it.
    assert!(store.asked() <= 1 + 24 * 60, "{}", store.asked());
}

#[tokio::test]
async fn while_the_store_is_down_an_unknown_signature_is_neither_refused_nor_accepted() {
    let store = Store::new(Answer::Secrets(&["old"]));
    let sources = deployed(&store).await;
    store.now(Answer::Down);
    for seconds in COOL_DOWN.as_secs()..100 {
        assert_eq!(asked(&sources, "new", seconds).await, UNDECIDED);
    }
    store.now(Answer::Secrets(&["new", "old"]));
    let later = 100 + COOL_DOWN.as_secs();
    assert_eq!(asked(&sources, "new", later).await, Ok(()));
    assert_eq!(asked(&sources, "forged", later).await, REFUSED);
}

#[tokio::test]
async fn a_store_that_is_down_at_the_start_costs_503_until_it_is_back() {
    let store = Store::new(Answer::Down);
    let sources = deployed(&store).await;
    for seconds in 0..60 {
        assert_eq!(asked(&sources, "good", seconds).await, UNDECIDED);
    }
    assert_eq!(store.asked(), 6, "once in ten seconds");
    store.now(Answer::Secrets(&["good"]));
    let later = 60 + COOL_DOWN.as_secs();
    assert_eq!(asked(&sources, "good", later).await, Ok(()));
    assert_eq!(asked(&sources, "forged", later).await, REFUSED);
}

#[tokio::test]
async fn a_secret_that_is_deleted_while_it_is_used_is_used_on() {
    let store = Store::new(Answer::Secrets(&["good"]));
    let sources = deployed(&store).await;
    store.now(Answer::Gone);
    assert_eq!(asked(&sources, "good", EVERY.as_secs()).await, Ok(()));
    store.now(Answer::Secrets(&[""]));
    assert_eq!(asked(&sources, "good", 2 * EVERY.as_secs()).await, Ok(()));
}

#[tokio::test]
async fn a_missing_secret_stops_the_start_and_so_does_a_store_that_is_down_at_home() {
    for (answer, runtime) in [
        (Answer::Gone, Runtime::Aws),
        (Answer::Secrets(&[""]), Runtime::Aws),
        (Answer::Secrets(&["good", ""]), Runtime::Aws),
        (Answer::Secrets(&[]), Runtime::Aws),
        (Answer::Down, Runtime::Local),
    ] {
        let store = Store::new(answer);
        let loaded = load("secretsmanager:hub", store.secrets(), runtime).await;
        let error = loaded.unwrap_err().to_string();
        assert!(error.starts_with("sources.hub.secrets[0]: "), "{error}");
    }
}

#[tokio::test]
async fn secrets_of_the_environment_are_not_asked_for_again() {
    let sources = load("env:HUB", environment("good"), Runtime::Aws)
        .await
        .unwrap();
    let before = sources.ready().next().unwrap();
    assert_eq!(asked(&sources, "forged", 10_000).await, REFUSED);
    assert_eq!(asked(&sources, "good", 10_000).await, Ok(()));
    assert!(Arc::ptr_eq(&before, &sources.ready().next().unwrap()));
}

#[tokio::test]
async fn requests_at_the_same_time_ask_the_store_once() {
    let store = Store::new(Answer::Secrets(&["old"]));
    let sources = deployed(&store).await;
    store.now(Answer::Secrets(&["new"]));
    let due = EVERY.as_secs();
    let answers = futures_util::future::join_all((0..20).map(|_| asked(&sources, "new", due)));
    assert!(answers.await.iter().all(Result::is_ok));
    assert_eq!(store.asked(), 2);
}
