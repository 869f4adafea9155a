//! Secrets, wherever configuration says they are.

use std::collections::HashMap;
use std::fmt;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::OnceCell;

use crate::config::SecretRef;
use crate::{AwsError, Roots, connect};

/// An error because of which a secret cannot be read.
#[derive(Debug, Error)]
pub enum SecretError {
    /// It does not exist, or must not be read: configuration is wrong.
    #[error("{0}")]
    Missing(String),
    /// The store did not answer.
    #[error(transparent)]
    Unavailable(#[from] AwsError),
}

/// Secrets in environment variables, Systems Manager parameters and Secrets Manager.
pub struct Secrets {
    variables: HashMap<String, String>,
    config: OnceCell<SdkConfig>,
}

impl Secrets {
    /// Secrets among these variables, or behind the SDK's configuration. Without one, it is loaded
    /// from the environment when the first secret asks for it.
    pub fn new(variables: HashMap<String, String>, config: Option<SdkConfig>) -> Secrets {
        Secrets {
            variables,
            config: OnceCell::new_with(config),
        }
    }

    async fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| connect(Roots::Machine)).await
    }

    async fn parameter(&self, name: &str) -> Result<Vec<String>, SecretError> {
        let output = aws_sdk_ssm::Client::new(self.config().await)
            .get_parameter()
            .name(name)
            .with_decryption(true)
            .send()
            .await
            .map_err(|error| refused("read the parameter", error.into_service_error()))?;
        let value = output.parameter.and_then(|parameter| parameter.value);
        let none = || SecretError::Missing("the parameter has no value".into());
        value.map(|value| vec![value]).ok_or_else(none)
    }

    /// The current version's text, and the one's before it, as long as it has its label.
    async fn versions(&self, id: &str) -> Result<Vec<String>, SecretError> {
        let client = aws_sdk_secretsmanager::Client::new(self.config().await);
        let stage = async |stage: &str| {
            let call = client.get_secret_value().secret_id(id).version_stage(stage);
            let output = call.send().await.map_err(SdkError::into_service_error);
            match output {
                Ok(output) => Ok(output.secret_string),
                Err(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                Err(error) => Err(refused("read the secret", error)),
            }
        };
        let (current, previous) = tokio::try_join!(stage("AWSCURRENT"), stage("AWSPREVIOUS"))?;
        let none =
            || SecretError::Missing("there is no secret with this name, or it has no text".into());
        let current = current.ok_or_else(none)?;
        Ok(std::iter::once(current).chain(previous).collect())
    }
}

impl Secrets {
    /// The secret's texts: the current one, and then the previous one if the store still returns it.
    ///
    /// # Errors
    /// When there is no such secret, or the store does not answer.
    pub async fn fetch(&self, reference: &SecretRef) -> Result<Vec<String>, SecretError> {
        match reference {
            SecretRef::Env(name) => {
                let value = self.variables.get(name).cloned();
                let none = || SecretError::Missing("the environment variable is not set".into());
                value.map(|value| vec![value]).ok_or_else(none)
            }
            SecretRef::Ssm(name) => self.parameter(name).await,
            SecretRef::SecretsManager { id, field: None } => self.versions(id).await,
            SecretRef::SecretsManager {
                id,
                field: Some(field),
            } => {
                let texts = self.versions(id).await?.into_iter();
                let mut members = texts.map(|text| member(&text, field));
                // The version before may be of another form.
                let current = members.next().transpose()?;
                Ok(current.into_iter().chain(members.flatten()).collect())
            }
        }
    }
}

/// A text member of a JSON object.
fn member(text: &str, field: &str) -> Result<String, SecretError> {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let found = value.as_ref().and_then(|value| value.get(field)?.as_str());
    let none = || {
        SecretError::Missing(format!(
            "its text is not a JSON object with a text `{field}`"
        ))
    };
    found.map(str::to_owned).ok_or_else(none)
}

/// AWS's error codes where asking again does not help: no such secret, or no leave to read it.
///
/// Sources: the error tables of `GetParameter` and `GetSecretValue` in their API references.
const FINAL: [&str; 8] = [
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidKeyId",
    "InvalidParameterException",
    "InvalidRequestException",
    "ParameterNotFound",
    "ParameterVersionNotFound",
    "ValidationException",
];

fn refused<E>(action: &'static str, error: E) -> SecretError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error.code() {
        Some("ParameterNotFound") => {
            SecretError::Missing("there is no parameter with this name".into())
        }
        Some(code) if FINAL.contains(&code) => {
            SecretError::Missing(format!("cannot be read: {code}"))
        }
        _ => AwsError::new(action, error).into(),
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}
