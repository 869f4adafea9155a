use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use hookgate_signature::{FetchFailure, Outgoing};

use super::*;
use crate::ports::{PortError, SecretError};

const START: SystemTime = UNIX_EPOCH;
const EVERY: Duration = Duration::from_secs(300);

/// A store that gives out what the test said last.
#[derive(Debug)]
struct Store {
    answers: Mutex<VecDeque<Answer>>,
    asked: AtomicUsize,
}

#[derive(Clone, Debug)]
enum Answer {
    Secrets(&'static [&'static str]),
    Gone,
    Down,
}

impl SecretStore for &Store {
    async fn fetch(&self, _: &SecretRef) -> Result<Vec<String>, SecretError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        match answer {
            Answer::Secrets(texts) => Ok(texts.iter().map(|&text| text.to_owned()).collect()),
            Answer::Gone => Err(SecretError::Missing("there is no such secret".into())),
            Answer::Down => Err(PortError::new("read the secret", "no route to host").into()),
        }
    }
}

struct NoDocuments;

impl Documents for NoDocuments {
    async fn fetch(&self, _: &str) -> Result<Vec<u8>, FetchFailure> {
        Err(FetchFailure::Unreachable)
    }
}

impl Store {
    fn new(answers: &[Answer]) -> Store {
        Store {
            answers: Mutex::new(answers.iter().cloned().collect()),
            asked: AtomicUsize::new(0),
        }
    }

    /// What it answers from now on.
    fn now(&self, answer: Answer) {
        *self.answers.lock().unwrap() = VecDeque::from([answer]);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn config(reference: &str) -> Config {
    let text = format!("[sources.hub]\nprovider = \"github\"\nsecrets = [\"{reference}\"]\n");
    Config::parse(&text).unwrap()
}

async fn deployed(store: &Store) -> Sources<&Store> {
    let config = config("ssm:/hub");
    let sources = Sources::load(&config, store, Place::Deployed, START);
    sources.await.unwrap()
}

fn after(seconds: u64) -> SystemTime {
    START + Duration::from_secs(seconds)
}

/// The answer to a request that is signed with `secret`, `seconds` after the start.
async fn asked(
    sources: &Sources<&Store>,
    secret: &'static str,
    seconds: u64,
) -> Result<(), Unverified> {
    let signer = Store::new(&[Answer::Secrets(Box::leak(Box::new([secret])))]);
    let config = &config("ssm:/hub").sources["hub"];
    let signer = Source::load("hub", config, &&signer, Place::Local)
        .await
        .unwrap();
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
    let verdict = sources.verify(source, &request, &NoDocuments, after(seconds));
    verdict.await.map(|_| ())
}

const REFUSED: Result<(), Unverified> = Err(Unverified::Refused(Reason::SignatureMismatch));
const UNDECIDED: Result<(), Unverified> = Err(Unverified::Undecided(Reason::SecretsUnavailable));

#[tokio::test]
async fn secrets_are_kept_until_they_are_too_old() {
    let store = Store::new(&[Answer::Secrets(&["old"])]);
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
    let store = Store::new(&[Answer::Secrets(&["old"])]);
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
    let store = Store::new(&[Answer::Secrets(&["good"])]);
    let sources = deployed(&store).await;
    let cool_down = COOL_DOWN.as_secs();
    for seconds in 0..10 * cool_down {
        assert_eq!(asked(&sources, "forged", seconds).await, REFUSED);
    }
    assert_eq!(store.asked(), 10);
}

#[tokio::test]
async fn while_the_store_is_down_the_last_secrets_go_on() {
    let store = Store::new(&[Answer::Secrets(&["good"])]);
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
    let store = Store::new(&[Answer::Secrets(&["old"])]);
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
    let store = Store::new(&[Answer::Down]);
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
    let store = Store::new(&[Answer::Secrets(&["good"])]);
    let sources = deployed(&store).await;
    store.now(Answer::Gone);
    assert_eq!(asked(&sources, "good", EVERY.as_secs()).await, Ok(()));
    store.now(Answer::Secrets(&[""]));
    assert_eq!(asked(&sources, "good", 2 * EVERY.as_secs()).await, Ok(()));
}

#[tokio::test]
async fn a_missing_secret_stops_the_start_and_so_does_a_store_that_is_down_at_home() {
    for (answer, place) in [
        (Answer::Gone, Place::Deployed),
        (Answer::Secrets(&[""]), Place::Deployed),
        (Answer::Secrets(&["good", ""]), Place::Deployed),
        (Answer::Secrets(&[]), Place::Deployed),
        (Answer::Down, Place::Local),
    ] {
        let store = Store::new(&[answer]);
        let config = config("ssm:/hub");
        let loaded = Sources::load(&config, &store, place, START).await;
        let told = loaded.unwrap_err().to_string();
        assert!(told.starts_with("sources.hub.secrets[0]: "), "{told}");
    }
}

#[tokio::test]
async fn secrets_of_the_environment_are_not_asked_for_again() {
    let store = Store::new(&[Answer::Secrets(&["good"])]);
    let config = config("env:HUB");
    let sources = Sources::load(&config, &store, Place::Deployed, START);
    let sources = sources.await.unwrap();
    assert_eq!(asked(&sources, "forged", 10_000).await, REFUSED);
    assert_eq!(asked(&sources, "good", 10_000).await, Ok(()));
    assert_eq!(store.asked(), 1);
}

#[tokio::test]
async fn requests_at_the_same_time_ask_the_store_once() {
    let store = Store::new(&[Answer::Secrets(&["old"])]);
    let sources = deployed(&store).await;
    store.now(Answer::Secrets(&["new"]));
    let due = EVERY.as_secs();
    let answers = futures_util::future::join_all((0..20).map(|_| asked(&sources, "new", due)));
    assert!(answers.await.iter().all(Result::is_ok));
    assert_eq!(store.asked(), 2);
}
