use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

use crate::Roots;

/// Time limit for one try of a call.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(700);

/// Time limit for a call, including its retries.
pub const OPERATION_TIMEOUT: Duration = Duration::from_millis(1500);

const _: () = assert!(ATTEMPT_TIMEOUT.as_millis() < OPERATION_TIMEOUT.as_millis());

/// The SDK's configuration from the environment, with time limits and retries made explicit: two
/// tries, because a caller waits and a provider retries anyway.
pub async fn connect(roots: Roots) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(client) = roots.client() {
        loader = loader.http_client(client);
    }
    loader
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(ATTEMPT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
        )
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(2)
                .with_initial_backoff(Duration::from_millis(50)),
        )
        .load()
        .await
}
