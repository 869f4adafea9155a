//! Lambda glue of the processor: adapters from the environment, SQS batches in and partial batch
//! responses out.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use hookgate::{Adapters, Clock, Environment, deadline, log_lambda, system_now};
use hookgate_processor::handlers::Handlers;
use hookgate_processor::{Invocation, Processor};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let environment = Environment::new(std::env::vars());
    let Adapters {
        config,
        table,
        queue,
        bodies,
        ..
    } = environment.adapters()?;
    log_lambda(&environment, "processor", config.sources.keys());
    let queue = queue.with_dead_letters(environment.dead_letter_queue_url()?);
    tokio::join!(table.warm_up(), queue.warm_up());
    let handlers = Handlers::built_in();
    let processor = Processor::new(
        table,
        queue,
        bodies,
        Clock::system(),
        &handlers,
        config.routes,
    )?;
    let processor = &processor;
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let invocation = Invocation {
            deadline: deadline(event.context.deadline(), system_now()),
            request_id: event.context.request_id,
        };
        Ok::<SqsBatchResponse, Error>(processor.handle(event.payload, &invocation).await)
    }))
    .await
}
