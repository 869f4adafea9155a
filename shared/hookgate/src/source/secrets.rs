//! Secrets, wherever configuration says they are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use futures_util::future::join_all;
use futures_util::lock::Mutex as Turns;
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::OnceCell;

use super::json_call::{SECRETS_MANAGER, SYSTEMS_MANAGER};
use crate::AwsError;
use crate::config::SecretRef;
use crate::signed_call::{CallFailure, cause};

/// An error because of which a secret cannot be read.
#[derive(Clone, Debug, Error)]
pub enum SecretError {
    /// It does not exist, or must not be read: configuration is wrong.
    #[error("{0}")]
    Missing(String),
    /// The store did not answer.
    #[error(transparent)]
    Unavailable(Arc<AwsError>),
}

/// The most parameters that Systems Manager gives out in one call.
///
/// Source: `GetParameters` in Systems Manager's API reference.
const MAX_PARAMETERS: usize = 10;

/// Tries of a call to a store. Many processes may start at the same moment and exceed what an account may ask:
/// the SDK waits longer after each try, by a random part.
const TRIES: u32 = 4;

/// The texts of one secret: the current one, and then the one before it where the store still gives it out.
#[derive(Clone)]
pub(crate) struct Fetched {
    pub(crate) texts: Vec<String>,
    /// The time at which the store was asked.
    pub(crate) at: SystemTime,
}

/// Secrets in environment variables, Systems Manager parameters and Secrets Manager.
pub struct Secrets {
    pub(crate) variables: HashMap<String, String>,
    config: OnceCell<SdkConfig>,
    /// The last answers of Secrets Manager, by id: one JSON object may hold the secrets of many sources.
    shared: Mutex<HashMap<String, Arc<Turns<Option<Fetched>>>>>,
}

impl Secrets {
    /// Secrets among these variables, or behind the SDK's configuration. Without one, secrets of AWS cannot be read,
    /// except with the feature `profiles`, which looks for one when the first secret asks for it.
    pub fn new(variables: HashMap<String, String>, config: Option<SdkConfig>) -> Secrets {
        Secrets {
            variables,
            config: OnceCell::new_with(config.map(patient)),
            shared: Mutex::default(),
        }
    }

    async fn config(&self) -> Result<&SdkConfig, SecretError> {
        #[cfg(feature = "profiles")]
        {
            let load = async || patient(crate::connect_by_profile().await);
            Ok(self.config.get_or_init(load).await)
        }
        #[cfg(not(feature = "profiles"))]
        {
            let none = || SecretError::Missing("no access to AWS is configured".into());
            self.config.get().ok_or_else(none)
        }
    }

    /// Each of some parameters, by its name as it was asked for.
    async fn parameters(&self, names: &[&str]) -> HashMap<String, Result<String, SecretError>> {
        let calls = names.chunks(MAX_PARAMETERS).map(|names| async move {
            match self.some_parameters(names).await {
                // One that is forbidden makes the whole call fail.
                Err(SecretError::Missing(_)) if names.len() > 1 => {
                    let each = names.chunks(1).map(|name| self.some_parameters(name));
                    join_all(each).await
                }
                all => vec![all; names.len()],
            }
        });
        let answers = join_all(calls).await.into_iter().flatten();
        let values = names.iter().zip(answers).map(|(name, answer)| {
            let value = answer.and_then(|found| value_of(name, &found));
            ((*name).to_owned(), value)
        });
        values.collect()
    }

    async fn some_parameters(&self, names: &[&str]) -> Result<Vec<Parameter>, SecretError> {
        let asked = json!({ "Names": names, "WithDecryption": true });
        let call = SYSTEMS_MANAGER.call(self.config().await?, "GetParameters", &asked);
        let found: Parameters = call
            .await
            .map_err(|error| refused("read the parameters", error))?;
        Ok(found.parameters)
    }

