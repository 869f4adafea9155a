//! Lambda glue of the operators' API: adapters from the environment, Lambda's request types in and out.
//!
//! `lambda_http` runs the function, but does not read its events: it panics at some raw query strings.

use hookgate::{Adapters, Clock, Environment, HttpEvent, HttpResponse, log_lambda};
use hookgate_admin::Admin;
use lambda_http::lambda_runtime::{LambdaEvent, run};
use lambda_http::{Error, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let environment = Environment::new(std::env::vars());
    let Adapters {
        config,
        table,
        queue,
        aws,
        ..
    } = environment.adapters()?;
    log_lambda(&environment, "admin", config.sources.keys());
    let dead_letters = environment.dead_letters(&aws)?;
    let (sources, retention) = (config.sources.into_keys().collect(), config.retention);
    let admin = Admin::new(
        sources,
        retention,
        table,
        queue,
        dead_letters,
        Clock::system(),
    )
    .with_routes(config.routes);
    let admin = &admin;
    run(service_fn(|event: LambdaEvent<HttpEvent>| async move {
        Ok::<HttpResponse, Error>(admin.answer(&event.payload).await)
    }))
    .await
}
