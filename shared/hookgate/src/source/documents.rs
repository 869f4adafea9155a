//! The public documents of token issuers: OpenID discovery and JWKS.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use hookgate_signature::{FetchFailure, MAX_DOCUMENT_BYTES};
use reqwest::Client;
use reqwest::redirect::Policy;

/// Time limit for one document, from connecting to its last byte.
const TIMEOUT: Duration = Duration::from_millis(800);

/// The documents of token issuers: fetched over HTTPS, or given beforehand.
#[derive(Debug)]
pub enum Documents {
    /// Fetched: no redirects, no proxy, bounded in size and time. The verifier decides which addresses may be
    /// asked.
    ///
    /// The client is built at first use: reading the root certificates takes time that most sources never need.
    Fetched(OnceLock<Client>),
    /// Given, by their URLs: any other cannot be reached.
    Given(HashMap<String, Vec<u8>>),
}

impl Documents {
    /// Documents that are fetched when they are needed.
    pub fn fetched() -> Documents {
        Documents::Fetched(OnceLock::new())
    }

    /// The document's bytes, by one GET.
    ///
    /// # Errors
    /// When there is no such document, or none within its bounds.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, FetchFailure> {
        match self {
            Documents::Fetched(client) => fetch(client, url).await,
            Documents::Given(given) => given.get(url).cloned().ok_or(FetchFailure::Unreachable),
        }
    }
}

fn client(built: &OnceLock<Client>) -> Result<&Client, FetchFailure> {
    if let Some(client) = built.get() {
        return Ok(client);
    }
    let client = Client::builder()
        .redirect(Policy::none())
        .timeout(TIMEOUT)
        .no_proxy()
        .build()
        .map_err(|error| {
            tracing::error!(error = %error, "no HTTP client for token issuers");
            FetchFailure::Unreachable
        })?;
    Ok(built.get_or_init(|| client))
}

async fn fetch(built: &OnceLock<Client>, url: &str) -> Result<Vec<u8>, FetchFailure> {
    let mut response = client(built)?.get(url).send().await.map_err(|error| {
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
