use std::io::{self, Write, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hookgate_twin::engines::{BUCKET, REGION, TABLE};
use hookgate_twin::{FaultRule, Token, Twin, TwinOptions};
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::lines::{FILTER, log_lines};
use crate::project::{ConfigFile, Project};
use crate::token::{TOKEN_VARIABLE, TokenFile};
use crate::{CommandResult, address, changes, secrets};

/// Run the gateway on this machine: the functions' own code, with an embedded DynamoDB, SQS and S3.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hookgate dev
  hookgate dev --data .hookgate             keep events across restarts
  hookgate dev --listen 127.0.0.1:0 --json  a free port, for scripts
  hookgate dev --fault sqs:SendMessage=fail a queue that is down")]
pub(crate) struct Dev {
    #[command(flatten)]
    config: ConfigFile,
    /// Address to listen on; a host or a port alone is enough.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000", value_parser = address::parse)]
    listen: SocketAddr,
    /// Folder for events [default: a temporary folder].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Inject a fault into requests to DynamoDB, SQS or S3, such as sqs:SendMessage=fail,rate=0.1; can be repeated.
    #[arg(long = "fault", value_name = "RULE")]
    faults: Vec<FaultRule>,
    /// Print JSON lines.
    #[arg(long)]
    json: bool,
}

impl Dev {
    pub(crate) async fn run(self) -> CommandResult {
        let project = Project::open(&self.config.path)?;
        for source in project.config.sources.keys() {
            secrets::check(&self.config.path, &project, source).await?;
        }
        let filter = project
            .variables
            .get("HOOKGATE_LOG")
            .map_or(FILTER, String::as_str);
        if self.json {
            hookgate::log_json(filter);
        } else {
            log_lines(EnvFilter::try_new(filter)?);
        }
        let temporary = tempfile::tempdir()?;
        let data = self
            .data
            .clone()
            .unwrap_or_else(|| temporary.path().to_owned());
        let sources: Vec<String> = project.config.sources.keys().cloned().collect();
        // A source that no route is for would make a first event that nothing handles.
        let mut routes = project.config.routes.iter();
        let routed = routes.find_map(|route| sources.iter().find(|source| route.is_for(source)));
        let example = routed.or(sources.first()).cloned();
        let own = project.variables.get(TOKEN_VARIABLE);
        let token = own.map_or_else(Token::random, Token::new);
        let options = TwinOptions {
            config: project.config,
            variables: project.variables,
            listen: self.listen,
            data: data.clone(),
            token,
            faults: self.faults.clone(),
        };
        let twin = Twin::start(options).await?;
        let token_file = TokenFile::write(&twin.url, &twin.token);
        if let Err(error) = &token_file {
            tracing::warn!(%error, "other commands cannot find the token; pass it with --token");
        }
        self.announce(&twin, &sources, example.as_deref(), &data)?;
        let config = self.config.path.clone();
        let changes = changes::report([config.with_extension("env"), config]);
        tokio::select! {
            ended = terminated() => ended?,
            () = changes => {}
        }
        twin.stop().await;
        Ok(ExitCode::SUCCESS)
    }

    fn announce(
        &self,
        twin: &Twin,
        sources: &[String],
        example: Option<&str>,
        data: &Path,
    ) -> io::Result<()> {
        let engines = &twin.engines;
        if self.json {
            let ready = json!({
                "ready": true, "url": twin.url, "token": twin.token.reveal(), "sources": sources, "data": data,
                "dynamodb": engines.dynamodb_endpoint, "table": TABLE,
                "sqs": engines.sqs_endpoint, "queue_url": engines.queue_url(),
                "dead_letter_queue_url": engines.dead_letter_queue_url(),
                "s3": engines.s3_endpoint, "bucket": BUCKET, "region": REGION,
            });
            return writeln!(stdout(), "{ready}");
        }
        let tables = format!("{}   table {TABLE}", engines.dynamodb_endpoint);
        let queues = format!("{}   queue {}", engines.sqs_endpoint, engines.queue_url());
        let bucket = format!("{}   bucket {BUCKET}", engines.s3_endpoint);
        // The aws CLI wants a region, and credentials, though any will do.
        let aws = format!(
            "export AWS_DEFAULT_REGION={REGION} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any"
        );
        writeln!(
            stdout(),
            "Hookgate receives webhooks at {}/webhooks/{{source}}",
            twin.url
        )?;
        for (name, text) in [
            ("sources", sources.join(", ")),
            ("DynamoDB", tables),
            ("SQS", queues),
            ("dead letters", engines.dead_letter_queue_url()),
            ("S3", bucket),
            ("aws CLI", aws),
            ("operators", format!("token {}", twin.token.reveal())),
            ("data", data.display().to_string()),
        ] {
            writeln!(stdout(), "  {name:<12} {text}")?;
        }
        let source = example.unwrap_or("SOURCE");
        writeln!(
            stdout(),
            "Send one from another terminal: hookgate send {source}\n"
        )
    }
}

/// Waits for Ctrl-C, or for the signal that ends a service.
pub(crate) async fn terminated() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
