//! Lambda glue of ingest: adapters from the environment, Lambda's request types in and out.

use bytes::Bytes;
use hookgate::ports::{Clock, SystemClock};
use hookgate::{Adapters, Environment, HttpDocuments, log_lambda};
use hookgate::{Place, Sources};
use hookgate_ingest::Ingest;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let environment = Environment::new(std::env::vars());
    let Adapters {
        config,
        table,
        queue,
        bodies,
        secrets,
    } = environment.adapters().await?;
    log_lambda(&environment, "ingest", config.sources.keys());
    let sources = Sources::load(&config, secrets, Place::Deployed, SystemClock.now());
    let (sources, ()) = tokio::join!(sources, table.warm_up());
    let documents = HttpDocuments::default();
    let ingest = Ingest::new(sources?, table, queue, bodies, documents, SystemClock);
    let ingest = &ingest;
    run(service_fn(|request: Request| async move {
        let response = ingest.handle(as_sent(request)).await;
        Ok::<Response<Body>, Error>(response.map(|body| Body::from(body.to_vec())))
    }))
    .await
}

/// The request as its sender made it: the path without API Gateway's stage, the body as bytes.
fn as_sent(request: Request) -> http::Request<Bytes> {
    let query = request.uri().query().map(|query| format!("?{query}"));
    let target = format!("{}{}", request.raw_http_path(), query.unwrap_or_default());
    let (mut parts, body) = request.into_parts();
    parts.uri = target.parse().unwrap_or(parts.uri);
    http::Request::from_parts(parts, Bytes::copy_from_slice(&body))
}
