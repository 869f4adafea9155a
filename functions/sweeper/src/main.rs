//! Lambda glue of the sweeper: adapters from the environment, a schedule's event in.

use hookgate::{Adapters, Clock, Environment, deadline, log_lambda, system_now};
use hookgate_sweeper::{Sweeper, run_once};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let environment = Environment::new(std::env::vars());
    let Adapters {
        config,
        table,
        queue,
        ..
    } = environment.adapters()?;
    log_lambda(&environment, "sweeper", config.sources.keys());
    let sweeper = Sweeper::new(table, queue, config.routes, Clock::system());
    let sweeper = &sweeper;
    run(service_fn(|event: LambdaEvent<Value>| async move {
        let deadline = deadline(event.context.deadline(), system_now());
        run_once(sweeper, deadline).await;
        Ok::<(), Error>(())
    }))
    .await
}
