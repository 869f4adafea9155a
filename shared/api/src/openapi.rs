//! The OpenAPI document of the table of operations.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::schemas::reference;
use crate::{Failure, OPERATIONS, OperationInfo};

/// The document, of OpenAPI 3.1.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    let failure = reference::<Failure>(&mut generator);
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        let method = operation.method.to_ascii_lowercase();
        path[method] = described(operation, &mut generator, &failure);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hookgate's operators' API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Which events came in, a second run of some, the dead letters. JSON in, JSON out. \
                A deployed gateway knows its operators by IAM (SigV4), a local one by a bearer token.",
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn described(operation: &OperationInfo, generator: &mut SchemaGenerator, failure: &Value) -> Value {
    let schemas = operation.schemas;
    let mut described = json!({
        "operationId": format!("{:?}", operation.id),
        "summary": operation.summary.trim(),
        "responses": {
            operation.status.to_string(): content("Done.", &(schemas.answer)(generator)),
            "default": content("Not done.", failure),
        },
    });
    let mut parameters: Vec<Value> = name(operation.path).into_iter().collect();
    if operation.method == "POST" {
        let mut body = content("", &(schemas.request)(generator));
        body["required"] = true.into();
        if let Some(body) = body.as_object_mut() {
            body.remove("description");
        }
        described["requestBody"] = body;
    } else {
        parameters.extend(query(&(schemas.members)(generator)));
    }
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    described
}

fn content(description: &str, schema: &Value) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": schema } },
    })
}

/// The name in a path.
fn name(path: &str) -> Option<Value> {
    let (_, name) = path.split_once('{')?;
    let (name, _) = name.split_once('}')?;
    Some(json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
}

/// The parameters of a query.
fn query(members: &Value) -> Vec<Value> {
    let members = members["properties"].as_object().into_iter().flatten();
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|s| s.remove("description"));
        json!({ "name": name, "in": "query", "description": description, "schema": schema })
    };
    members.map(parameter).collect()
}
