//! `template.yaml`, read as what it is: YAML with CloudFormation's tags.

use std::path::PathBuf;
use std::time::Duration;

use serde_yaml_ng::Value;

/// A template.
#[derive(Debug)]
pub struct Template(Value);

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Template {
    /// Reads `template.yaml`.
    pub fn read() -> Template {
        Template::of("template.yaml")
    }

    /// Reads a template of this repository.
    pub fn of(file: &str) -> Template {
        let text = std::fs::read_to_string(root().join(file)).expect("a template");
        Template(serde_yaml_ng::from_str(&text).expect("a template is YAML"))
    }

    /// A resource's properties.
    ///
    /// # Panics
    /// When there is no such resource.
    pub fn properties(&self, name: &str) -> &Value {
        &self.resource(name)["Properties"]
    }

    /// A resource.
    ///
    /// # Panics
    /// When there is no such resource.
    pub fn resource(&self, name: &str) -> &Value {
        let resource = self.0["Resources"].get(name);
        resource.unwrap_or_else(|| panic!("no resource {name}"))
    }

    /// The names of all parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.names("Parameters")
    }

    /// The names of all outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.names("Outputs")
    }

    fn names<'a>(&'a self, section: &str) -> impl Iterator<Item = &'a str> {
        let section = self.0[section].as_mapping().expect("a section");
        section.keys().map(text)
    }

    /// A parameter.
    pub fn parameter(&self, name: &str) -> &Value {
        &self.0["Parameters"][name]
    }

    /// A condition.
    pub fn condition(&self, name: &str) -> &Value {
        &self.0["Conditions"][name]
    }

    /// A row of a mapping.
    pub fn mapping(&self, name: &str, row: &str) -> &Value {
        &self.0["Mappings"][name][row]
    }

    /// A function's properties, with those that all functions have.
    pub fn function(&self, name: &str) -> Value {
        let mut merged = self.0["Globals"]["Function"].clone();
        merge(&mut merged, self.properties(name));
        merged
    }

    /// The resources of a type, as `AWS::SQS::Queue`: name and resource.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self.0["Resources"].as_mapping().expect("resources").iter();
        let named = resources.map(|(name, resource)| (text(name), resource));
        named.filter(move |(_, resource)| resource["Type"] == kind)
    }

    /// A role's statements.
    pub fn statements(&self, role: &str) -> Vec<&Value> {
        let policies = list(&self.properties(role)["Policies"]);
        let statements = policies
            .into_iter()
            .flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        statements.map(unconditional).collect()
    }
}

/// Puts `own` over `common`, as the Serverless transform does: key by key, lists joined.
fn merge(common: &mut Value, own: &Value) {
    match (common, own) {
        (Value::Mapping(common), Value::Mapping(own)) => {
            for (key, value) in own {
                match common.get_mut(key) {
                    Some(below) => merge(below, value),
                    None => drop(common.insert(key.clone(), value.clone())),
                }
            }
        }
        (Value::Sequence(common), Value::Sequence(own)) => common.extend_from_slice(own),
        (common, own) => *common = own.clone(),
    }
}

/// The value of an `!If` whose condition holds; anything else unchanged.
pub fn unconditional(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) if tagged.tag == "If" => &tagged.value[1],
        other => other,
    }
}

/// A list's items, or a single value as the only one.
pub fn list(value: &Value) -> Vec<&Value> {
    value
        .as_sequence()
        .map_or_else(|| vec![value], |items| items.iter().collect())
}

/// A text.
pub fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value:?}"))
}

/// A number of seconds.
pub fn seconds(value: &Value) -> Duration {
    Duration::from_secs(
        value
            .as_u64()
            .unwrap_or_else(|| panic!("not a number: {value:?}")),
    )
}

/// A value as the template writes it: `!GetAtt Queue.Arn`; a list's items with commas between them.
pub fn written(value: &Value) -> String {
    match value {
        Value::Tagged(tagged) => format!("{} {}", tagged.tag, written(&tagged.value)),
        Value::String(text) => text.clone(),
        Value::Sequence(items) => items.iter().map(written).collect::<Vec<_>>().join(", "),
        other => panic!("neither text nor tag: {other:?}"),
    }
}
