//! The facts of an event, and the key that tells it from others.

use crate::error::ConfigError;
use crate::field::{Document, Field, FieldSource, Found};
use crate::request::Request;
use crate::row::{EventField, EventFields, Row};
use sha2::{Digest, Sha256};
use std::fmt;

/// The longest text that a handshake echoes, in bytes.
const MAX_ECHO_BYTES: usize = 4096;

/// The facts of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMeta {
    /// The event's id.
    pub id: Option<String>,
    /// The provider's word for what happened.
    pub event_type: Option<String>,
    /// Whom it happened to. Where the row reads it from an unsigned header it is only what the sender says.
    pub tenant: Option<String>,
    /// What tells the event from others of the same source.
    pub dedupe: Dedupe,
}

/// What a request states of its event, required or not: what is missing or unusable is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The event's id.
    pub id: Option<String>,
    /// The provider's word for what happened.
    pub event_type: Option<String>,
    /// Whom it happened to.
    pub tenant: Option<String>,
}

/// What tells an event from others of the same source.
///
/// - `id:<id>` when the id is inside what is signed;
/// - `id+body:<id>:<hex SHA-256 of the body>` when the id is not signed, so that nobody can make one event pass for another;
/// - `body:<hex SHA-256 of the body>` when there is no id;
/// - `fields:<hex SHA-256>` when the row lists fields: over their values, each after its length, and over the body too
///   when one of them is not signed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dedupe(String);

impl Dedupe {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Dedupe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A fact that an authentic request does not state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingField {
    /// `id`, `type`, `tenant` or `dedupe`.
    pub field: &'static str,
    /// Where it was looked for, and what was wrong with what was there.
    pub source: String,
}

impl fmt::Display for MissingField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {}: {}", self.field, self.source)
    }
}

impl std::error::Error for MissingField {}

/// The answer to a provider's test request.
#[derive(Clone, PartialEq, Eq)]
pub struct HandshakeAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Without the body, which repeats what was sent.
impl fmt::Debug for HandshakeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeAnswer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// The event fields of a row, compiled.
#[derive(Debug)]
pub(crate) struct Extractor {
    id: Option<Field>,
    event_type: Option<Field>,
    tenant: Option<Field>,
    dedupe: Vec<Field>,
    required: Vec<EventField>,
    id_signed: bool,
    dedupe_signed: bool,
    handshakes: Vec<Challenge>,
    reads_body: bool,
}

#[derive(Debug)]
struct Challenge {
    source: Field,
    equals: String,
    echo: Field,
}

impl Extractor {
    pub(crate) fn new(row: &Row) -> Result<Self, ConfigError> {
        let event = &row.event;
        let dedupe = event
            .dedupe
            .iter()
            .map(|source| Field::new(source, "event.dedupe"))
            .collect::<Result<_, _>>()?;
        let sources = [&event.id, &event.event_type, &event.tenant]
            .into_iter()
            .flatten()
            .chain(&event.dedupe);
        Ok(Self {
            id: compile(event.id.as_ref(), "event.id")?,
            event_type: compile(event.event_type.as_ref(), "event.type")?,
            tenant: compile(event.tenant.as_ref(), "event.tenant")?,
            dedupe,
            required: required(event),
            id_signed: event.id.as_ref().is_some_and(|id| row.verify.covers(id)),
            dedupe_signed: event.dedupe.iter().all(|source| row.verify.covers(source)),
            handshakes: row
                .handshakes
                .iter()
                .map(Challenge::new)
                .collect::<Result<_, _>>()?,
            reads_body: sources
                .into_iter()
                .any(|source| matches!(source, FieldSource::Body(_))),
        })
    }

    pub(crate) fn facts(&self, request: &Request<'_>) -> Facts {
        let body = self.document(request);
        let read = |field: &Option<Field>| {
            let found = field.as_ref()?.read(request, &body).ok()??;
            Some(found.text)
        };
        Facts {
            id: read(&self.id),
            event_type: read(&self.event_type),
            tenant: read(&self.tenant),
        }
    }

    fn document(&self, request: &Request<'_>) -> Document {
        if self.reads_body {
            Document::parse(request.body)
        } else {
            Document::absent()
        }
    }

    pub(crate) fn event(&self, request: &Request<'_>) -> Result<EventMeta, MissingField> {
        let body = self.document(request);
        let read = |name, field: &Option<Field>, kind| {
            self.read(name, field.as_ref(), kind, request, &body)
        };
        let id = read("id", &self.id, EventField::Id)?;
        let event_type = read("type", &self.event_type, EventField::Type)?;
        let tenant = read("tenant", &self.tenant, EventField::Tenant)?;
        let dedupe = self.dedupe(id.as_ref(), request, &body)?;
        let text = |found: Option<Found>| found.map(|found| found.text);
        Ok(EventMeta {
            id: text(id),
            event_type: text(event_type),
            tenant: text(tenant),
            dedupe,
        })
    }

