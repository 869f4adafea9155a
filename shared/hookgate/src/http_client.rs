//! The HTTP client of AWS's services and of token issuers: HTTP/1.1, over TLS or without.
//!
//! One for all, because the SDK's own and another for the rest link HTTP/2 three times, which makes a function a fifth
//! larger.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient as SdkHttpClient, HttpConnector as SdkHttpConnector, HttpConnectorFuture,
    HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::client::legacy::{Client, Error as CallError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::time::timeout;
use tower_service::Service;

use crate::{BoxError, Roots};

/// Time limit for a connection, the TLS handshake included.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(700);

/// An HTTP/1.1 client that keeps its connections open. Clones share them. It uses no proxy.
#[derive(Clone)]
pub struct HttpClient {
    client: Arc<Client<Connector, SdkBody>>,
}

/// Connects within [`CONNECT_TIMEOUT`].
#[derive(Clone)]
struct Connector(HttpsConnector<HttpConnector>);

/// A server that did not accept a connection in time.
#[derive(Debug, Error)]
#[error("no connection within {0:?}")]
struct Unconnected(Duration);

impl HttpClient {
    /// A client that trusts servers with a certificate of these roots.
    ///
    /// # Errors
    /// When the machine has no certificates.
    pub fn new(roots: Roots) -> Result<HttpClient, rustls::Error> {
        HttpClient::trusting(roots.store()?)
    }

    pub(crate) fn trusting(store: RootCertStore) -> Result<HttpClient, rustls::Error> {
        // Named, because a program may have linked another provider as well.
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(Connector(connector));
        Ok(HttpClient {
            client: Arc::new(client),
        })
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    /// When there is no response.
    pub(crate) async fn send(
        &self,
        request: Request<SdkBody>,
    ) -> Result<Response<Incoming>, CallError> {
        self.client.request(request).await
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let connecting = timeout(CONNECT_TIMEOUT, self.0.call(server));
        Box::pin(async { connecting.await.map_err(|_| Unconnected(CONNECT_TIMEOUT))? })
    }
}

/// The SDK sets the time limits of a try and of a call; that of connecting is the client's own.
impl SdkHttpClient for HttpClient {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl SdkHttpConnector for HttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x();
            let mut request = request.map_err(|error| ConnectorError::user(error.into()))?;
            let connection = capture_connection(&mut request);
            if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
                capture.set_connection_retriever(move || metadata(&connection));
            }
            let response = client.send(request).await.map_err(classified)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The connection's own facts, by which the SDK ends one that a call failed on.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let poison = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    let metadata = ConnectionMetadata::builder().proxied(false);
    Some(metadata.poison_fn(poison).build())
}

/// The failure as the SDK names it, which decides about another try.
fn classified(error: CallError) -> ConnectorError {
    let hyper = cause::<hyper::Error>(&error);
    let is = |test: fn(&hyper::Error) -> bool| hyper.is_some_and(test);
    if cause::<Unconnected>(&error).is_some() || is(hyper::Error::is_timeout) {
        ConnectorError::timeout(error.into())
    } else if is(hyper::Error::is_user) {
        ConnectorError::user(error.into())
    } else if is(hyper::Error::is_incomplete_message) {
        ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
    } else if error.is_connect()
        || is(hyper::Error::is_closed)
        || is(hyper::Error::is_canceled)
        || cause::<io::Error>(&error).is_some()
    {
        ConnectorError::io(error.into())
    } else {
        ConnectorError::other(error.into(), None)
    }
}

/// The cause of this kind.
fn cause<E: Error + 'static>(error: &CallError) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "http_client_tests.rs"]
mod tests;
