use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Args;
use hookgate::{Runtime, Secrets, Source, chain};
use hookgate_processor::Processor;
use hookgate_processor::handlers::Handlers;
use serde_json::json;

use crate::CommandResult;
use crate::output::line;
use crate::project::{ConfigFile, Project};
use crate::template::{Sources, Template, TemplateError};

/// Check the configuration before a deployment: its settings, its handlers, that each secret can be fetched, and that
/// the `template.yaml` beside it has the sources' routes.
///
/// A deployed gateway starts without a secret: its source answers 503, and the others work. This command fails.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hookgate check
  hookgate check --config production.toml
  hookgate check --without-secrets
  hookgate check --write-template

It exits with 0 where all is well, with 1 where something is wrong.")]
pub(crate) struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Fetch no secret: this machine need not have AWS credentials.
    #[arg(long)]
    without_secrets: bool,
    /// First write the sources' routes, with their throttles, into the `template.yaml` beside the configuration.
    #[arg(long)]
    write_template: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The result for a source, for the routes, or for the template.
struct Finding {
    name: String,
    error: Option<String>,
    warnings: Vec<&'static str>,
}

impl Check {
    pub(crate) async fn run(self) -> CommandResult {
        let project = Project::open(&self.config.path)?;
        let secrets = Secrets::new(project.variables.clone(), None);
        let mut findings = Vec::new();
        for (name, config) in &project.config.sources {
            let settings = Source::check_settings(name, config, Runtime::Aws);
            let error = match &settings {
                Err(error) => Some(chain(error)),
                Ok(_) if self.without_secrets => None,
                Ok(_) => {
                    let loaded = Source::load(name, config, &secrets, Runtime::Aws).await;
                    loaded.err().map(|error| chain(&error))
                }
            };
            findings.push(Finding {
                name: format!("sources.{name}"),
                error,
                warnings: settings.unwrap_or_default(),
            });
        }
        findings.extend(self.template(&project.config.sources)?);
        let routes = Processor::check_routes(project.config.routes, &Handlers::built_in());
        findings.push(Finding {
            name: "routes".to_owned(),
            error: routes.err().map(|error| chain(&error)),
            warnings: Vec::new(),
        });
        findings
            .iter()
            .try_for_each(|finding| self.print(finding))?;
        let failed = findings.iter().any(|finding| finding.error.is_some());
        Ok(ExitCode::from(u8::from(failed)))
    }

    /// The result for the template, where there is one, after it was written if that is wished.
    fn template(&self, sources: &Sources) -> Result<Option<Finding>, TemplateError> {
        let path = &self.config.path;
        if self.write_template {
            let template = Template::beside(path)?.ok_or(TemplateError::NoPlace)?;
            template.write(sources)?;
        }
        let template = Template::beside(path)?;
        Ok(template.map(|template| Finding {
            name: "template.yaml".to_owned(),
            error: template.check(sources).err().map(|error| chain(&error)),
            warnings: Vec::new(),
        }))
    }

    fn print(&self, finding: &Finding) -> std::io::Result<()> {
        let Finding {
            name,
            error,
            warnings,
        } = finding;
        if self.json {
            let shown = json!({ "name": name, "error": error, "warnings": warnings });
            return writeln!(stdout(), "{shown}");
        }
        match error {
            None => writeln!(stdout(), "ok       {name}")?,
            // An error begins with the key that is wrong.
            Some(error) => writeln!(stdout(), "wrong    {}", line(error))?,
        }
        let mut warnings = warnings.iter();
        warnings.try_for_each(|warning| writeln!(stdout(), "warning  {name}: {warning}"))
    }
}
