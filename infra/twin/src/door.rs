//! A door before an engine. Every request from outside passes it, and rules say which are struck by a fault.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use axum::serve::Listener;
use bytes::Bytes;
use hookgate::BoxError;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::faults::{Fault, Faults, Service};

/// A door before one engine.
#[derive(Debug)]
pub(crate) struct Door {
    service: Service,
    /// The engine's own endpoint.
    engine: String,
    faults: Arc<Faults>,
    http: reqwest::Client,
}

impl Door {
    pub(crate) fn new(
        service: Service,
        engine: String,
        faults: Arc<Faults>,
    ) -> reqwest::Result<Door> {
        Ok(Door {
            service,
            engine,
            faults,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Passes requests on until `ended`.
    pub(crate) async fn serve(self, mut listener: TcpListener, ended: impl Future<Output = ()>) {
        let door = Arc::new(self);
        let mut ended = pin!(ended);
        loop {
            let (stream, _) = tokio::select! {
                () = &mut ended => return,
                accepted = Listener::accept(&mut listener) => accepted,
            };
            let door = door.clone();
            let answer = service_fn(move |request| {
                let door = door.clone();
                async move { door.answer(request).await.map_err(io::Error::other) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to an engine broke");
                }
            });
        }
    }

    /// Answers a request. An error closes its connection without an answer.
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, body.collect().await?.to_bytes());
        let fault = self.faults.strike(self.service, operation(&request));
        match fault {
            None => self.pass(&request).await,
            Some(Fault::Fail) => self.failure(),
            Some(Fault::LoseReply) => {
                self.pass(&request).await?;
                self.failure()
            }
            Some(Fault::DropBefore) => Err("dropped".into()),
            Some(Fault::DropAfter) => {
                self.pass(&request).await?;
                Err("dropped".into())
            }
            Some(Fault::Twice) => {
                self.pass(&request).await?;
                self.pass(&request).await
            }
            Some(Fault::Delay(by)) => {
                sleep(by).await;
                self.pass(&request).await
            }
        }
    }

    async fn pass(&self, request: &Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
        let mut request = request.clone();
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("{}{target}", self.engine).parse()?;
        let answer = self.http.execute(request.try_into()?).await?;
        let (parts, body) = Response::from(answer).into_parts();
        Ok(Response::from_parts(
            parts,
            Full::new(body.collect().await?.to_bytes()),
        ))
    }

    /// The response to a request that is said to have failed, in the form of the service.
    fn failure(&self) -> Result<Response<Full<Bytes>>, BoxError> {
        let (form, text) = match self.service {
            Service::DynamoDb | Service::Sqs => (
                "application/x-amz-json-1.0",
                r#"{"__type":"InternalServerError","message":"an injected fault"}"#,
            ),
            Service::S3 => (
                "application/xml",
                "<Error><Code>InternalError</Code><Message>an injected fault</Message></Error>",
            ),
        };
        let failure = Response::builder()
            .status(StatusCode::INTERNAL_SERVER_ERROR)
            .header(CONTENT_TYPE, form);
        Ok(failure.body(Full::from(text))?)
    }
}

/// The operation of a request: what `X-Amz-Target` names, or what a method means to S3.
fn operation(request: &Request<Bytes>) -> &str {
    let target = request.headers().get("x-amz-target");
    if let Some(target) = target.and_then(|target| target.to_str().ok()) {
        return target.rsplit('.').next().unwrap_or_default();
    }
    match *request.method() {
        Method::PUT => "PutObject",
        Method::GET => "GetObject",
        Method::HEAD => "HeadObject",
        Method::DELETE => "DeleteObject",
        _ => "",
    }
}
