use std::collections::HashMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::http_client::CONNECT_TIMEOUT;
use crate::{HttpClient, Roots};

/// Time limit for one try of a call.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(700);

/// Time limit for a call, including its retries.
pub const OPERATION_TIMEOUT: Duration = Duration::from_millis(1500);

const _: () = assert!(ATTEMPT_TIMEOUT.as_millis() < OPERATION_TIMEOUT.as_millis());

/// The variables of a process, by their names.
type Variables = HashMap<String, String>;

/// The SDK's configuration of a function, from the variables that Lambda sets (region and credentials) and from
/// those that name endpoints. `aws-config` would also look for profiles, containers and machines, which Lambda
/// has not, and would make the function a tenth larger.
///
/// # Errors
/// When the machine has no root certificates.
pub fn connect(variables: &Variables, roots: Roots) -> Result<SdkConfig, rustls::Error> {
    let value = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let region = value("AWS_REGION").or_else(|| value("AWS_DEFAULT_REGION"));
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(HttpClient::new(roots)?)
        .timeout_config(time_limits())
        .retry_config(retries())
        .service_config(Endpoints::among(variables));
    config.set_region(region.cloned().map(Region::new));
    config.set_endpoint_url(value("AWS_ENDPOINT_URL").cloned());
    config.set_credentials_provider(credentials(value));
    Ok(config.build())
}

/// The SDK's configuration of a person: from the environment, profiles, containers or a machine's role, as AWS's own
/// tools find it, and with the proxy of the environment.
#[cfg(feature = "profiles")]
pub async fn connect_by_profile() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(time_limits())
        .retry_config(retries())
        .load()
        .await
}

fn time_limits() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// Two tries, because a caller waits and a provider retries anyway.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(2)
        .with_initial_backoff(Duration::from_millis(50))
}

fn credentials<'v>(
    value: impl Fn(&str) -> Option<&'v String>,
) -> Option<SharedCredentialsProvider> {
    let (id, secret) = (value("AWS_ACCESS_KEY_ID")?, value("AWS_SECRET_ACCESS_KEY")?);
    let token = value("AWS_SESSION_TOKEN").cloned();
    let credentials = Credentials::new(id, secret, token, None, "environment");
    Some(SharedCredentialsProvider::new(credentials))
}

/// The endpoints of single services, `AWS_ENDPOINT_URL_SECRETS_MANAGER` and the like.
#[derive(Debug)]
struct Endpoints(Variables);

impl Endpoints {
    fn among(variables: &Variables) -> Endpoints {
        let named = variables
            .iter()
            .filter(|(name, value)| name.starts_with("AWS_ENDPOINT_URL_") && !value.is_empty())
            .map(|(name, value)| (name.clone(), value.clone()));
        Endpoints(named.collect())
    }
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        self.0.get(&format!("{}_{service}", key.env())).cloned()
    }
}
