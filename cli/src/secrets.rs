//! A look at the secrets before anything starts: those that this machine cannot have are named, with what
//! to do.

use std::path::{Path, PathBuf};

use aws_credential_types::provider::ProvideCredentials;
use hookgate::config::SecretRef;
use hookgate::connect_by_profile;
use thiserror::Error;

use crate::project::Project;

/// A secret that this machine does not have.
#[derive(Debug, Error)]
#[error("{}: {key}: {reference} {problem}", file.display())]
pub(crate) struct MissingSecret {
    file: PathBuf,
    key: String,
    reference: SecretRef,
    problem: String,
}

/// Checks that a source's variables are set, and that there are AWS credentials where it needs them.
pub(crate) async fn check(
    file: &Path,
    project: &Project,
    source: &str,
) -> Result<(), MissingSecret> {
    let secrets = project.config.sources.get(source);
    let secrets = secrets.map_or(&[][..], |source| &source.secrets);
    for (index, secret) in secrets.iter().enumerate() {
        let reference = &secret.reference;
        if let Some(problem) = problem(file, project, reference).await {
            return Err(MissingSecret {
                file: file.to_owned(),
                key: format!("sources.{source}.secrets[{index}]"),
                reference: reference.clone(),
                problem,
            });
        }
    }
    Ok(())
}

async fn problem(file: &Path, project: &Project, reference: &SecretRef) -> Option<String> {
    let variables = file.with_extension("env");
    let variables = variables.display();
    match reference {
        SecretRef::Env(name) => (!project.variables.contains_key(name)).then(|| {
            format!("is not set; write {name}=SECRET into {variables}, or set it in the environment")
        }),
        SecretRef::Ssm(_) | SecretRef::SecretsManager { .. } => (!credentials_exist().await)
            .then(|| {
                format!(
                    "wants AWS credentials, and none were found; on this machine, write \"env:NAME\" \
                     there and NAME=SECRET into {variables}, or set AWS_PROFILE"
                )
            }),
    }
}

async fn credentials_exist() -> bool {
    let config = connect_by_profile().await;
    match config.credentials_provider() {
        Some(provider) => provider.provide_credentials().await.is_ok(),
        None => false,
    }
}
