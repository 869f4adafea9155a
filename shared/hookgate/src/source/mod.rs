//! A source: one inbound URL with its provider and secrets.

pub(crate) mod documents;
mod json_call;
pub(crate) mod secrets;
pub(crate) mod sources;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use hookgate_signature::{
    EventMeta, HandshakeAnswer, KeyCache, MissingField, Options, Request, Secret, Unverified,
    Verified, Verifier,
};
use thiserror::Error;

use crate::config::{ConfigError, MismatchPolicy, SecretConfig, SecretRef, SourceConfig};
use crate::source::secrets::Fetched;
use crate::{Body, Documents, Event, EventKey, SecretError, Secrets, Trace, chain, system_now};

/// The maximum number of documents that are fetched for one request: discovery and keys, refreshed once.
const MAX_FETCHES: usize = 4;

/// One inbound URL: its provider's definition with secrets, ready to verify.
#[derive(Debug)]
pub struct Source {
    name: String,
    verifier: Verifier,
    on_mismatch: MismatchPolicy,
}

impl Source {
    /// The source's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The engine with this source's definition and secrets.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The status of the answer to a request that is not authentic.
    pub fn reject_status(&self) -> u16 {
        self.verifier.provider().reject_status()
    }

    /// The response when an event id comes again with another body.
    pub fn on_mismatch(&self) -> MismatchPolicy {
        self.on_mismatch
    }

    /// Checks a request with the secrets as they were loaded, fetching the issuer's documents where the
    /// definition works with tokens.
    ///
    /// # Errors
    /// Says whether the request is rejected, or could not be judged.
    pub async fn verify(
        &self,
        request: &Request<'_>,
        keys: &Mutex<KeyCache>,
        documents: &Documents,
        now: SystemTime,
    ) -> Result<Verified, Unverified> {
        for _ in 0..MAX_FETCHES {
            let decided = self.verifier.check(request, &mut lock(keys), now);
            let Err(Unverified::NeedsDocument(url)) = decided else {
                return decided;
            };
            let document = documents.get(&url).await;
            lock(keys).supply(&url, document, now);
        }
        self.verifier.check(request, &mut lock(keys), now)
    }

    /// The response to a verified request that only checks whether the endpoint exists.
    pub fn handshake(&self, request: &Request<'_>) -> Option<HandshakeAnswer> {
        self.verifier.handshake(request)
    }

    /// The facts that a verified request states of its event.
    ///
    /// # Errors
    /// Names the field that the definition requires and the request lacks.
    pub fn meta(&self, request: &Request<'_>) -> Result<EventMeta, MissingField> {
        self.verifier.event(request)
    }

    /// The event of a verified request. A tenant in the path goes before one in the request.
    ///
    /// # Errors
    /// Names the field that the definition requires and the request lacks.
    pub fn event(
        &self,
        request: &Request<'_>,
        path_tenant: Option<&str>,
        body: Bytes,
        now: SystemTime,
    ) -> Result<Event, MissingField> {
        let meta = self.meta(request)?;
        let tenant = path_tenant.map(str::to_owned).or(meta.tenant);
        Ok(Event {
            key: EventKey::new(tenant.as_deref(), &self.name, meta.dedupe.as_str()),
            source: self.name.clone(),
            tenant,
            id: meta.id,
            event_type: meta.event_type,
            received: now,
            headers: kept_headers(request),
            trace: Trace::of(request),
            body: Body::Inline(body),
        })
    }
}

fn lock(keys: &Mutex<KeyCache>) -> MutexGuard<'_, KeyCache> {
    keys.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The headers that travel with the event: those that carry no credential and are not the
/// transport's own.
fn kept_headers(request: &Request<'_>) -> Vec<(String, String)> {
    request
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_ascii_lowercase(),
                String::from_utf8_lossy(value).into_owned(),
            )
        })
        .filter(|(name, _)| !is_dropped(name))
        .collect()
}

