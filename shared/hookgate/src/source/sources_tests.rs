use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use hookgate_signature::Outgoing;
use serde_json::{Value, json};

use super::*;
use crate::source::secrets::{Fetched, Parameter, value_of};

const START: SystemTime = UNIX_EPOCH;
const EVERY: Duration = Duration::from_secs(300);

/// A Secrets Manager and a Parameter Store, on the wire under the SDK, that give out what the test said last. No
/// emulator has outages, or forbids one parameter of several.
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
    /// The parameters that exist, each with a version and its value.
    Parameters(&'static [(&'static str, &'static str, &'static str)]),
}

/// A parameter that must not be read.
const FORBIDDEN: &str = "/hub/forbidden";

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
            Answer::Gone | Answer::Parameters(_) => None,
            Answer::Down => return Err(ConnectorError::io("no route to host".into())),
        };
        let (status, body) = match text {
            Some(text) => (200, json!({ "SecretString": text })),
            None => (400, json!({ "__type": "ResourceNotFoundException" })),
        };
        Ok(response(status, &body))
    }

    /// The answer to `GetParameters`.
    fn parameters(&self, asked: &Value) -> Result<HttpResponse, ConnectorError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let Answer::Parameters(known) = &*self.0.answer.lock().unwrap() else {
            return Err(ConnectorError::io("no route to host".into()));
        };
        let names = asked["Names"].as_array().unwrap().iter();
        let names: Vec<&str> = names.filter_map(Value::as_str).collect();
        assert!(names.len() <= 10, "more than the API takes: {names:?}");
        if names.contains(&FORBIDDEN) {
            let forbidden = json!({ "__type": "AccessDeniedException" });
            return Ok(response(400, &forbidden));
        }
        let found = names.iter().filter_map(|name| parameter(known, name));
        let found: Vec<Value> = found.collect();
        Ok(response(200, &json!({ "Parameters": found })))
    }
}

/// The newest version of a parameter, or the one that the name ends with.
fn parameter(known: &[(&str, &str, &str)], asked: &str) -> Option<Value> {
    let (bare, selector) = match asked.split_once(':') {
        Some((bare, version)) => (bare, Some(version)),
        None => (asked, None),
    };
    let mut newest_first = known.iter().rev();
    let (name, version, value) = newest_first
        .find(|one| one.0 == bare && selector.is_none_or(|version| version == one.1))?;
    let selector = selector.map(|_| format!(":{version}"));
    Some(json!({ "Name": name, "Value": value, "Selector": selector }))
}

