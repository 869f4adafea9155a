//! Lambda glue of the operators' API: adapters from the environment, Lambda's request types in and out.

use hookgate::{Adapters, Clock, Environment, as_sent, log_lambda};
use hookgate_admin::Admin;
use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let environment = Environment::new(std::env::vars());
    let Adapters {
        config,
        table,
        queue,
        aws,
        ..
    } = environment.adapters().await?;
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
    );
    let admin = &admin;
    run(service_fn(|request: Request| async move {
        let response = admin.handle(as_sent(request)).await;
        Ok::<Response<Body>, Error>(response.map(|body| Body::from(body.to_vec())))
    }))
    .await
}