fn is_dropped(name: &str) -> bool {
    const NAMES: [&str; 13] = [
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    const PREFIXES: [&str; 3] = ["x-amzn-", "x-forwarded-", "x-amz-"];
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || ["token", "secret", "api-key", "password"]
            .iter()
            .any(|word| name.contains(word))
}

/// An error because of which a source cannot be used.
#[derive(Error)]
pub enum UnusableSource {
    /// Configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store of a secret did not answer.
    #[error("{key}: the store of this secret does not answer")]
    Unavailable {
        /// The secret's key in the configuration.
        key: String,
        /// The reason.
        #[source]
        source: SecretError,
    },
}

/// The text for people, because a program that stops at its start prints this.
impl fmt::Debug for UnusableSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}

/// The kind of machine that the program runs on, as far as it matters to trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// An AWS account: token issuers are https.
    Aws,
    /// A developer's machine: token issuers may also be http on a loopback address.
    Local,
}

impl Source {
    /// Makes one source ready: fetches all its secrets together.
    ///
    /// # Errors
    /// Names the key of the first secret that is missing or empty, or of the first wrong setting.
    pub async fn load(
        name: &str,
        config: &SourceConfig,
        secrets: &Secrets,
        runtime: Runtime,
    ) -> Result<Source, UnusableSource> {
        let (oldest, now) = (SystemTime::UNIX_EPOCH, system_now());
        let loaded = Source::load_after(name, config, secrets, runtime, (oldest, now)).await;
        loaded.map(|(source, _)| source)
    }

    /// Makes one source ready with secrets that were fetched after `oldest`, or are fetched now; and the
    /// time at which the oldest of them was asked for.
    pub(crate) async fn load_after(
        name: &str,
        config: &SourceConfig,
        secrets: &Secrets,
        runtime: Runtime,
        (oldest, now): (SystemTime, SystemTime),
    ) -> Result<(Source, SystemTime), UnusableSource> {
        let references: Vec<&SecretRef> = config.secrets.iter().map(|one| &one.reference).collect();
        let fetched = secrets.fetch(&references, oldest, now).await;
        let (mut usable, mut asked) = (Vec::new(), now);
        for (index, (secret, fetched)) in config.secrets.iter().zip(fetched).enumerate() {
            let key = format!("sources.{name}.secrets[{index}]");
            let (secrets, at) = checked(&key, secret, fetched)?;
            usable.extend(secrets);
            asked = asked.min(at);
        }
        let options = Options {
            secrets: usable,
            ..options(config, runtime)
        };
        let verifier = Verifier::new(config.provider.clone(), options)
            .map_err(|error| error.within(&format!("sources.{name}")))?;
        let source = Source {
            name: name.to_owned(),
            verifier,
            on_mismatch: config.on_mismatch,
        };
        Ok((source, asked))
    }

    /// Checks a source's settings, all but its secrets; the warnings to show at start.
    ///
    /// # Errors
    /// Names the key of the first wrong setting.
    pub fn check_settings(
        name: &str,
        config: &SourceConfig,
        runtime: Runtime,
    ) -> Result<Vec<&'static str>, ConfigError> {
        let checked = Verifier::check_settings(config.provider.clone(), options(config, runtime));
        checked.map_err(|error| error.within(&format!("sources.{name}")))
    }
}

fn options(config: &SourceConfig, runtime: Runtime) -> Options {
    Options {
        loopback_http_issuers: runtime == Runtime::Local,
        ..config.options.clone()
    }
}

/// The secrets that were fetched for one key, and the time at which their store was asked.
fn checked(
    key: &str,
    secret: &SecretConfig,
    fetched: Result<Fetched, SecretError>,
) -> Result<(Vec<Secret>, SystemTime), UnusableSource> {
    let reference = &secret.reference;
    let wrong = |why: String| ConfigError::at(key, format!("{reference}{why}"));
    let Fetched { texts, at } = match fetched {
        Ok(fetched) => fetched,
        Err(SecretError::Missing(why)) => return Err(wrong(format!(": {why}")).into()),
        Err(source) => {
            return Err(UnusableSource::Unavailable {
                key: key.to_owned(),
                source,
            });
        }
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        let empty = " is empty; with an empty secret anyone could sign";
        return Err(wrong(empty.to_owned()).into());
    }
    let secrets = texts.into_iter().map(Secret::new);
    let secrets = match secret.not_after {
        Some(time) => secrets.map(|secret| secret.not_after(time)).collect(),
        None => secrets.collect(),
    };
    Ok((secrets, at))
}