    /// A secret of Secrets Manager that was fetched after `oldest`, or is now.
    async fn versions(
        &self,
        id: &str,
        oldest: SystemTime,
        now: SystemTime,
    ) -> Result<Fetched, SecretError> {
        let turn = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.entry(id.to_owned()).or_default().clone()
        };
        let mut last = turn.lock().await;
        if let Some(fetched) = last.as_ref().filter(|fetched| fetched.at > oldest) {
            return Ok(fetched.clone());
        }
        let texts = self.fetch_versions(id).await?;
        Ok(last.insert(Fetched { texts, at: now }).clone())
    }

    /// The current version's text, and the previous one's, as long as it has its label.
    async fn fetch_versions(&self, id: &str) -> Result<Vec<String>, SecretError> {
        let config = self.config().await?;
        let stage = async |stage: &str| {
            let asked = json!({ "SecretId": id, "VersionStage": stage });
            let found = SECRETS_MANAGER.call(config, "GetSecretValue", &asked).await;
            match found {
                Ok(SecretValue { secret_string }) => Ok(secret_string),
                Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
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
    /// The texts of some secrets, in their order. The parameters among them are asked for together. What another
    /// source had of Secrets Manager after `oldest` is used again.
    pub(crate) async fn fetch(
        &self,
        references: &[&SecretRef],
        oldest: SystemTime,
        now: SystemTime,
    ) -> Vec<Result<Fetched, SecretError>> {
        let names = references.iter().filter_map(|reference| match reference {
            SecretRef::Ssm(name) => Some(name.as_str()),
            _ => None,
        });
        let names: Vec<&str> = names.collect();
        let parameters = self.parameters(&names);
        let others = references.iter().map(|reference| async move {
            match reference {
                SecretRef::Env(name) => {
                    let value = self.variables.get(name).cloned();
                    let none =
                        || SecretError::Missing("the environment variable is not set".into());
                    Some(
                        value
                            .map(|value| Fetched {
                                texts: vec![value],
                                at: now,
                            })
                            .ok_or_else(none),
                    )
                }
                SecretRef::Ssm(_) => None,
                SecretRef::SecretsManager { id, field } => {
                    let fetched = self.versions(id, oldest, now).await;
                    Some(fetched.and_then(|fetched| member_of(fetched, field.as_deref())))
                }
            }
        });
        let (parameters, others) = tokio::join!(parameters, join_all(others));
        let parameter = |reference: &SecretRef| match reference {
            SecretRef::Ssm(name) => parameters.get(name.as_str()).cloned(),
            _ => None,
        };
        let found = references.iter().zip(others).map(|(reference, other)| {
            let text = || parameter(reference).unwrap_or_else(|| Err(no_parameter()));
            other.unwrap_or_else(|| {
                text().map(|text| Fetched {
                    texts: vec![text],
                    at: now,
                })
            })
        });
        found.collect()
    }
}

/// The answer of `GetParameters`: those that exist.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

/// A parameter, as it was asked for: with the version or label behind its name, as `:3`, or none.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Parameter {
    pub(crate) name: Option<String>,
    #[serde(rename = "ARN")]
    pub(crate) arn: Option<String>,
    pub(crate) selector: Option<String>,
    pub(crate) value: Option<String>,
}

/// The answer of `GetSecretValue`. A secret of bytes has no text.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: Option<String>,
}

/// The value of the parameter that was asked for by this name: its own or an ARN, with a version or a label, or without.
pub(crate) fn value_of(asked: &str, found: &[Parameter]) -> Result<String, SecretError> {
    // The same parameter may be there in several versions: a name without a selector means the newest alone.
    let is_asked = |parameter: &&Parameter| {
        let selector = parameter.selector.as_deref().unwrap_or_default();
        let selector = selector.trim_start_matches(':');
        let names = [&parameter.name, &parameter.arn];
        let mut names = names.into_iter().flatten();
        names.any(|name| match asked.strip_prefix(name.as_str()) {
            Some("") => selector.is_empty(),
            Some(rest) => rest.strip_prefix(':') == Some(selector),
            None => false,
        })
    };
    let parameter = found.iter().find(is_asked);
    parameter
        .and_then(|parameter| parameter.value.clone())
        .ok_or_else(no_parameter)
}

fn no_parameter() -> SecretError {
    SecretError::Missing("there is no parameter with this name".into())
}

/// The same configuration with more tries.
fn patient(config: SdkConfig) -> SdkConfig {
    let retry = config
        .retry_config()
        .cloned()
        .unwrap_or_else(RetryConfig::standard);
    let retry = match retry.max_attempts() {
        0 | 1 => retry,
        _ => retry.with_max_attempts(TRIES),
    };
    config.into_builder().retry_config(retry).build()
}

/// The member of a secret's texts, where one is meant. The version before may be of another form.
fn member_of(fetched: Fetched, field: Option<&str>) -> Result<Fetched, SecretError> {
    let Some(field) = field else {
        return Ok(fetched);
    };
    let mut members = fetched.texts.iter().map(|text| member(text, field));
    let current = members.next().transpose()?;
    Ok(Fetched {
        texts: current.into_iter().chain(members.flatten()).collect(),
        at: fetched.at,
    })
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
/// Sources: the error tables of `GetParameters` and `GetSecretValue` in their API references.
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

fn refused(action: &'static str, error: CallFailure) -> SecretError {
    match error.code() {
        Some("ParameterNotFound") => no_parameter(),
        Some(code) if FINAL.contains(&code) => {
            SecretError::Missing(format!("cannot be read: {code}"))
        }
        _ => SecretError::Unavailable(Arc::new(AwsError::new(action, cause(error)))),
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}
