use std::io::{Read, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use hookgate::{Documents, Source, chain, system_now};
use hookgate_ingest::WebhookPath;
use hookgate_signature::{KeyCache, Request, Unverified};
use serde_json::{Value, json};

use crate::project::{ConfigFile, Project};
use crate::recorded::Recorded;
use crate::{CommandResult, secrets};

/// Check a request against a source, and explain why it is rejected.
#[derive(Debug, Args)]
#[command(after_help = r#"The request is JSON:
  {"method": "POST", "path": "/webhooks/stripe", "headers": [["stripe-signature", "t=…"]], "body": "{}"}
`body_base64` instead of `body` holds bytes that are not text. For sources that work with tokens, an
optional `documents` (URL to JSON) stands in for the issuer's own.
What `hookgate events show KEY --json` prints is taken too, and checked at the time it came in;
a token is not stored with an event.

It prints one JSON object, and exits with 0 for a verified request, 1 for a refused one, 2 where the
input cannot be used.

Example:
  hookgate verify stripe --request request.json --now 1760000000
  hookgate events show KEY --json | hookgate verify stripe"#)]
pub(crate) struct Verify {
    #[command(flatten)]
    config: ConfigFile,
    /// The source, as in the configuration.
    source: String,
    /// The request's file; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    request: PathBuf,
    /// The time to check at [default: that of the event, or now].
    #[arg(long, value_name = "UNIX_SECONDS")]
    now: Option<u64>,
}

const VERIFIED: u8 = 0;
const REFUSED: u8 = 1;
const UNUSABLE: u8 = 2;

impl Verify {
    pub(crate) async fn run(self) -> CommandResult {
        let (answer, code) = match self.check().await {
            Ok(answer) => answer,
            Err(problem) => (
                json!({ "verified": false, "reason": "unusable_input", "error": problem }),
                UNUSABLE,
            ),
        };
        writeln!(stdout(), "{answer}")?;
        Ok(ExitCode::from(code))
    }

    async fn check(&self) -> Result<(Value, u8), String> {
        let project = Project::open(&self.config.path).map_err(|error| chain(&error))?;
        let checked = secrets::check(&self.config.path, &project, &self.source).await;
        checked.map_err(|error| error.to_string())?;
        let source = project
            .source(&self.source)
            .await
            .map_err(|error| chain(&error))?;
        let recorded = Recorded::parse(&self.read()?, &self.source)?;
        let headers: Vec<(&str, &[u8])> = recorded
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let request = Request {
            method: &recorded.method,
            url: &recorded.path,
            headers: &headers,
            body: &recorded.body,
        };
        let documents = match &recorded.documents {
            Some(given) => Documents::Given(given.iter().map(written).collect()),
            None => Documents::fetched(),
        };
        let now = self.now(recorded.received);
        let verified = verify(&source, &request, &documents, now).await;
        Ok(match verified {
            Ok(()) => (verified_answer(&source, &request, &recorded.path), VERIFIED),
            Err(Unverified::Refused(reason)) => (refused_answer(reason.as_str()), REFUSED),
            Err(undecided) => (refused_answer(undecided.reason().as_str()), UNUSABLE),
        })
    }

    fn read(&self) -> Result<String, String> {
        let path = self.request.display();
        if self.request != Path::new("-") {
            return std::fs::read_to_string(&self.request)
                .map_err(|error| format!("cannot read {path}: {error}"));
        }
        let mut text = String::new();
        match std::io::stdin().read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(format!("cannot read standard input: {error}")),
        }
    }

    fn now(&self, received: Option<SystemTime>) -> SystemTime {
        match self.now {
            Some(seconds) => UNIX_EPOCH
                .checked_add(Duration::from_secs(seconds))
                .unwrap_or(UNIX_EPOCH),
            None => received.unwrap_or_else(system_now),
        }
    }
}

async fn verify(
    source: &Source,
    request: &Request<'_>,
    documents: &Documents,
    now: SystemTime,
) -> Result<(), Unverified> {
    source
        .verify(request, &Mutex::new(KeyCache::default()), documents, now)
        .await
        .map(|_| ())
}

fn verified_answer(source: &Source, request: &Request<'_>, path: &str) -> Value {
    let path = path.split('?').next().unwrap_or_default();
    let path_tenant = WebhookPath::parse(path).and_then(|path| path.tenant);
    let facts = source.verifier().facts(request);
    let event = source.meta(request);
    json!({
        "verified": true,
        // The signature holds; the gateway would still answer 400 for what the definition requires.
        "reason": event.as_ref().err().map(|missing| format!("missing_{}", missing.field)),
        "event_id": facts.id,
        "event_type": facts.event_type,
        "tenant": path_tenant.map(str::to_owned).or(facts.tenant),
        "dedupe_key": event.ok().map(|event| event.dedupe.as_str().to_owned()),
    })
}

fn refused_answer(reason: &str) -> Value {
    json!({
        "verified": false, "reason": reason,
        "event_id": null, "event_type": null, "tenant": null, "dedupe_key": null,
    })
}

/// A document that came with the request, by its URL.
fn written((url, document): (&String, &Value)) -> (String, Vec<u8>) {
    (url.clone(), document.to_string().into_bytes())
}
