//! A user's project: the configuration, and the variables its secrets are in.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hookgate::Secrets;
use hookgate::config::{Config, ConfigError};
use hookgate::{Place, Source, UnusableSource};
use thiserror::Error;

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
    #[error("{0}, line {1}: write NAME=VALUE")]
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
                parse_variables(&text).map_err(|line| ProjectError::Variables(beside, line))?
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
        Ok(Source::load(name, source, &secrets, Place::Local).await?)
    }
}

/// Reads lines of `NAME=VALUE`; the error is the number of a line that is none.
pub(crate) fn parse_variables(text: &str) -> Result<HashMap<String, String>, usize> {
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let (name, value) = line.split_once('=').ok_or(index + 1)?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_lines_of_name_and_value() {
        let read = parse_variables("# secrets\n\nA=1\n B = two=2 \n").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read["A"], "1");
        assert_eq!(read["B"], "two=2");
        assert_eq!(parse_variables("A=1\nB"), Err(2));
    }
}
