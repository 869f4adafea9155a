//! The dedupe key, which identifies an event within its source.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::fact::{Fact, MissingField};
use crate::place::Place;
use crate::request::Received;

/// The dedupe key, which identifies an event within its source.
///
/// - `id:<id>` when the id is inside what is signed;
/// - `id+body:<id>:<hex SHA-256 of the body>` when the id is not signed, so that no one can make one event pass for another;
/// - `body:<hex SHA-256 of the body>` when there is no id;
/// - `fields:<hex SHA-256>` when the definition lists fields: over their values, each after its length, and over the body too
///   when one of them is not signed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dedupe(String);

impl Dedupe {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of an event with or without an id. `signed` is true if the signature covers the id.
    pub(crate) fn by_id(id: Option<&Fact>, signed: bool, body: &[u8]) -> Dedupe {
        let hash = || hex::encode(Sha256::digest(body));
        Dedupe(match id {
            Some(id) if signed && id.exact => format!("id:{}", id.text),
            Some(id) => format!("id+body:{}:{}", id.text, hash()),
            None => format!("body:{}", hash()),
        })
    }

    /// The key over the values at these places. An absent one differs from an empty one; a request that has
    /// none of them cannot be told from another.
    pub(crate) fn by_fields(
        places: &[Place],
        signed: bool,
        request: &Received<'_>,
    ) -> Result<Dedupe, MissingField> {
        let mut hash = Sha256::new();
        let mut vague = !signed;
        let mut present = 0_usize;
        for place in places {
            let fact = Fact::of_any_length(place, request).map_err(missing)?;
            present += usize::from(fact.is_some());
            vague |= fact.as_ref().is_some_and(|fact| !fact.exact);
            add(&mut hash, fact.as_ref().map(|fact| fact.text.as_bytes()));
        }
        if present == 0 {
            let places: Vec<_> = places.iter().map(Place::described).collect();
            return Err(missing(format!("nothing is at {}", places.join(" or "))));
        }
        if vague {
            add(&mut hash, Some(request.body));
        }
        Ok(Dedupe(format!("fields:{}", hex::encode(hash.finalize()))))
    }
}

impl fmt::Display for Dedupe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn missing(problem: String) -> MissingField {
    MissingField {
        field: "dedupe",
        problem,
    }
}

fn add(hash: &mut Sha256, value: Option<&[u8]>) {
    let Some(value) = value else {
        return hash.update([0]);
    };
    hash.update([1]);
    hash.update((value.len() as u64).to_be_bytes());
    hash.update(value);
}
