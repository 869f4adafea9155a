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
use crate::{Documents, Runtime, Secrets, Source, UnusableSource, chain};

/// The minimum time between two fetches of a source's secrets. Forged requests cannot cause more.
pub const COOL_DOWN: Duration = Duration::from_secs(10);

/// The delay after a failed fetch.
const RETRY: Duration = Duration::from_secs(60);

/// All sources, with the store of their secrets and the token issuers' keys.
#[derive(Debug)]
pub struct Sources {
    by_name: BTreeMap<String, LiveSource>,
    secrets: Secrets,
    documents: Documents,
    keys: Mutex<KeyCache>,
}

impl Sources {
    /// Makes a configuration's sources ready: fetches all their secrets concurrently. Where it is
    /// deployed, a source whose store does not answer has none until it does.
    ///
    /// # Errors
    /// Names the key of the first secret that is missing or empty, or of the first wrong setting; on
    /// a developer's machine also of the first whose store does not answer.
    pub async fn load(
        config: &Config,
        secrets: Secrets,
        documents: Documents,
        runtime: Runtime,
        now: SystemTime,
    ) -> Result<Sources, UnusableSource> {
        let every = config.secrets_refresh;
        let sources = config.sources.iter().map(|(name, source)| async {
            let loaded = Source::load(name, source, &secrets, runtime).await;
            let live = LiveSource {
                name: name.clone(),
                config: source.clone(),
                runtime,
                every,
                cached: Mutex::new(CachedSource::first(loaded, name, every, runtime, now)?),
                turn: Turns::default(),
            };
            Ok::<_, UnusableSource>((name.clone(), live))
        });
        Ok(Sources {
            by_name: try_join_all(sources).await?.into_iter().collect(),
            secrets,
            documents,
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
    /// Says whether the request is rejected, or could not be judged.
    pub async fn verify(
        &self,
        source: &LiveSource,
        request: &Request<'_>,
        now: SystemTime,
    ) -> Result<Arc<Source>, Unverified> {
        const WITHOUT: Unverified = Unverified::Undecided(Reason::SecretsUnavailable);
        source.renew(&self.secrets, now, CachedSource::is_due).await;
        let first = source.current().ok_or(WITHOUT)?;
        let verdict = first
            .verify(request, &self.keys, &self.documents, now)
            .await;
        match verdict {
            Ok(_) => Ok(first),
            Err(Unverified::Refused(Reason::SignatureMismatch)) if source.can_change() => {
                source
                    .renew(&self.secrets, now, CachedSource::may_be_asked)
                    .await;
                if !source.is_fresh(now) {
                    return Err(WITHOUT);
                }
                let second = source.current().ok_or(WITHOUT)?;
                second
                    .verify(request, &self.keys, &self.documents, now)
                    .await?;
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
    runtime: Runtime,
    every: Duration,
    cached: Mutex<CachedSource>,
    /// Held by the request that fetches.
    turn: Turns<()>,
}

impl LiveSource {
    /// The status of the answer to a request that is not authentic.
    pub fn reject_status(&self) -> u16 {
        self.config.provider.reject_status()
    }

    fn current(&self) -> Option<Arc<Source>> {
        self.cached().source.clone()
    }

    /// True where its secrets can change while the program runs.
    fn can_change(&self) -> bool {
        let mut secrets = self.config.secrets.iter();
        secrets.any(|secret| !matches!(secret.reference, SecretRef::Env(_)))
    }

    /// True where its secrets were fetched within the last [`COOL_DOWN`].
    fn is_fresh(&self, now: SystemTime) -> bool {
        let fetched = self.cached().fetched;
        fetched.is_some_and(|fetched| !has_passed(fetched + COOL_DOWN, now))
    }

    /// Fetches the secrets, where that is `wanted`. Of requests at the same time one fetches, and the
    /// others wait for it.
    async fn renew(
        &self,
        store: &Secrets,
        now: SystemTime,
        wanted: fn(&CachedSource, SystemTime) -> bool,
    ) {
        if !self.can_change() || !wanted(&self.cached(), now) {
            return;
        }
        let _turn = self.turn.lock().await;
        if !wanted(&self.cached(), now) {
            return;
        }
        match Source::load(&self.name, &self.config, store, self.runtime).await {
            Ok(source) => *self.cached() = CachedSource::fetched(source, self.every, now),
            Err(error) => {
                not_fetched(&self.name, &error);
                self.cached().failed(now);
            }
        }
    }

    fn cached(&self) -> MutexGuard<'_, CachedSource> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source with the secrets that it had last, and when to fetch them again.
#[derive(Debug)]
struct CachedSource {
    source: Option<Arc<Source>>,
    fetched: Option<SystemTime>,
    tried: SystemTime,
    due: SystemTime,
}

impl CachedSource {
    fn first(
        loaded: Result<Source, UnusableSource>,
        name: &str,
        every: Duration,
        runtime: Runtime,
        now: SystemTime,
    ) -> Result<CachedSource, UnusableSource> {
        match loaded {
            Ok(source) => Ok(CachedSource::fetched(source, every, now)),
            Err(error @ UnusableSource::Unavailable { .. }) if runtime == Runtime::Aws => {
                not_fetched(name, &error);
                Ok(CachedSource {
                    source: None,
                    fetched: None,
                    tried: now,
                    due: now,
                })
            }
            Err(error) => Err(error),
        }
    }

    fn fetched(source: Source, every: Duration, now: SystemTime) -> CachedSource {
        CachedSource {
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
        outcome = "secrets_not_fetched",
        source,
        error,
        "secrets not fetched; the last known ones stay in use"
    );
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
