use std::collections::HashMap;
use std::fmt;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use hookgate_gateway::config::SecretRef;
use hookgate_gateway::ports::{PortError, SecretError, SecretStore};
use tokio::sync::OnceCell;

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
        self.config.get_or_init(crate::connect).await
    }

    async fn parameter(&self, name: &str) -> Result<String, SecretError> {
        let found = aws_sdk_ssm::Client::new(self.config().await)
            .get_parameter()
            .name(name)
            .with_decryption(true)
            .send()
            .await
            .map_err(|error| error.into_service_error());
        match found {
            Ok(output) => output
                .parameter
                .and_then(|parameter| parameter.value)
                .ok_or_else(|| SecretError::Missing("the parameter has no value".into())),
            Err(GetParameterError::ParameterNotFound(_)) => Err(SecretError::Missing(
                "there is no parameter of this name".into(),
            )),
            Err(error) => Err(PortError::new("read the parameter", error).into()),
        }
    }

    async fn secret(&self, id: &str) -> Result<String, SecretError> {
        let found = aws_sdk_secretsmanager::Client::new(self.config().await)
            .get_secret_value()
            .secret_id(id)
            .send()
            .await
            .map_err(|error| error.into_service_error());
        match found {
            Ok(output) => output
                .secret_string
                .ok_or_else(|| SecretError::Missing("the secret holds no text".into())),
            Err(GetSecretValueError::ResourceNotFoundException(_)) => Err(SecretError::Missing(
                "there is no secret of this name".into(),
            )),
            Err(error) => Err(PortError::new("read the secret", error).into()),
        }
    }
}

impl SecretStore for Secrets {
    async fn fetch(&self, reference: &SecretRef) -> Result<String, SecretError> {
        match reference {
            SecretRef::Env(name) => {
                self.variables.get(name).cloned().ok_or_else(|| {
                    SecretError::Missing("the environment variable is not set".into())
                })
            }
            SecretRef::Ssm(name) => self.parameter(name).await,
            SecretRef::SecretsManager(id) => self.secret(id).await,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}
