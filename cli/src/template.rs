//! The sources' routes of the HTTP API, in the `template.yaml` beside the configuration.
//!
//! API Gateway throttles by route. With a route of its own, a source takes no requests from another.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hookgate::config::SourceConfig;
use thiserror::Error;

/// The lines around what is written. They stand at the end of the stage, so that it can wait for the routes.
const BEGIN: &str = "      # Written by `hookgate check --write-template`: the sources' routes.\n";
const END: &str = "  # End of the sources' routes.\n";

/// The part of the API that is made before the routes.
const BEFORE: &str = "AdminRoute";

/// The number of sources with routes of their own. Each has two, three are there anyway, and an API has at most 300.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const MOST_SOURCES: usize = 148;

/// The sources by name.
pub(crate) type Sources = BTreeMap<String, SourceConfig>;

/// A template with a place for the sources' routes.
pub(crate) struct Template {
    path: PathBuf,
    head: String,
    written: String,
    tail: String,
}

#[derive(Debug, Error)]
pub(crate) enum TemplateError {
    #[error("cannot read {0}")]
    Unreadable(PathBuf, #[source] std::io::Error),
    #[error(
        "beside the configuration, there is no template.yaml with the line `{}`, and `{}` after it",
        BEGIN.trim(),
        END.trim()
    )]
    NoPlace,
    #[error("cannot write {0}")]
    Unwritable(PathBuf, #[source] std::io::Error),
    #[error(
        "template.yaml: its routes are not those of the sources; run `hookgate check --write-template`, with the same --config"
    )]
    Differs,
}

impl Template {
    /// Reads the template beside a configuration. `None` where there is none, or none with the two lines.
    pub(crate) fn beside(config: &Path) -> Result<Option<Template>, TemplateError> {
        let path = config.with_file_name("template.yaml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TemplateError::Unreadable(path, error)),
        };
        let parts = text.split_once(BEGIN).and_then(|(head, rest)| {
            let (written, tail) = rest.split_once(END)?;
            Some(Template {
                path,
                head: head.to_owned(),
                written: written.to_owned(),
                tail: tail.to_owned(),
            })
        });
        Ok(parts)
    }

    /// Checks that it has the routes of these sources.
    pub(crate) fn check(&self, sources: &Sources) -> Result<(), TemplateError> {
        if self.written == routes(sources) {
            return Ok(());
        }
        Err(TemplateError::Differs)
    }

    /// Writes the routes of these sources into it.
    pub(crate) fn write(self, sources: &Sources) -> Result<(), TemplateError> {
        let Template { head, tail, .. } = &self;
        let text = format!("{head}{BEGIN}{}{END}{tail}", routes(sources));
        std::fs::write(&self.path, text)
            .map_err(|error| TemplateError::Unwritable(self.path.clone(), error))
    }
}

/// The end of the stage, and the routes. One is made after the other, and the stage last.
fn routes(sources: &Sources) -> String {
    let mut settings = String::new();
    let mut routes = String::new();
    let mut last = BEFORE.to_owned();
    for (name, source) in sources.iter().take(MOST_SOURCES) {
        for (kind, path) in [("Source", ""), ("Tenant", "/{tenant}")] {
            let key = format!("ANY /webhooks/{name}{path}");
            if let Some(throttle) = source.throttle {
                let (rate, burst) = (throttle.rate, throttle.burst);
                let _ = writeln!(
                    settings,
                    "        {key}: {{ ThrottlingRateLimit: {rate}, ThrottlingBurstLimit: {burst} }}"
                );
            }
            let id = format!("{}{kind}Route", logical(name));
            let _ = write!(routes, "\n{}", route(&id, &last, &key));
            last = id;
        }
    }
    if !settings.is_empty() {
        settings.insert_str(0, "      RouteSettings:\n");
    }
    format!("{settings}    DependsOn: {last}\n{routes}\n")
}

fn route(id: &str, after: &str, key: &str) -> String {
    format!(
        "  {id}:
    Type: AWS::ApiGatewayV2::Route
    Condition: ByHttpApi
    DependsOn: {after}
    Properties:
      ApiId: !Ref Api
      RouteKey: {key}
      Target: !Sub integrations/${{ApiIntegration}}
"
    )
}

/// A source's name in CloudFormation's names of resources, which are letters and digits. A source's name has no
/// capitals, so no two become the same.
fn logical(name: &str) -> String {
    name.replace('-', "Dash").replace('_', "Underscore")
}
