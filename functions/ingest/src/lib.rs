//! Takes a provider's request in: verifies it, records the event once, enqueues it.
//!
//! A 2xx means that the event is durable. [`Ingest::handle`] reads from top to bottom; every line of
//! it that can refuse a request says with which [`Rejection`].

mod limits;
mod path;
mod rejection;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::ports::{
    Bodies, Clock, Documents, EventQueue, EventStore, Outbox, SecretStore, chain,
};
use hookgate::{Body, ClaimCheck, Event, Message, MismatchPolicy, Sources, Trace, emit, shown};
use hookgate_ledger::Record;
use hookgate_signature::{HandshakeAnswer, Request as Signed};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
pub use limits::{INLINE_BODY_BYTES, MAX_BODY_BYTES, MAX_MESSAGE_BODY_BYTES};
pub use path::WebhookPath;
pub use rejection::Rejection;

/// How long a request may take before it is answered with 503. Shopify gives up after 5 s, and the
/// function's own time-out is 4 s.
pub const BUDGET: Duration = Duration::from_millis(2500);

/// What ingest needs: the sources with their secrets, a store, a queue, a place for large bodies, the issuers' documents,
/// the time.
#[derive(Debug)]
pub struct Ingest<K, S, Q, B, D, C> {
    sources: Sources<K>,
    store: S,
    queue: Q,
    bodies: Option<B>,
    documents: D,
    clock: C,
}

/// How a request that was not refused is answered.
enum Answer {
    Accepted(Event<Body>),
    Duplicate(Event<Body>),
    Mismatch(Event<Body>),
    Handshake(HandshakeAnswer),
}

impl<K, S, Q, B, D, C> Ingest<K, S, Q, B, D, C>
where
    K: SecretStore,
    S: EventStore + Outbox,
    Q: EventQueue,
    B: Bodies,
    D: Documents,
    C: Clock,
{
    /// Ingest for these sources. Without a place for large bodies it takes none.
    pub fn new(
        sources: Sources<K>,
        store: S,
        queue: Q,
        bodies: Option<B>,
        documents: D,
        clock: C,
    ) -> Self {
        warn_of_weak_sources(&sources);
        Ingest {
            sources,
            store,
            queue,
            bodies,
            documents,
            clock,
        }
    }

    /// The configured sources.
    pub fn sources(&self) -> &Sources<K> {
        &self.sources
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let answer = tokio::time::timeout(BUDGET, self.accept(&request))
            .await
            .unwrap_or(Err(Rejection::TimedOut));
        match answer {
            Ok(answer) => answer.respond(),
            Err(rejection) => {
                let source = log_source(&request);
                rejection.log(&source, trace_id(&request).as_deref());
                rejection.count(&source);
                rejection.respond()
            }
        }
    }

    async fn accept(&self, request: &Request<Bytes>) -> Result<Answer, Rejection> {
        let path = WebhookPath::parse(request.uri().path()).ok_or(Rejection::UnknownPath)?;
        let source = self
            .sources
            .get(path.source)
            .ok_or(Rejection::UnknownSource)?;
        if request.method() != http::Method::POST {
            return Err(Rejection::Method);
        }
        let limit = self.limit();
        if request.body().len() > limit {
            return Err(Rejection::TooLarge { limit });
        }
        let now = self.clock.now();
        let headers = headers(request);
        let signed = signed(request, &headers);
        let source = self
            .sources
            .verify(source, &signed, &self.documents, now)
            .await
            .map_err(|why| Rejection::unverified(why, source.reject_status()))?;
        if let Some(answer) = source.handshake(&signed) {
            return Ok(Answer::Handshake(answer));
        }
        let event = source.event(&signed, path.tenant, request.body().clone(), now)?;
        self.keep(event, source.on_mismatch(), now).await
    }

    /// The largest body that is taken, in bytes.
    fn limit(&self) -> usize {
        match self.bodies {
            Some(_) => MAX_BODY_BYTES,
            None => MAX_MESSAGE_BODY_BYTES,
        }
    }

    /// The form in which an event's body travels.
    fn carried(&self, event: &Event) -> Body {
        if self.bodies.is_some() && event.body.len() > INLINE_BODY_BYTES {
            Body::Kept(ClaimCheck::of(&event.key, &event.body))
        } else {
            Body::Inline(event.body.clone())
        }
    }

    /// Records an event and enqueues it, unless a carrier of it is proven already.
    async fn keep(
        &self,
        event: Event,
        on_mismatch: MismatchPolicy,
        now: SystemTime,
    ) -> Result<Answer, Rejection> {
        let (body, carried) = (event.body.clone(), self.carried(&event));
        let event = event.with_body(carried);
        match self
            .store
            .record(&event, now)
            .await
            .map_err(Rejection::Store)?
        {
            Record::New => {
                let event = self.send(event, &body, 0).await?;
                Ok(Answer::Accepted(event))
            }
            Record::SendAgain { epoch } => {
                let event = self.send(event, &body, epoch).await?;
                // The marker only spares the next redelivery its message: losing it loses nothing.
                if let Err(error) = self.store.mark_enqueued(&event.key, epoch).await {
                    tracing::warn!(key = %event.key, error = chain(&error), "not marked as enqueued");
                }
                Ok(Answer::Duplicate(event))
            }
            Record::Duplicate => Ok(Answer::Duplicate(event)),
            Record::PayloadMismatch => {
                tracing::warn!(outcome = "payload-mismatch", source = event.source, key = %event.key, "event");
                match on_mismatch {
                    MismatchPolicy::SameIdWins => Ok(Answer::Mismatch(event)),
                    MismatchPolicy::Reject => Err(Rejection::PayloadMismatch),
                }
            }
        }
    }

    /// Hands a message to the queue; where it does not take it, to the outbox, which the sweeper empties.
    /// A body that does not travel with it is kept before, so that no message ever lacks its body.
    async fn send(
        &self,
        event: Event<Body>,
        body: &Bytes,
        epoch: u32,
    ) -> Result<Event<Body>, Rejection> {
        if let Body::Kept(check) = &event.body {
            let kept = self.bodies.keep(check, body).await;
            kept.map_err(Rejection::Bodies)?;
        }
        let message = Message { event, epoch };
        if let Err(error) = self.queue.send(&message).await {
            tracing::warn!(key = %message.event.key, error = chain(&error), "to the outbox");
            self.store.keep(&message).await.map_err(Rejection::Queue)?;
        }
        Ok(message.event)
    }
}

