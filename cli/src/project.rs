//! A user's project: the configuration, and the variables its secrets are in.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use hookgate::Secrets;
use hookgate::config::{Config, ConfigError};
use hookgate::{Runtime, Source, UnusableSource};
use thiserror::Error;

use crate::variables;

/// The configuration's file, for the commands that read it.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigFile {
    /// The configuration: sources and routes.
    #[arg(
        long = "config",
        env = "HOOKGATE_CONFIG",
        value_name = "FILE",
        default_value = "hookgate.toml"
    )]
    pub(crate) path: PathBuf,
}

/// A configuration with what its `env:` secrets refer to.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) config: Config,
    pub(crate) variables: HashMap<String, String>,
}

#[derive(Debug, Error)]
pub(crate) enum ProjectError {
    #[error("cannot read {0}; --config names another file")]
    Unreadable(PathBuf, #[source] std::io::Error),
    #[error("{0}")]
    Config(PathBuf, #[source] ConfigError),
    #[error(
        "{0}, line {1}: write NAME=VALUE, and a value with spaces, quotes or a backslash in 'single quotes'"
    )]
    Variables(PathBuf, usize),
    #[error("there is no source `{0}` in the configuration; there are {1}")]
    NoSource(String, String),
    #[error(transparent)]
    Source(#[from] UnusableSource),
}

impl Project {
    /// Reads a configuration, and the variables for development beside it: `hookgate.env` for
    /// `hookgate.toml`. The environment goes before that file.
    pub(crate) fn open(path: &Path) -> Result<Project, ProjectError> {
        let read = |path: &Path| std::fs::read_to_string(path);
        let text = read(path).map_err(|error| ProjectError::Unreadable(path.into(), error))?;
        let config =
            Config::parse(&text).map_err(|error| ProjectError::Config(path.into(), error))?;
        let beside = path.with_extension("env");
        let mut variables = match read(&beside) {
            Ok(text) => {
                variables::parse(&text).map_err(|line| ProjectError::Variables(beside, line))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => HashMap::new(),
            Err(error) => return Err(ProjectError::Unreadable(beside, error)),
        };
        variables.extend(std::env::vars());
        Ok(Project { config, variables })
    }

    /// One source, with its secrets. The other sources' secrets are not asked for.
    pub(crate) async fn source(&self, name: &str) -> Result<Source, ProjectError> {
        let Some(source) = self.config.sources.get(name) else {
            let known: Vec<&str> = self.config.sources.keys().map(String::as_str).collect();
            return Err(ProjectError::NoSource(name.to_owned(), known.join(", ")));
        };
        let secrets = Secrets::new(self.variables.clone(), None);
        Ok(Source::load(name, source, &secrets, Runtime::Local).await?)
    }
}
