//! A running twin, asked over HTTP.

use std::time::Duration;

use reqwest::{Client, Response};
use thiserror::Error;

/// The default URL of the twin.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:9000";

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
pub(crate) enum TwinError {
    #[error(
        "no gateway answers at {0}; `hookgate dev` starts one, --url or HOOKGATE_URL names another"
    )]
    Unreachable(String, #[source] reqwest::Error),
    #[error("nothing answers at {0}, which --to names")]
    NothingThere(String, #[source] reqwest::Error),
    #[error("{0} did not answer as a gateway does")]
    Strange(String),
}

#[derive(Clone, Debug)]
pub(crate) struct TwinClient {
    url: String,
    http: Client,
}

impl TwinClient {
    pub(crate) fn new(url: &str) -> Result<TwinClient, TwinError> {
        let url = url.trim_end_matches('/').to_owned();
        let http = Client::builder().timeout(TIMEOUT).no_proxy().build();
        let http = http.map_err(|error| TwinError::Unreachable(url.clone(), error))?;
        Ok(TwinClient { url, http })
    }

    /// Sends a request as it is; the answer's status and text.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Result<(u16, String), TwinError> {
        let mut request = self.http.post(url).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await;
        let response = response.map_err(|error| self.lost(url, error))?;
        let status = response.status().as_u16();
        Ok((status, text(url, response).await?))
    }

    /// A token of the twin's own issuer, issued `age_s` seconds ago.
    pub(crate) async fn token(&self, age_s: u64) -> Result<String, TwinError> {
        let url = format!("{}/issuer/token?age_s={age_s}", self.url);
        let response = self.http.post(&url).send().await;
        let response = response.map_err(|error| self.lost(&url, error))?;
        if !response.status().is_success() {
            return Err(TwinError::Strange(self.url.clone()));
        }
        text(&self.url, response).await
    }

    /// The error of a request to this URL that no one answered.
    fn lost(&self, url: &str, error: reqwest::Error) -> TwinError {
        let error = error.without_url();
        let rest = url.strip_prefix(&self.url);
        if rest.is_some_and(|rest| rest.starts_with('/')) {
            return TwinError::Unreachable(self.url.clone(), error);
        }
        // A query may hold a secret.
        let shown = url.split('?').next().unwrap_or(url);
        TwinError::NothingThere(shown.to_owned(), error)
    }
}

async fn text(url: &str, response: Response) -> Result<String, TwinError> {
    let text = response.text().await;
    text.map_err(|_| TwinError::Strange(url.to_owned()))
}
