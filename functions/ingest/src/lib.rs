//! Receives a provider's request: verifies it, records the event once, and enqueues it.
//!
//! A 2xx means that the event is durable. [`Ingest::accept`] reads from top to bottom; every line of
//! it that can reject a request says with which [`Rejection`].

mod recent;
mod rejection;
mod reply;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hookgate::config::IngestOrder;
use hookgate::event::Until;
use hookgate::{
    Body, Clock, DynamoTable, Event, HttpEvent, HttpResponse, Message, MismatchPolicy, Number,
    S3Bodies, Sources, SqsQueue, StoredBody, Trace, chain,
};
use hookgate_ledger::RecordDecision;
use hookgate_signature::Request as Signed;
use http::{Method, Request, Response};
use recent::Recent;
pub use rejection::Rejection;
use reply::Reply;

/// Time limit for a request, after which it is answered with 503. Shopify gives up after 5 s, and the
/// function's own timeout is 4 s.
pub const BUDGET: Duration = Duration::from_millis(2500);

/// The largest accepted body, in bytes: in base64, with its headers, it fits into Lambda's request (6 MB).
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_BODY_BYTES: usize = 4_500_000;

/// The largest accepted body if no bucket is configured, in bytes: in base64, with
/// its headers, it fits into a queue message (1 MiB).
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MAX_MESSAGE_BODY_BYTES: usize = 700 * 1024;

/// The largest body that travels in its message if a bucket is configured, in bytes. A body that
/// is no larger also fits into an outbox entry (400 KB); a larger one costs less in S3.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub const INLINE_BODY_BYTES: usize = 256 * 1024;

/// The function: its sources with their secrets, the table, the queue, and the bucket for large bodies, without
/// which none are accepted.
#[derive(Debug)]
pub struct Ingest {
    sources: Sources,
    table: DynamoTable,
    queue: SqsQueue,
    bodies: Option<S3Bodies>,
    clock: Clock,
    order: IngestOrder,
    recent: Recent,
}

impl Ingest {
    /// Ingest for these sources.
    pub fn new(
        sources: Sources,
        table: DynamoTable,
        queue: SqsQueue,
        bodies: Option<S3Bodies>,
        clock: Clock,
    ) -> Self {
        warn_of_weak_sources(&sources);
        Ingest {
            sources,
            table,
            queue,
            bodies,
            clock,
            order: IngestOrder::default(),
            recent: Recent::default(),
        }
    }

    /// Ingest that makes events durable in this order.
    #[must_use]
    pub fn in_order(self, order: IngestOrder) -> Self {
        Ingest { order, ..self }
    }

    /// The configured sources.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Answers one event from Lambda, even if it is not a proper request. `trace` is X-Ray's.
    pub async fn answer(&self, event: &HttpEvent, trace: Option<&str>) -> HttpResponse {
        let (caller, request) = event.read(trace);
        let response = match request {
            Ok(request) => self.handle(request).await,
            Err(why) => rejected(&Rejection::BadRequest(why), "-", None),
        };
        caller.respond(&response)
    }

