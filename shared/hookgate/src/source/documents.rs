use std::sync::OnceLock;
use std::time::Duration;

use crate::ports::Documents;
use hookgate_signature::{FetchFailure, MAX_DOCUMENT_BYTES};

/// How long one document may take, from connecting to its last byte.
const TIMEOUT: Duration = Duration::from_millis(800);

/// Token issuers' documents over HTTP: no redirects, no proxy, bounded in size and time.
///
/// Which addresses may be asked is the verifier's decision; here they are only fetched.
#[derive(Debug, Default)]
pub struct HttpDocuments {
    /// Built at first use: reading the root certificates takes time that most sources never need.
    client: OnceLock<reqwest::Client>,
}

impl HttpDocuments {
    fn client(&self) -> Result<&reqwest::Client, FetchFailure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| {
                tracing::error!(error = %error, "no HTTP client for token issuers");
                FetchFailure::Unreachable
            })?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl Documents for HttpDocuments {
    async fn fetch(&self, url: &str) -> Result<Vec<u8>, FetchFailure> {
        let mut response = self.client()?.get(url).send().await.map_err(|error| {
            tracing::warn!(url, error = %error.without_url(), "token issuer not reached");
            FetchFailure::Unreachable
        })?;
        if response.status().is_redirection() {
            return Err(FetchFailure::Redirect);
        }
        if !response.status().is_success() {
            return Err(FetchFailure::Status(response.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|_| FetchFailure::Unreachable)?
        {
            if document.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                return Err(FetchFailure::TooLarge);
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}
