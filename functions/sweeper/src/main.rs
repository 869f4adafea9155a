//! Lambda glue of the sweeper: adapters from the environment, a schedule's event in.

use hookgate_aws::{Adapters, Environment, deadline, log_lambda};
use hookgate_gateway::ports::{Clock, SystemClock};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use sweeper::{Sweeper, run_once};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let environment = Environment::new(std::env::vars());
    let Adapters {
        config,
        table,
        queue,
        ..
    } = environment.adapters().await?;
    log_lambda(&environment, "sweeper", config.sources.into_keys());
    let sweeper = Sweeper::new(table, queue, SystemClock);
    let sweeper = &sweeper;
    run(service_fn(|event: LambdaEvent<Value>| async move {
        let deadline = deadline(event.context.deadline(), SystemClock.now());
        run_once(sweeper, deadline).await;
        Ok::<(), Error>(())
    }))
    .await
}