    /// Answers one request. It never fails: an error is a response too.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let headers = headers(&request);
        let signed = signed(&request, &headers);
        let path = WebhookPath::parse(request.uri().path());
        let accepted =
            tokio::time::timeout(BUDGET, self.accept(path, &signed, request.body())).await;
        match accepted.unwrap_or(Err(Rejection::TimedOut)) {
            Ok(reply) => reply.respond(),
            Err(rejection) => {
                // A well-formed name is logged, whether it is a source's or not.
                let source = path.map_or("-", |path| path.source);
                rejected(&rejection, source, Trace::of(&signed).as_ref())
            }
        }
    }

    async fn accept(
        &self,
        path: Option<WebhookPath<'_>>,
        request: &Signed<'_>,
        body: &Bytes,
    ) -> Result<Reply, Rejection> {
        let path = path.ok_or(Rejection::UnknownPath)?;
        let source = self
            .sources
            .get(path.source)
            .ok_or(Rejection::UnknownSource)?;
        if request.method != Method::POST.as_str() {
            return Err(Rejection::Method);
        }
        let limit = self.limit();
        if body.len() > limit {
            return Err(Rejection::TooLarge { limit });
        }
        let now = self.clock.now();
        let source = self
            .sources
            .verify(source, request, now)
            .await
            .map_err(|why| Rejection::unverified(why, source.reject_status()))?;
        if let Some(answer) = source.handshake(request) {
            return Ok(Reply::Handshake(path.source.to_owned(), answer));
        }
        let event = source.event(request, path.tenant, body.clone(), now)?;
        match self.order {
            IngestOrder::RecordFirst => {
                self.record_and_enqueue(event, body, source.on_mismatch(), now)
                    .await
            }
            IngestOrder::QueueFirst => self.enqueue_unrecorded(event, body).await,
        }
    }

    /// The largest accepted body, in bytes.
    fn limit(&self) -> usize {
        match self.bodies {
            Some(_) => MAX_BODY_BYTES,
            None => MAX_MESSAGE_BODY_BYTES,
        }
    }

    /// The event, with a pointer to its body if that is too large for the message.
    fn without_large_body(&self, event: Event, body: &Bytes) -> Event {
        let large = self.bodies.is_some() && body.len() > INLINE_BODY_BYTES;
        let body = match large {
            true => Body::Stored(StoredBody::of(&event.key, body)),
            false => event.body,
        };
        Event { body, ..event }
    }

    /// Enqueues an event that the ledger has not seen: the processor's claim records it, and drops duplicates. An event
    /// whose message this instance has just sent is not sent again.
    async fn enqueue_unrecorded(&self, event: Event, body: &Bytes) -> Result<Reply, Rejection> {
        let event = self.without_large_body(event, body);
        if self.recent.contains(&event) {
            return Ok(Reply::Duplicate(event));
        }
        let event = self.enqueue(event, body, Number::default()).await?;
        self.recent.add(&event);
        Ok(Reply::Accepted(event))
    }

    /// Records an event and enqueues it, unless its message is already known to be sent.
    async fn record_and_enqueue(
        &self,
        event: Event,
        body: &Bytes,
        on_mismatch: MismatchPolicy,
        now: SystemTime,
    ) -> Result<Reply, Rejection> {
        let event = self.without_large_body(event, body);
        let recorded = self.table.record(&event, now).await;
        match recorded.map_err(Rejection::Table)? {
            RecordDecision::New => {
                let event = self.enqueue(event, body, Number::default()).await?;
                Ok(Reply::Accepted(event))
            }
            RecordDecision::SendAgain { number } => {
                let event = self.enqueue(event, body, number).await?;
                // The mark only saves the next redelivery a message, so losing it loses nothing.
                if let Err(error) = self.table.mark_enqueued(&event.key, number.epoch).await {
                    tracing::warn!(key = %event.key, error = chain(&error), "event not marked as enqueued");
                }
                Ok(Reply::Duplicate(event))
            }
            RecordDecision::Duplicate => Ok(Reply::Duplicate(event)),
            RecordDecision::PayloadMismatch => match on_mismatch {
                MismatchPolicy::SameIdWins => Ok(Reply::Mismatch(event)),
                MismatchPolicy::Reject => Err(Rejection::PayloadMismatch(event.key)),
            },
        }
    }

    /// Sends a message to the queue or, if that fails, adds it to the outbox, which the sweeper
    /// empties. A large body is stored first, so that no message is ever without its body.
    async fn enqueue(
        &self,
        event: Event,
        body: &Bytes,
        number: Number,
    ) -> Result<Event, Rejection> {
        if let (Body::Stored(stored), Some(bodies)) = (&event.body, &self.bodies) {
            let put = bodies.put(stored, body).await;
            put.map_err(Rejection::Bodies)?;
        }
        let message = Message {
            event,
            number,
            replay: None,
            probe: false,
            held_ms: 0,
        };
        if let Err(error) = self.queue.send(&message).await {
            tracing::warn!(key = %message.event.key, error = chain(&error), "sending failed; the message goes to the outbox");
            self.table
                .add_to_outbox(&message, Until::Due(message.event.received))
                .await
                .map_err(Rejection::Queue)?;
        }
        Ok(message.event)
    }
}

/// The response to a rejected request, which is logged and counted.
fn rejected(rejection: &Rejection, source: &str, trace: Option<&Trace>) -> Response<Bytes> {
    rejection.log_and_count(source, trace);
    rejection.respond()
}

/// The path of a webhook's URL: `/webhooks/{source}` or `/webhooks/{source}/{tenant}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookPath<'a> {
    /// The source's name.
    pub source: &'a str,
    /// The tenant, where the path names one.
    pub tenant: Option<&'a str>,
}

impl<'a> WebhookPath<'a> {
    /// Reads a path without its query; `None` if it is not a webhook's.
    pub fn parse(path: &'a str) -> Option<WebhookPath<'a>> {
        let rest = path.strip_prefix("/webhooks/")?;
        let (source, tenant) = match rest.split_once('/') {
            Some((source, tenant)) => (source, Some(tenant)),
            None => (rest, None),
        };
        let well_formed = is_name(source, 64) && tenant.is_none_or(|tenant| is_name(tenant, 128));
        well_formed.then_some(WebhookPath { source, tenant })
    }
}

/// Names that need no encoding in a URL, so that a tenant has only one spelling.
fn is_name(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.~:@".contains(&b))
}

/// Logs, at startup, the attacks that a configured scheme does not prevent.
fn warn_of_weak_sources(sources: &Sources) {
    for (source, warning) in sources.warnings() {
        tracing::warn!(source, warning, "weak source");
    }
}

fn headers(request: &Request<Bytes>) -> Vec<(&str, &[u8])> {
    let headers = request.headers().iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

/// The request as it was signed.
fn signed<'a>(request: &'a Request<Bytes>, headers: &'a [(&'a str, &'a [u8])]) -> Signed<'a> {
    let target = request.uri().path_and_query();
    Signed {
        method: request.method().as_str(),
        url: target.map_or("/", |target| target.as_str()),
        headers,
        body: request.body(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_source_and_maybe_a_tenant() {
        let path = |text| WebhookPath::parse(text).map(|path| (path.source, path.tenant));
        assert_eq!(path("/webhooks/stripe"), Some(("stripe", None)));
        assert_eq!(path("/webhooks/wss/OU1243"), Some(("wss", Some("OU1243"))));
        for other in [
            "/",
            "/webhooks",
            "/webhooks/",
            "/webhooks/a/",
            "/webhooks/a/b/c",
            "/webhooks//b",
            "/webhooks/%61",
            "/webhooks/a/..%2f",
            "/Webhooks/a",
            "/webhooks/a b",
        ] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
