//! An event's id, type and tenant, and the places where they are.

use serde::Deserialize;

use crate::dedupe::Dedupe;
use crate::fact::{Fact, MissingField};
use crate::place::Place;
use crate::request::Received;
use crate::scheme::Scheme;

/// The places of an event's facts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFields {
    /// The event's id, the same in each redelivery.
    pub id: Option<Place>,
    /// The event type, in the provider's words.
    #[serde(rename = "type")]
    pub event_type: Option<Place>,
    /// The customer or account that it happened to.
    pub tenant: Option<Place>,
    /// Fields that together identify an event, instead of the id or the body.
    #[serde(default)]
    pub dedupe: Vec<Place>,
    /// Fields that an event must have. Default: those of `id` and `type` that the definition names.
    pub required: Option<Vec<EventField>>,
}

/// A fact of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventField {
    /// The event's id.
    Id,
    /// The event's type.
    Type,
    /// The event's tenant.
    Tenant,
}

/// The facts of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMeta {
    /// The event's id.
    pub id: Option<String>,
    /// The event type, in the provider's words.
    pub event_type: Option<String>,
    /// The customer or account. If it comes from an unsigned header, it is only what the sender claims.
    pub tenant: Option<String>,
    /// The dedupe key, which identifies the event within its source.
    pub dedupe: Dedupe,
}

/// The facts that a request states of its event, required or not: what is missing or unusable is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The event's id.
    pub id: Option<String>,
    /// The event type, in the provider's words.
    pub event_type: Option<String>,
    /// The customer or account that it happened to.
    pub tenant: Option<String>,
}

impl EventField {
    fn as_str(self) -> &'static str {
        match self {
            EventField::Id => "id",
            EventField::Type => "type",
            EventField::Tenant => "tenant",
        }
    }
}

impl EventFields {
    pub(crate) fn facts(&self, request: &Received<'_>) -> Facts {
        let read = |place: &Option<Place>| {
            let fact = Fact::short(place.as_ref()?, request).ok()??;
            Some(fact.text)
        };
        Facts {
            id: read(&self.id),
            event_type: read(&self.event_type),
            tenant: read(&self.tenant),
        }
    }

    /// The facts of a request that was verified by this scheme.
    pub(crate) fn meta(
        &self,
        scheme: &Scheme,
        request: &Received<'_>,
    ) -> Result<EventMeta, MissingField> {
        let id = self.read(EventField::Id, request)?;
        let event_type = self.read(EventField::Type, request)?;
        let tenant = self.read(EventField::Tenant, request)?;
        let signed = |place: &Place| scheme.covers(place);
        let dedupe = match &self.dedupe[..] {
            [] => {
                let signed = self.id.as_ref().is_some_and(signed);
                Dedupe::by_id(id.as_ref(), signed, request.body)
            }
            places => Dedupe::by_fields(places, places.iter().all(signed), request)?,
        };
        let text = |fact: Option<Fact>| fact.map(|fact| fact.text);
        Ok(EventMeta {
            id: text(id),
            event_type: text(event_type),
            tenant: text(tenant),
            dedupe,
        })
    }

    fn read(
        &self,
        field: EventField,
        request: &Received<'_>,
    ) -> Result<Option<Fact>, MissingField> {
        let Some(place) = self.place(field) else {
            return Ok(None);
        };
        let problem = match Fact::short(place, request) {
            Ok(None) if self.requires(field) => absent(place, request),
            Ok(fact) => return Ok(fact),
            Err(problem) => problem,
        };
        let field = field.as_str();
        Err(MissingField { field, problem })
    }

    fn place(&self, field: EventField) -> Option<&Place> {
        match field {
            EventField::Id => self.id.as_ref(),
            EventField::Type => self.event_type.as_ref(),
            EventField::Tenant => self.tenant.as_ref(),
        }
    }

    fn requires(&self, field: EventField) -> bool {
        match &self.required {
            Some(required) => required.contains(&field),
            None => field != EventField::Tenant,
        }
    }
}

/// The problem of a value that is not there.
fn absent(place: &Place, request: &Received<'_>) -> String {
    match place {
        Place::Body(_) if !request.json().is_json() => "the body is not JSON".to_owned(),
        place => format!("{} is missing", place.described()),
    }
}
