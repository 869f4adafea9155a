//! The public documents of token issuers: OpenID discovery and JWKS.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use hookgate_signature::{FetchFailure, MAX_DOCUMENT_BYTES};
use http::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::{BoxError, HttpClient, Roots, chain};

/// Time limit for one document, from connecting to its last byte.
const TIMEOUT: Duration = Duration::from_millis(800);

/// The documents of token issuers: fetched over HTTPS, or given beforehand.
#[derive(Debug)]
pub enum Documents {
    /// Fetched: no redirects, no proxy, bounded in size and time. The verifier decides which addresses may be
    /// asked.
    ///
    /// The client is built at first use: reading the root certificates takes time that most sources never need.
    Fetched(OnceLock<HttpClient>),
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

fn client(built: &OnceLock<HttpClient>) -> Result<&HttpClient, FetchFailure> {
    if let Some(client) = built.get() {
        return Ok(client);
    }
    let client = HttpClient::new(Roots::Machine).map_err(|error| {
        tracing::error!(error = %error, "no HTTP client for token issuers");
        FetchFailure::Unreachable
    })?;
    Ok(built.get_or_init(|| client))
}

async fn fetch(built: &OnceLock<HttpClient>, url: &str) -> Result<Vec<u8>, FetchFailure> {
    let client = client(built)?;
    let document = timeout(TIMEOUT, read(client, url)).await;
    document.unwrap_or_else(|_| Err(not_reached(url, "no answer in time")))
}

async fn read(client: &HttpClient, url: &str) -> Result<Vec<u8>, FetchFailure> {
    let request = Request::get(url).header("accept", "*/*");
    let request = request.body(SdkBody::empty());
    let request = request.map_err(|error| not_reached(url, &error.to_string()))?;
    let response = client.send(request).await;
    let response = response.map_err(|error| not_reached(url, &chain(&error)))?;
    let status = response.status();
    if status.is_redirection() {
        return Err(FetchFailure::Redirect);
    }
    if !status.is_success() {
        return Err(FetchFailure::Status(status.as_u16()));
    }
    let document = Limited::new(response, MAX_DOCUMENT_BYTES).collect().await;
    let document = document.map_err(|error: BoxError| match error.is::<LengthLimitError>() {
        true => FetchFailure::TooLarge,
        false => FetchFailure::Unreachable,
    })?;
    Ok(document.to_bytes().to_vec())
}

fn not_reached(url: &str, error: &str) -> FetchFailure {
    tracing::warn!(url, error, "token issuer not reached");
    FetchFailure::Unreachable
}