fn response(status: u16, body: &Value) -> HttpResponse {
    let status = status.try_into().unwrap();
    HttpResponse::new(status, SdkBody::from(body.to_string()))
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
        let answer = match body["VersionStage"].as_str() {
            Some(stage) => self.answer(stage),
            None => self.parameters(&body),
        };
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

/// Deployed sources whose first request came at the start.
async fn deployed(store: &Store) -> Sources {
    let sources = of(&config("secretsmanager:hub"), store.secrets());
    let _ = asked(&sources, "any", 0).await;
    sources
}

/// Deployed sources before their first request.
fn of(config: &Config, secrets: Secrets) -> Sources {
    let documents = Documents::Given(HashMap::new());
    Sources::new(config, secrets, documents, Runtime::Aws).unwrap()
}

fn environment(secret: &str) -> Secrets {
    Secrets::new([("HUB".to_owned(), secret.to_owned())].into(), None)
}

fn after(seconds: u64) -> SystemTime {
    START + Duration::from_secs(seconds)
}

/// The response to a request that is signed with `secret`, `seconds` after the start.
async fn asked(sources: &Sources, secret: &str, seconds: u64) -> Result<(), Unverified> {
    asked_of("hub", sources, secret, seconds).await
}

async fn asked_of(
    name: &str,
    sources: &Sources,
    secret: &str,
    seconds: u64,
) -> Result<(), Unverified> {
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
    let source = sources.get(name).unwrap();
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

/// A configuration with sources of these names, each with a secret.
fn sources(named: &[(&str, &str)]) -> Config {
    let text = named.iter().map(|(name, reference)| {
        format!("[sources.{name}]\nprovider = \"github\"\nsecrets = [\"{reference}\"]\n")
    });
    Config::parse(&text.collect::<String>()).unwrap()
}

#[tokio::test]
async fn a_source_whose_secret_cannot_be_had_answers_503_and_the_others_work() {
    for (reference, answer) in [
        ("secretsmanager:hub", Answer::Gone),
        ("secretsmanager:hub", Answer::Secrets(&[""])),
        ("secretsmanager:hub", Answer::Secrets(&["good", ""])),
        ("secretsmanager:hub#member", Answer::Secrets(&["no JSON"])),
        ("ssm:/hub/none", Answer::Parameters(&[])),
        ("ssm:/hub/forbidden", Answer::Parameters(&[])),
        ("env:NOT_SET", Answer::Down),
    ] {
        let store = Store::new(answer);
        let mut secrets = store.secrets();
        secrets.variables = [("LAB".to_owned(), "good".to_owned())].into();
        let sources = of(&sources(&[("hub", reference), ("lab", "env:LAB")]), secrets);
        for seconds in 0..60 {
            let hub = asked(&sources, "good", seconds).await;
            assert_eq!(hub, UNDECIDED, "{reference}");
            assert_eq!(asked_of("lab", &sources, "good", seconds).await, Ok(()));
        }
        assert!(store.asked() <= 6, "more often than once in ten seconds");
    }
}

#[tokio::test]
async fn a_day_without_its_secret_stops_one_source_and_no_other() {
    const DAY: u64 = 24 * 3600;
    let store = Store::new(Answer::Gone);
    let mut secrets = store.secrets();
    secrets.variables = [("LAB".to_owned(), "good".to_owned())].into();
    let named = [("hub", "secretsmanager:hub"), ("lab", "env:LAB")];
    let sources = of(&sources(&named), secrets);
    for seconds in (0..DAY).step_by(60) {
        assert_eq!(asked(&sources, "good", seconds).await, UNDECIDED);
        assert_eq!(asked_of("lab", &sources, "good", seconds).await, Ok(()));
    }
    store.now(Answer::Secrets(&["good"]));
    assert_eq!(asked(&sources, "good", DAY).await, Ok(()));
}

#[tokio::test]
async fn a_secret_that_is_there_at_last_is_used() {
    let store = Store::new(Answer::Gone);
    let sources = deployed(&store).await;
    store.now(Answer::Secrets(&["good"]));
    let later = COOL_DOWN.as_secs();
    assert_eq!(asked(&sources, "good", later).await, Ok(()));
}

#[tokio::test]
async fn nothing_is_fetched_before_the_first_request() {
    let store = Store::new(Answer::Secrets(&["good"]));
    let sources = of(&config("secretsmanager:hub"), store.secrets());
    assert_eq!(store.asked(), 0);
    assert_eq!(asked(&sources, "good", 0).await, Ok(()));
    assert_eq!(store.asked(), 1);
}

#[tokio::test]
async fn sources_that_share_a_secret_ask_for_it_once() {
    let store = Store::new(Answer::Secrets(&[r#"{"a":"one","b":"two"}"#]));
    let config = sources(&[("a", "secretsmanager:all#a"), ("b", "secretsmanager:all#b")]);
    let sources = of(&config, store.secrets());
    let every = EVERY.as_secs();
    let asked = async |name, secret, seconds| asked_of(name, &sources, secret, seconds).await;
    assert_eq!(asked("a", "one", 0).await, Ok(()));
    assert_eq!(asked("b", "two", every - 1).await, Ok(()));
    assert_eq!(store.asked(), 1);
    // What is too old for the one is too old for the other.
    assert_eq!(asked("b", "two", every).await, Ok(()));
    assert_eq!(store.asked(), 2);
    assert_eq!(asked("a", "one", every + 1).await, Ok(()));
    assert_eq!(store.asked(), 2);
    // A new secret of either is good at its first request.
    store.now(Answer::Secrets(&[r#"{"a":"new","b":"newer"}"#]));
    assert_eq!(asked("a", "new", every + 20).await, Ok(()));
    assert_eq!(asked("b", "newer", every + 21).await, Ok(()));
    assert_eq!(store.asked(), 3);
}

#[tokio::test]
async fn a_rotated_secret_is_good_at_its_first_request_though_another_source_had_the_old_one() {
    let store = Store::new(Answer::Secrets(&[r#"{"a":"one","b":"two"}"#]));
    let config = sources(&[("a", "secretsmanager:all#a"), ("b", "secretsmanager:all#b")]);
    let sources = of(&config, store.secrets());
    assert_eq!(asked_of("a", &sources, "one", 0).await, Ok(()));
    store.now(Answer::Secrets(&[r#"{"a":"one","b":"new"}"#]));
    assert_eq!(asked_of("b", &sources, "new", 200).await, Ok(()));
    assert_eq!(asked_of("b", &sources, "forged", 201).await, REFUSED);
    assert_eq!(store.asked(), 2);
}

#[tokio::test]
async fn parameters_are_asked_for_ten_at_a_time() {
    const KNOWN: [(&str, &str, &str); 3] = [
        ("/hub/a", "1", "old"),
        ("/hub/a", "2", "new"),
        ("/hub/b", "1", "other"),
    ];
    let store = Store::new(Answer::Parameters(&KNOWN));
    let secrets = store.secrets();
    let fetch = async |names: &[&str]| {
        let references = names.iter().map(|name| SecretRef::Ssm((*name).to_owned()));
        let references: Vec<SecretRef> = references.collect();
        let references: Vec<&SecretRef> = references.iter().collect();
        let fetched = secrets.fetch(&references, START, START).await;
        let text = |one: Result<Fetched, _>| one.map_or("-".to_owned(), |one| one.texts.concat());
        fetched.into_iter().map(text).collect::<Vec<_>>().join(" ")
    };
    let some = ["/hub/a", "/hub/none", "/hub/b", "/hub/a:1"];
    assert_eq!(fetch(&some).await, "new - other old");
    assert_eq!(store.asked(), 1);
    // In whichever order the versions of one parameter come.
    assert_eq!(fetch(&["/hub/a:1", "/hub/a"]).await, "old new");
    assert_eq!(fetch(&["/hub/b"; 11]).await, ["other"; 11].join(" "));
    assert_eq!(store.asked(), 4);
    // One that must not be read does not hide the others.
    let some = ["/hub/a", FORBIDDEN, "/hub/b"];
    assert_eq!(fetch(&some).await, "new - other");
}

#[test]
fn a_parameter_is_known_by_its_arn_too() {
    let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/hub/b";
    let found = [Parameter {
        name: Some("/hub/b".to_owned()),
        arn: Some(arn.to_owned()),
        value: Some("other".to_owned()),
        selector: None,
    }];
    assert_eq!(value_of(arn, &found).unwrap(), "other");
    assert!(value_of("/hub/bb", &found).is_err());
}

#[tokio::test]
async fn a_missing_secret_stops_the_start_at_home() {
    for (answer, why) in [
        (Answer::Gone, "there is no secret"),
        (Answer::Secrets(&[""]), "is empty"),
        (Answer::Secrets(&["good", ""]), "is empty"),
        (Answer::Secrets(&[]), "there is no secret"),
        (Answer::Down, "does not answer"),
    ] {
        let store = Store::new(answer);
        let loaded = load("secretsmanager:hub", store.secrets(), Runtime::Local).await;
        let error = loaded.unwrap_err().to_string();
        let is_named = error.starts_with("sources.hub.secrets[0]: ");
        assert!(is_named && error.contains(why), "{error}");
    }
}

#[test]
fn a_wrong_setting_stops_the_start_everywhere() {
    for (settings, key) in [
        ("secrets = []", "sources.hub.secrets: "),
        (
            "secrets = [\"env:HUB\"]\ntolerance_s = 0",
            "sources.hub.tolerance_s: ",
        ),
    ] {
        let text = format!("[sources.hub]\nprovider = \"github\"\n{settings}\n");
        let documents = Documents::Given(HashMap::new());
        let sources = Config::parse(&text)
            .map_err(UnusableSource::from)
            .and_then(|config| Sources::new(&config, environment("good"), documents, Runtime::Aws));
        let error = sources.unwrap_err().to_string();
        assert!(error.starts_with(key), "{error}");
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