/// Says at the start what a configured reading does not protect.
fn warn_of_weak_sources(sources: &Sources<impl SecretStore>) {
    for source in sources.ready() {
        for warning in source.verifier().warnings() {
            tracing::warn!(source = source.name(), warning, "weak source");
        }
    }
}

impl Answer {
    fn respond(self) -> Response<Bytes> {
        match self {
            Answer::Accepted(event) => {
                emit!(EventsAccepted = 1; source = event.source);
                acknowledge("accepted", &event)
            }
            Answer::Duplicate(event) => {
                emit!(EventsDuplicate = 1; source = event.source);
                acknowledge("duplicate", &event)
            }
            Answer::Mismatch(event) => {
                emit!(EventsDuplicate = 1, PayloadMismatch = 1; source = event.source);
                acknowledge("duplicate", &event)
            }
            Answer::Handshake(answer) => {
                tracing::info!(outcome = "handshake", "event");
                let mut response = Response::new(Bytes::from(answer.body));
                *response.status_mut() =
                    StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
                if let Ok(value) = HeaderValue::from_str(&answer.content_type) {
                    response.headers_mut().insert(CONTENT_TYPE, value);
                }
                response
            }
        }
    }
}

fn acknowledge(status: &'static str, event: &Event<Body>) -> Response<Bytes> {
    tracing::info!(
        outcome = status,
        source = event.source,
        event_type = shown(event.type_or_dash()).as_ref(),
        tenant = event.tenant.as_deref().map(shown).as_deref(),
        event_id = event.id.as_deref().map(shown).as_deref(),
        key = %event.key,
        trace_id = event.trace_id(),
        body_bytes = event.body.bytes(),
        "event"
    );
    json(
        StatusCode::OK,
        &serde_json::json!({ "status": status, "event": event.key.as_str() }),
    )
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn headers(request: &Request<Bytes>) -> Vec<(&str, &[u8])> {
    let headers = request.headers().iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

fn signed<'a>(request: &'a Request<Bytes>, headers: &'a [(&'a str, &'a [u8])]) -> Signed<'a> {
    let url = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    Signed {
        method: request.method().as_str(),
        url,
        headers,
        body: request.body(),
    }
}

/// The id of the trace that a request belongs to, for the log line of one that is refused.
fn trace_id(request: &Request<Bytes>) -> Option<String> {
    let headers = headers(request);
    Trace::of(&signed(request, &headers)).map(|trace| trace.id().to_owned())
}

/// The source's name for a log line: what a stranger wrote into the path is not repeated.
fn log_source(request: &Request<Bytes>) -> String {
    WebhookPath::parse(request.uri().path())
        .map_or_else(|| "-".to_owned(), |path| path.source.to_owned())
}
