//! Lambda glue of ingest: adapters from the environment, Lambda's request types in and out.
//!
//! `lambda_http` runs the function, but does not read its events: it panics at some raw query strings.

use hookgate::{
    Adapters, Clock, Documents, Environment, HttpEvent, HttpResponse, Runtime, Sources, log_lambda,
};
use hookgate_ingest::Ingest;
use lambda_http::lambda_runtime::{LambdaEvent, run};
use lambda_http::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::new(std::env::vars());
    let Adapters {
        config,
        table,
        queue,
        bodies,
        secrets,
        ..
    } = environment.adapters()?;
    log_lambda(&environment, "ingest", config.sources.keys());
    // The sources are made while the first call is under way.
    let sources = async { Sources::new(&config, secrets, Documents::fetched(), Runtime::Aws) };
    let ((), sources) = tokio::join!(table.warm_up(), sources);
    let ingest = Ingest::new(sources?, table, queue, bodies, Clock::system());
    let ingest = &ingest.in_order(config.ingest);
    run(service_fn(|event: LambdaEvent<HttpEvent>| async move {
        let trace = event.context.xray_trace_id.as_deref();
        Ok::<HttpResponse, Error>(ingest.answer(&event.payload, trace).await)
    }))
    .await
}
