//! References to secrets.

use std::fmt;
use std::time::SystemTime;

use serde::Deserialize;

/// A secret's reference, and until when it is good.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct SecretConfig {
    /// The place where it is stored.
    pub reference: SecretRef,
    /// After this time it verifies nothing.
    pub not_after: Option<SystemTime>,
}

/// A reference to a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// `env:NAME`, an environment variable.
    Env(String),
    /// `ssm:/path`, a parameter of Systems Manager, decrypted.
    Ssm(String),
    /// `secretsmanager:id` or `secretsmanager:id#field`: a secret by name or ARN, and the member that
    /// counts where its text is a JSON object.
    SecretsManager {
        /// Its name or ARN.
        id: String,
        /// The member.
        field: Option<String>,
    },
}

/// A secret as it is written in the configuration.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a reference such as \"env:NAME\", or { from = \"env:NAME\", not_after = \"2026-12-31T00:00:00Z\" }"
)]
enum Written {
    Reference(String),
    Expiring(Expiring),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expiring {
    from: String,
    not_after: Option<String>,
}

impl TryFrom<Written> for SecretConfig {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<SecretConfig, &'static str> {
        let (text, not_after) = match written {
            Written::Reference(text) => (text, None),
            Written::Expiring(secret) => (secret.from, secret.not_after),
        };
        // Neither text is repeated: someone may have put the secret itself here.
        let reference = SecretRef::parse(&text).ok_or(
            "is not a reference; write \"env:NAME\", \"ssm:/path\" or \"secretsmanager:id\"",
        )?;
        let time = |text: String| text.parse().map(|time: jiff::Timestamp| time.into());
        let not_after = not_after.map(time).transpose();
        Ok(SecretConfig {
            reference,
            not_after: not_after
                .map_err(|_| "`not_after` is not a time; write one such as 2026-12-31T00:00:00Z")?,
        })
    }
}

impl SecretRef {
    fn parse(text: &str) -> Option<SecretRef> {
        let (kind, name) = text.split_once(':')?;
        if name.is_empty() {
            return None;
        }
        match kind {
            "env" => Some(SecretRef::Env(name.to_owned())),
            "ssm" => Some(SecretRef::Ssm(name.to_owned())),
            "secretsmanager" => {
                // Neither names nor ARNs of secrets have a `#`.
                let (id, field) = match name.split_once('#') {
                    Some((_, "")) => return None,
                    Some((id, field)) => (id, Some(field.to_owned())),
                    None => (name, None),
                };
                (!id.is_empty()).then(|| SecretRef::SecretsManager {
                    id: id.to_owned(),
                    field,
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::Ssm(name) => write!(f, "ssm:{name}"),
            SecretRef::SecretsManager { id, field: None } => write!(f, "secretsmanager:{id}"),
            SecretRef::SecretsManager {
                id,
                field: Some(field),
            } => write!(f, "secretsmanager:{id}#{field}"),
        }
    }
}
