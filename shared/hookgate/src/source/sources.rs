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
    /// Checks the settings of a configuration's sources. Each source's secrets are fetched by its first request: one
    /// without them answers that nothing is decided, and the others work.
    ///
    /// # Errors
    /// Names the key of the first wrong setting.
    pub fn new(
        config: &Config,
        secrets: Secrets,
        documents: Documents,
        runtime: Runtime,
    ) -> Result<Sources, UnusableSource> {
        let sources = config.sources.iter().map(|(name, source)| {
            let live = LiveSource {
                name: name.clone(),
                warnings: Source::check_settings(name, source, runtime)?,
                config: source.clone(),
                runtime,
                every: config.secrets_refresh,
                cached: Mutex::default(),
                turn: Turns::default(),
            };
            Ok::<_, UnusableSource>((name.clone(), live))
        });
        Ok(Sources {
            by_name: sources.collect::<Result<_, _>>()?,
            secrets,
            documents,
            keys: Mutex::default(),
        })
    }

    /// Makes a configuration's sources ready: fetches all their secrets, side by side.
    ///
    /// # Errors
    /// Names the key of the first secret that is missing, empty or cannot be fetched, or of the first wrong setting.
    pub async fn load(
        config: &Config,
        secrets: Secrets,
        documents: Documents,
        runtime: Runtime,
        now: SystemTime,
    ) -> Result<Sources, UnusableSource> {
        let sources = Sources::new(config, secrets, documents, runtime)?;
        let all = sources.by_name.values();
        let fetched = all.map(|source| source.fetch(&sources.secrets, source.every, now));
        try_join_all(fetched).await?;
        Ok(sources)
    }

    /// The source of this name.
    pub fn get(&self, name: &str) -> Option<&LiveSource> {
        self.by_name.get(name)
    }

    /// All sources that have their secrets, by name.
    pub fn ready(&self) -> impl Iterator<Item = Arc<Source>> {
        self.by_name.values().filter_map(LiveSource::current)
    }

    /// Attacks that a source's scheme does not stop, each with the source's name: to show at start.
    pub fn warnings(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let sources = self.by_name.values();
        sources.flat_map(|source| {
            source
                .warnings
                .iter()
                .map(|text| (source.name.as_str(), *text))
        })
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
        source
            .renew(&self.secrets, source.every, now, CachedSource::is_due)
            .await;
        let first = source.current().ok_or(WITHOUT)?;
        let verdict = first
            .verify(request, &self.keys, &self.documents, now)
            .await;
        match verdict {
            Ok(_) => Ok(first),
            Err(Unverified::Refused(Reason::SignatureMismatch)) if source.can_change() => {
                source
                    .renew(&self.secrets, COOL_DOWN, now, CachedSource::may_be_asked)
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
    warnings: Vec<&'static str>,
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

    /// True where its secrets can change while the program runs, or were never there.
    fn can_change(&self) -> bool {
        let mut secrets = self.config.secrets.iter();
        secrets.any(|secret| !matches!(secret.reference, SecretRef::Env(_)))
    }

    /// True where its secrets were fetched within the last [`COOL_DOWN`].
    fn is_fresh(&self, now: SystemTime) -> bool {
        let fetched = self.cached().fetched;
        fetched.is_some_and(|fetched| !has_passed(fetched + COOL_DOWN, now))
    }

    /// Fetches the secrets, where that is `wanted`, unless another source had them within `age`. Of requests at the
    /// same time one fetches, and the others wait for it.
    async fn renew(
        &self,
        store: &Secrets,
        age: Duration,
        now: SystemTime,
        wanted: fn(&CachedSource, SystemTime) -> bool,
    ) {
        let has_all = self.current().is_some() && !self.can_change();
        if has_all || !wanted(&self.cached(), now) {
            return;
        }
        let _turn = self.turn.lock().await;
        if !wanted(&self.cached(), now) {
            return;
        }
        if let Err(error) = self.fetch(store, age, now).await {
            let error = chain(&error);
            let has_secrets = self.current().is_some();
            tracing::error!(
                outcome = "secrets_not_fetched",
                source = self.name,
                has_secrets,
                error,
                "secrets not fetched; the last known ones, if any, stay in use"
            );
            self.cached().failed(now);
        }
    }

    async fn fetch(
        &self,
        store: &Secrets,
        age: Duration,
        now: SystemTime,
    ) -> Result<(), UnusableSource> {
        let oldest = now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let (name, config, runtime) = (&self.name, &self.config, self.runtime);
        let loaded = Source::load_after(name, config, store, runtime, (oldest, now));
        let (source, asked) = loaded.await?;
        *self.cached() = CachedSource {
            source: Some(Arc::new(source)),
            fetched: Some(asked),
            tried: Some(asked),
            due: asked + self.every,
        };
        Ok(())
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
    tried: Option<SystemTime>,
    due: SystemTime,
}

impl Default for CachedSource {
    fn default() -> CachedSource {
        CachedSource {
            source: None,
            fetched: None,
            tried: None,
            due: SystemTime::UNIX_EPOCH,
        }
    }
}

impl CachedSource {
    fn failed(&mut self, now: SystemTime) {
        self.tried = Some(now);
        self.due = now + RETRY;
    }

    fn may_be_asked(&self, now: SystemTime) -> bool {
        self.tried
            .is_none_or(|tried| has_passed(tried + COOL_DOWN, now))
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

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
