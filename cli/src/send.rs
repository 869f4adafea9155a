use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use hookgate::Source;
use hookgate::system_now;
use hookgate_signature::{Outgoing, Place, SampleValues};

use crate::output::lines;
use crate::project::{ConfigFile, Project};
use crate::samples::{self, Signed, Unsigned};
use crate::twin::{DEFAULT_URL, TwinClient};
use crate::{BoxError, CommandResult, curl, secrets};

/// Send a sample event to a source, signed as its provider signs it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hookgate send partssource --type order.created
  hookgate send product --id evt_1              twice: the second is a duplicate
  hookgate send pakk --tamper                   one byte changed after signing: rejected
  hookgate send stripe --data payload.json --to https://…/webhooks/stripe
  hookgate send stripe --print                  the same as a curl command

It exits with 0 where the answer is a 2xx, with 1 otherwise.")]
pub(crate) struct Send {
    #[command(flatten)]
    config: ConfigFile,
    /// The source, as in the configuration.
    source: String,
    /// The event's type [default: that of the sample].
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Send this body, unchanged except for the id given by --id.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The event's id [default: a new one, or that in the body of --data].
    #[arg(long)]
    id: Option<String>,
    /// The tenant, sent where the provider puts it, or else in the path.
    #[arg(long)]
    tenant: Option<String>,
    /// URL to send to [default: the source's URL at the twin].
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// The twin's URL.
    #[arg(long, env = "HOOKGATE_URL", default_value = DEFAULT_URL)]
    url: String,
    /// Change one byte after signing.
    #[arg(long)]
    tamper: bool,
    /// Print the signed request as a curl command instead of sending it.
    #[arg(long)]
    print: bool,
    /// Sign as if it were this many seconds ago.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    age: u64,
}

impl Send {
    pub(crate) async fn run(self) -> CommandResult {
        let project = Project::open(&self.config.path)?;
        secrets::check(&self.config.path, &project, &self.source).await?;
        let source = project.source(&self.source).await?;
        let twin = TwinClient::new(&self.url)?;
        let new_id = uuid::Uuid::new_v4().to_string();
        let now = system_now();
        let at = now
            .checked_sub(Duration::from_secs(self.age))
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let values = SampleValues {
            id: self.id.as_deref().unwrap_or(&new_id),
            event_type: self.event_type.as_deref(),
            tenant: self.tenant.as_deref(),
            at: self.sample_time(&source, at),
        };
        let mut unsigned = samples::of(&project.config.sources[&self.source], &values, false);
        if let Some(file) = &self.data {
            unsigned.body = self.body(file, &source)?;
        }
        let url = self.target(unsigned.carries_tenant);
        let mut signed = sign(&source, &twin, unsigned, values.id, &url, at).await?;
        if self.tamper {
            tamper(&source, &mut signed);
        }
        if self.print {
            writeln!(
                stdout(),
                "{}",
                curl::command(&url, &signed, self.as_sent())?
            )?;
            return Ok(ExitCode::SUCCESS);
        }
        let (status, answer) = twin.post(&url, &signed.headers, signed.body).await?;
        writeln!(stdout(), "{status} {}", lines(&answer))?;
        Ok(ExitCode::from(u8::from(!(200..300).contains(&status))))
    }

    /// The body of a file, with the requested id.
    fn body(&self, file: &Path, source: &Source) -> Result<Vec<u8>, BoxError> {
        let body = std::fs::read(file);
        let body = body.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        match (&self.id, &source.verifier().provider().event().id) {
            (Some(id), Some(Place::Body(path))) => samples::with_id(&body, path.as_str(), id)
                .ok_or_else(|| format!("--id: {} is not a JSON object", file.display()).into()),
            _ => Ok(body),
        }
    }

    /// The file that holds the body as it is sent.
    fn as_sent(&self) -> Option<&Path> {
        let changed = self.tamper || self.id.is_some();
        self.data.as_deref().filter(|_| !changed)
    }

    /// The time in the sample. With an id of your own it is the same sample each time, except where the body
    /// says when it was signed.
    fn sample_time(&self, source: &Source, at: SystemTime) -> SystemTime {
        let timestamp = source.verifier().provider().scheme().timestamp.as_ref();
        let dated = timestamp.is_some_and(|time| matches!(time.from, Some(Place::Body(_))));
        match self.id {
            Some(_) if !dated => SystemTime::UNIX_EPOCH,
            _ => at,
        }
    }

    fn target(&self, carries_tenant: bool) -> String {
        let path = match &self.tenant {
            Some(tenant) if !carries_tenant => format!("/webhooks/{}/{tenant}", self.source),
            _ => format!("/webhooks/{}", self.source),
        };
        self.to
            .clone()
            .unwrap_or_else(|| format!("{}{path}", self.url.trim_end_matches('/')))
    }
}

/// Signs as the source's provider does. For providers that use tokens, the twin is the issuer.
pub(crate) async fn sign(
    source: &Source,
    twin: &TwinClient,
    unsigned: Unsigned,
    id: &str,
    url: &str,
    at: SystemTime,
) -> Result<Signed, BoxError> {
    let Unsigned {
        mut headers, body, ..
    } = unsigned;
    if source.verifier().provider().uses_jwt() {
        let age = system_now().duration_since(at).unwrap_or_default();
        headers.push((
            "Authorization".to_owned(),
            format!("Bearer {}", twin.token(age.as_secs()).await?),
        ));
        return Ok(Signed { headers, body });
    }
    let present: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let outgoing = Outgoing {
        method: "POST",
        url: path_of(url),
        id: Some(id),
        headers: &present,
        body: &body,
    };
    let signature = source.verifier().sign(&outgoing, at)?;
    headers.extend(signature);
    Ok(Signed { headers, body })
}

/// The path and query of a URL.
fn path_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..]
        .find('/')
        .map_or("/", |at| &url[after_scheme + at..])
}

/// Changes one byte of what is signed: of the body, or of the token where the body is not signed.
pub(crate) fn tamper(source: &Source, signed: &mut Signed) {
    let scheme = source.verifier().provider().scheme();
    let field = scheme.signature.as_slice().first().map(|field| &field.from);
    match (scheme.content.is_empty(), field) {
        (true, Some(Place::Header(token))) => {
            let mut headers = signed.headers.iter_mut();
            if let Some((_, value)) = headers.find(|(name, _)| name.eq_ignore_ascii_case(token)) {
                tamper_token(value);
            }
        }
        _ => match signed.body.last_mut() {
            Some(byte) => *byte ^= 1,
            None => signed.body.push(b' '),
        },
    }
}

fn tamper_token(token: &mut String) {
    let middle = token.chars().count() / 2;
    let other = |c| if c == 'A' { 'B' } else { 'A' };
    let changed = token.chars().enumerate();
    *token = changed
        .map(|(at, c)| if at == middle { other(c) } else { c })
        .collect();
}