    fn read(
        &self,
        name: &'static str,
        field: Option<&Field>,
        kind: EventField,
        request: &Request<'_>,
        body: &Document,
    ) -> Result<Option<Found>, MissingField> {
        let Some(field) = field else { return Ok(None) };
        match field.read(request, body) {
            Ok(None) if self.required.contains(&kind) => Err(MissingField {
                field: name,
                source: field.source.to_string(),
            }),
            Ok(found) => Ok(found),
            Err(unusable) => Err(MissingField {
                field: name,
                source: format!("{} {}", field.source, unusable.as_str()),
            }),
        }
    }

    fn dedupe(
        &self,
        id: Option<&Found>,
        request: &Request<'_>,
        body: &Document,
    ) -> Result<Dedupe, MissingField> {
        if !self.dedupe.is_empty() {
            return self.dedupe_fields(request, body);
        }
        let hash = || hex::encode(Sha256::digest(request.body));
        Ok(Dedupe(match id {
            Some(id) if self.id_signed && id.exact => format!("id:{}", id.text),
            Some(id) => format!("id+body:{}:{}", id.text, hash()),
            None => format!("body:{}", hash()),
        }))
    }

    /// An absent field differs from an empty one; a request that has none of them cannot be told from another.
    fn dedupe_fields(
        &self,
        request: &Request<'_>,
        body: &Document,
    ) -> Result<Dedupe, MissingField> {
        let mut hash = Sha256::new();
        let mut vague = !self.dedupe_signed;
        let mut present = 0_usize;
        for field in &self.dedupe {
            let found = field
                .read_any(request, body)
                .map_err(|unusable| MissingField {
                    field: "dedupe",
                    source: format!("{} {}", field.source, unusable.as_str()),
                })?;
            present += usize::from(found.is_some());
            vague |= found.as_ref().is_some_and(|found| !found.exact);
            add(&mut hash, found.as_ref().map(|found| found.text.as_bytes()));
        }
        if present == 0 {
            let sources: Vec<_> = self
                .dedupe
                .iter()
                .map(|field| field.source.to_string())
                .collect();
            return Err(MissingField {
                field: "dedupe",
                source: sources.join(", "),
            });
        }
        if vague {
            add(&mut hash, Some(request.body));
        }
        Ok(Dedupe(format!("fields:{}", hex::encode(hash.finalize()))))
    }

    pub(crate) fn handshake(&self, request: &Request<'_>) -> Option<HandshakeAnswer> {
        if self.handshakes.is_empty() {
            return None;
        }
        let body = Document::parse(request.body);
        self.handshakes
            .iter()
            .find_map(|challenge| challenge.answer(request, &body))
    }
}

impl Challenge {
    fn new(handshake: &crate::row::Handshake) -> Result<Self, ConfigError> {
        Ok(Self {
            source: Field::new(&handshake.source, "handshakes.source")?,
            equals: handshake.equals.clone(),
            echo: Field::new(&handshake.echo, "handshakes.echo")?,
        })
    }

    fn answer(&self, request: &Request<'_>, body: &Document) -> Option<HandshakeAnswer> {
        let told = self.source.read(request, body).ok()??;
        let echo = self.echo.read_any(request, body).ok()??.text;
        let fits = told.text == self.equals && echo.len() <= MAX_ECHO_BYTES;
        fits.then(|| HandshakeAnswer {
            status: 200,
            content_type: "text/plain".to_owned(),
            body: echo.into_bytes(),
        })
    }
}

fn compile(source: Option<&FieldSource>, key: &str) -> Result<Option<Field>, ConfigError> {
    source.map(|source| Field::new(source, key)).transpose()
}

fn required(event: &EventFields) -> Vec<EventField> {
    let named = [
        (&event.id, EventField::Id),
        (&event.event_type, EventField::Type),
    ];
    let default = named
        .into_iter()
        .filter(|(source, _)| source.is_some())
        .map(|(_, field)| field);
    event.required.clone().unwrap_or_else(|| default.collect())
}

fn add(hash: &mut Sha256, value: Option<&[u8]>) {
    let Some(value) = value else {
        return hash.update([0]);
    };
    hash.update([1]);
    hash.update((value.len() as u64).to_be_bytes());
    hash.update(value);
}
