//! The configured sources, and how their secrets are renewed while they are used.
//!
//! No task runs for that, because Lambda freezes a process between two requests: a request that finds the
//! secrets too old fetches them first. Where the store does not answer, the old ones go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::try_join_all;
use futures_util::lock::Mutex as Turns;
use hookgate_signature::{KeyCache, Reason, Request, Unverified};

use crate::config::{Config, SecretRef, SourceConfig};
use crate::ports::{Documents, SecretStore, chain};
use crate::{Place, Source, UnusableSource};

/// How soon after a try a source's secrets may be fetched again. A forger cannot have it more often.
pub const COOL_DOWN: Duration = Duration::from_secs(10);

/// How long after a try that failed the next one is due.
const RETRY: Duration = Duration::from_secs(60);

/// All sources, with the store of their secrets and the token issuers' keys.
#[derive(Debug)]
pub struct Sources<K> {
    by_name: BTreeMap<String, LiveSource>,
    secrets: K,
    keys: Mutex<KeyCache>,
}

impl<K: SecretStore> Sources<K> {
    /// Makes a configuration's sources ready: fetches all their secrets, side by side. Where it is
    /// deployed, a source whose store does not answer has none until it does.
    ///
    /// # Errors
    /// Names the key of the first secret that is missing or empty, or of the first wrong setting; on
    /// somebody's own machine also of the first whose store does not answer.
    pub async fn load(
        config: &Config,
        secrets: K,
        place: Place,
        now: SystemTime,
    ) -> Result<Sources<K>, UnusableSource> {
        let every = config.secrets_refresh;
        let sources = config.sources.iter().map(|(name, source)| async {
            let loaded = Source::load(name, source, &secrets, place).await;
            let live = LiveSource {
                name: name.clone(),
                config: source.clone(),
                place,
                every,
                held: Mutex::new(Held::first(loaded, name, every, place, now)?),
                turn: Turns::default(),
            };
            Ok::<_, UnusableSource>((name.clone(), live))
        });
        Ok(Sources {
            by_name: try_join_all(sources).await?.into_iter().collect(),
            secrets,
            keys: Mutex::default(),
        })
    }

    /// The source of this name.
    pub fn get(&self, name: &str) -> Option<&LiveSource> {
        self.by_name.get(name)
    }

    /// All sources that have their secrets, by name.
    pub fn ready(&self) -> impl Iterator<Item = Arc<Source>> {
        self.by_name.values().filter_map(LiveSource::current)
    }

    /// Checks a request of `source`; the answer is the source with the secrets that it was checked with.
    ///
    /// Secrets that are older than `secrets.refresh_s` are fetched before. A signature that does not hold
    /// makes them be fetched too, at most once in [`COOL_DOWN`], and is checked again.
    ///
    /// # Errors
    /// Says whether the request is refused, or could not be judged.
    pub async fn verify(
        &self,
        source: &LiveSource,
        request: &Request<'_>,
        documents: &impl Documents,
        now: SystemTime,
    ) -> Result<Arc<Source>, Unverified> {
        const WITHOUT: Unverified = Unverified::Undecided(Reason::SecretsUnavailable);
        source.renew(&self.secrets, now, Held::is_due).await;
        let first = source.current().ok_or(WITHOUT)?;
        let verdict = first.verify(request, &self.keys, documents, now).await;
        match verdict {
            Ok(_) => Ok(first),
            Err(Unverified::Refused(Reason::SignatureMismatch)) if source.can_change() => {
                source.renew(&self.secrets, now, Held::may_be_asked).await;
                if !source.is_fresh(now) {
                    return Err(WITHOUT);
                }
                let second = source.current().ok_or(WITHOUT)?;
                second.verify(request, &self.keys, documents, now).await?;
                Ok(second)
            }
            Err(why) => Err(why),
        }
    }
}

/// A configured source, with the secrets that it had last.
#[derive(Debug)]
pub struct LiveSource {
    name: String,
    config: SourceConfig,
    place: Place,
    every: Duration,
    held: Mutex<Held>,
    /// Whose turn it is to fetch.
    turn: Turns<()>,
}

impl LiveSource {
    /// The status of the answer to a request that is not authentic.
    pub fn reject_status(&self) -> u16 {
        self.config.provider.reject_status()
    }

    fn current(&self) -> Option<Arc<Source>> {
        self.held().source.clone()
    }

    /// Whether its secrets are kept where they can change while the program runs.
    fn can_change(&self) -> bool {
        let mut secrets = self.config.secrets.iter();
        secrets.any(|secret| !matches!(secret.reference, SecretRef::Env(_)))
    }

    /// Whether its secrets are as they were within the last [`COOL_DOWN`].
    fn is_fresh(&self, now: SystemTime) -> bool {
        let fetched = self.held().fetched;
        fetched.is_some_and(|fetched| !has_passed(fetched + COOL_DOWN, now))
    }

    /// Fetches the secrets, where that is `wanted`. Of requests at the same time one fetches, and the
    /// others wait for it.
    async fn renew(
        &self,
        store: &impl SecretStore,
        now: SystemTime,
        wanted: fn(&Held, SystemTime) -> bool,
    ) {
        if !self.can_change() || !wanted(&self.held(), now) {
            return;
        }
        let _turn = self.turn.lock().await;
        if !wanted(&self.held(), now) {
            return;
        }
        match Source::load(&self.name, &self.config, store, self.place).await {
            Ok(source) => *self.held() = Held::fetched(source, self.every, now),
            Err(error) => {
                not_fetched(&self.name, &error);
                self.held().failed(now);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is had of a source, and when to ask again.
#[derive(Debug)]
struct Held {
    source: Option<Arc<Source>>,
    fetched: Option<SystemTime>,
    tried: SystemTime,
    due: SystemTime,
}

impl Held {
    fn first(
        loaded: Result<Source, UnusableSource>,
        name: &str,
        every: Duration,
        place: Place,
        now: SystemTime,
    ) -> Result<Held, UnusableSource> {
        match loaded {
            Ok(source) => Ok(Held::fetched(source, every, now)),
            Err(error @ UnusableSource::Unavailable { .. }) if place == Place::Deployed => {
                not_fetched(name, &error);
                Ok(Held {
                    source: None,
                    fetched: None,
                    tried: now,
                    due: now,
                })
            }
            Err(error) => Err(error),
        }
    }

    fn fetched(source: Source, every: Duration, now: SystemTime) -> Held {
        Held {
            source: Some(Arc::new(source)),
            fetched: Some(now),
            tried: now,
            due: now + every,
        }
    }

    fn failed(&mut self, now: SystemTime) {
        self.tried = now;
        self.due = now + RETRY;
    }

    fn may_be_asked(&self, now: SystemTime) -> bool {
        has_passed(self.tried + COOL_DOWN, now)
    }

    fn is_due(&self, now: SystemTime) -> bool {
        match self.source {
            Some(_) => has_passed(self.due, now),
            None => self.may_be_asked(now),
        }
    }
}

fn has_passed(time: SystemTime, now: SystemTime) -> bool {
    now >= time
}

fn not_fetched(source: &str, error: &UnusableSource) {
    let error = chain(error);
    tracing::error!(
        outcome = "secrets-not-fetched",
        source,
        error,
        "the last ones are used"
    );
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
