//! The whole gateway in one process: the functions' own code and adapters, on embedded engines.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use hookgate::config::Config;
use hookgate::{Clock, Documents, Runtime, Secrets, Sources, system_now};
use hookgate_admin::Admin;
use hookgate_ingest::Ingest;
use hookgate_processor::handlers::Handlers;
use hookgate_processor::{Invocation, Processor};
use hookgate_signature::Audiences;
use hookgate_sweeper::{Sweeper, run_once};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::data::{own, start_engines};
use crate::engines::{Engines, QUEUE, REPLAY_QUEUE};
use crate::error::TwinError;
use crate::faults::{FaultRule, Faults};
use crate::http::{Front, router};
use crate::issuer::{AUDIENCE, Issuer};
use crate::listen::ended;
use crate::mapping::{InvokeError, Mapping};
use crate::token::Token;

/// The processor's timeout, as in the template.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(30);

const SWEEP_EVERY: Duration = Duration::from_secs(2);

/// The settings of a twin.
pub struct TwinOptions {
    /// Its configuration.
    pub config: Config,
    /// The variables that `env:` secrets are looked up in.
    pub variables: HashMap<String, String>,
    /// The address to listen on; port 0 picks a free port.
    pub listen: SocketAddr,
    /// The folder for its state; created if it is missing.
    pub data: PathBuf,
    /// The token of its operators' API.
    pub token: Token,
    /// The faults of requests on their way to its engines.
    pub faults: Vec<FaultRule>,
}

/// Without the variables, which hold secrets.
impl fmt::Debug for TwinOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwinOptions")
            .field("config", &self.config)
            .field("listen", &self.listen)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// A running twin.
#[derive(Debug)]
pub struct Twin {
    /// Its base URL.
    pub url: String,
    /// The token of its operators' API.
    pub token: Token,
    /// Its DynamoDB, SQS and S3.
    pub engines: Engines,
    stop: watch::Sender<bool>,
    // The data are this twin's as long as it is held.
    _lock: File,
    tasks: Vec<JoinHandle<()>>,
}

impl Twin {
    /// Starts a twin; it accepts requests when this returns.
    ///
    /// # Errors
    /// When it cannot listen, its data cannot be read, or the configuration is wrong.
    pub async fn start(options: TwinOptions) -> Result<Twin, TwinError> {
        let TwinOptions {
            mut config,
            variables,
            listen,
            data,
            token,
            faults,
        } = options;
        let front = TcpListener::bind(listen)
            .await
            .map_err(|error| TwinError::Listen(listen, error))?;
        let address = front
            .local_addr()
            .map_err(|error| TwinError::Listen(listen, error))?;
        let issuer = Issuer::new(&format!("http://{}", here(address)));
        trust(&mut config, &issuer);
        let secrets = Secrets::new(variables, None);
        let sources = Sources::load(
            &config,
            secrets,
            Documents::fetched(),
            Runtime::Local,
            system_now(),
        )
        .await?;

        let lock = own(&data)?;
        let engines =
            start_engines(&data, engines_port(listen.port()), Faults::new(faults)).await?;
        let table = engines.table(config.retention);
        let table = table.with_outbox_shards(config.outbox_shards);
        let queue = engines.queue().fair(config.fair_queue);
        let processor = Processor::new(
            table.clone(),
            engines.queue_with_replays().fair(config.fair_queue),
            Some(engines.bodies()),
            Clock::system(),
            &Handlers::built_in(),
            config.routes.clone(),
        )?;
        let (order, is_fair) = (config.ingest, config.fair_queue);
        let admin = Admin::new(
            config.sources.into_keys().collect(),
            config.retention,
            table.clone(),
            queue.clone(),
            engines.dead_letters(),
            Clock::system(),
        )
        .with_routes(config.routes.clone());
        let ingest = Ingest::new(
            sources,
            table.clone(),
            queue.clone(),
            Some(engines.bodies()),
            Clock::system(),
        )
        .in_order(order);

        let (stop, stopped) = watch::channel(false);
        let processor = Arc::new(processor);
        let mapping = |queue: &str| {
            let processor = processor.clone();
            let invoke = move |batch| invoke(processor.clone(), batch);
            Mapping::new(queue).run(engines.sqs.clone(), invoke, ended(stopped.clone()))
        };
        let (events, replays) = (mapping(QUEUE), mapping(REPLAY_QUEUE));
        let queue = engines.queue_with_replays().fair(is_fair);
        let sweeper = Sweeper::new(table, queue, config.routes, Clock::system());
        let sweeping = sweep(sweeper, ended(stopped.clone()));
        let serve = axum::serve(
            front,
            router(Front {
                ingest,
                admin,
                token: token.clone(),
                issuer,
            }),
        );
        let serve = serve.with_graceful_shutdown(ended(stopped));
        let serve = async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, "the twin stopped listening");
            }
        };
        Ok(Twin {
            url: format!("http://{address}"),
            token,
            engines,
            stop,
            _lock: lock,
            tasks: vec![
                tokio::spawn(serve),
                tokio::spawn(events),
                tokio::spawn(replays),
                tokio::spawn(sweeping),
            ],
        })
    }

    /// Stops taking requests, finishes what is being processed, closes the engines.
    pub async fn stop(self) {
        // What has ended already need not be stopped.
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
        self.engines.stop().await;
    }
}

/// The address at which this machine reaches a twin.
fn here(address: SocketAddr) -> SocketAddr {
    match address.ip().is_loopback() {
        true => address,
        false => (Ipv4Addr::LOCALHOST, address.port()).into(),
    }
}

/// The first port of the engines of a twin at this port: the same at each start, and none that the
/// next twin is likely to be put at.
fn engines_port(port: u16) -> u16 {
    match port {
        0 => 0,
        port => port.checked_add(10_000).unwrap_or(0),
    }
}

/// Makes every source that trusts token issuers trust the twin's own too.
fn trust(config: &mut Config, issuer: &Issuer) {
    for source in config
        .sources
        .values_mut()
        .filter(|source| source.provider.uses_jwt())
    {
        let audience = Audiences::OneOf(vec![AUDIENCE.to_owned()]);
        let issuers = &mut source.options.issuers;
        issuers.insert(issuer.url().to_owned(), audience);
    }
}

/// Calls the sweeper as its schedule would, but more often than once a minute, which is long at a desk.
async fn sweep(sweeper: Sweeper, ended: impl Future<Output = ()>) {
    let mut ended = std::pin::pin!(ended);
    let mut schedule = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            () = &mut ended => return,
            _ = schedule.tick() => run_once(&sweeper, system_now() + FUNCTION_TIMEOUT).await,
        }
    }
}

/// Calls the processor as Lambda would.
async fn invoke(
    processor: Arc<Processor>,
    batch: SqsEvent,
) -> Result<SqsBatchResponse, InvokeError> {
    let invocation = Invocation {
        request_id: uuid::Uuid::new_v4().to_string(),
        deadline: system_now() + FUNCTION_TIMEOUT,
    };
    Ok(processor.handle(batch, &invocation).await)
}
