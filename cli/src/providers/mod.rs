use std::io::{self, Write, stdout};
use std::process::ExitCode;

use clap::Args;
use hookgate_signature::{About, Part, Provider, Sample};
use serde_json::{Value, json};

use crate::CommandResult;

mod words;

/// List the built-in providers, or explain one: how it signs, and what to write into the configuration.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hookgate providers | grep webhooks
  hookgate providers stripe
  hookgate providers stripe --json | jq .verify")]
pub(crate) struct Providers {
    /// The provider to explain.
    name: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Providers {
    pub(crate) fn run(self) -> CommandResult {
        match (&self.name, self.json) {
            (None, false) => print_list()?,
            (None, true) => writeln!(stdout(), "{:#}", list())?,
            (Some(name), json) => {
                let (about, provider) = find(name)?;
                match json {
                    true => writeln!(stdout(), "{:#}", details(name, &about))?,
                    false => explain(name, &about, &provider)?,
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn find(name: &str) -> Result<(About, Provider), String> {
    About::provider(name)
        .zip(Provider::builtin(name))
        .ok_or_else(|| format!("no provider `{name}` is built in; `hookgate providers` lists them"))
}

fn all() -> impl Iterator<Item = (&'static str, About)> {
    Provider::builtin_names().filter_map(|name| Some((name, About::provider(name)?)))
}

fn print_list() -> io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{:<18}  {:<38}  CHECKED", "NAME", "PROVIDER")?;
    for (name, about) in all() {
        let checked = about.checked.map(|day| day.to_string());
        let checked = checked.as_deref().unwrap_or("-");
        writeln!(out, "{name:<18}  {:<38}  {checked}", about.title)?;
    }
    Ok(())
}

fn list() -> Value {
    all().map(|(name, about)| summary(name, &about)).collect()
}

fn summary(name: &str, about: &About) -> Value {
    json!({
        "name": name,
        "title": about.title,
        "docs": about.docs,
        "source": about.source,
        "checked": about.checked.map(|day| day.to_string()),
        "basis": { "verify": about.basis.verify.as_str(), "event": about.basis.event.as_str() },
        "warnings": about.warnings,
    })
}

/// A provider's facts, with its definition in the configuration's vocabulary.
fn details(name: &str, about: &About) -> Value {
    let sample = |sample: &Sample| json!({ "type": sample.event_type, "headers": sample.headers, "body": sample.body });
    let mut details = summary(name, about);
    details["samples"] = about.samples.iter().map(sample).collect();
    for (key, value) in Provider::builtin_table(name).into_iter().flatten() {
        details[key] = json!(value);
    }
    details
}

fn explain(name: &str, about: &About, provider: &Provider) -> io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}\n{}\n", about.title, about.docs)?;
    for (key, text) in words::provider(about, provider) {
        writeln!(out, "{key:<10} {text}")?;
    }
    writeln!(out, "\nIn hookgate.toml:\n\n{}", source(name, provider))
}

/// The source to paste into the configuration.
fn source(name: &str, provider: &Provider) -> String {
    let variable = name.to_uppercase();
    let proof = match provider.uses_jwt() {
        true => "issuers  = { \"https://issuer.example.com\" = [\"your-audience\"] }".to_owned(),
        false => format!("secrets  = [\"env:{variable}_SECRET\"]"),
    };
    let url = match provider.scheme().content.contains(&Part::Url) {
        true => format!("\npublic_url = \"https://webhooks.example.com/webhooks/{name}\""),
        false => String::new(),
    };
    format!("[sources.{name}]\nprovider = \"{name}\"\n{proof}{url}")
}
