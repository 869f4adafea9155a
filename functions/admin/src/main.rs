//! Lambda glue of the operators' API: adapters from the environment, Lambda's request types in and out.

use bytes::Bytes;
use hookgate::ports::SystemClock;
use hookgate::{Environment, log_lambda};
use hookgate_admin::Admin;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let environment = Environment::new(std::env::vars());
    let letters = environment.dead_letters().await?;
    let of = environment.adapters().await?;
    log_lambda(&environment, "admin", of.config.sources.keys());
    let sources = of.config.sources.into_keys().collect();
    let retention = of.config.retention;
    let admin = Admin::new(sources, retention, of.table, of.queue, letters, SystemClock);
    let admin = &admin;
    run(service_fn(|request: Request| async move {
        let response = admin.handle(as_sent(request)).await;
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
