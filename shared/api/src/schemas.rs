//! The schemas of the operations' types.

use std::fmt;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

/// The schemas of an operation's request and answer.
#[derive(Clone, Copy)]
pub(crate) struct Schemas {
    pub(crate) request: fn(&mut SchemaGenerator) -> Value,
    pub(crate) answer: fn(&mut SchemaGenerator) -> Value,
    /// The request's members, one by one.
    pub(crate) members: fn(&mut SchemaGenerator) -> Value,
}

impl Schemas {
    pub(crate) const fn of<R: JsonSchema, A: JsonSchema>() -> Schemas {
        Schemas {
            request: reference::<R>,
            answer: reference::<A>,
            members: |generator| R::json_schema(generator).to_value(),
        }
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schemas")
    }
}

pub(crate) fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}
