//! The source that every measurement sends its events to.

use std::collections::HashMap;

use hookgate::config::Config;
use hookgate::{BoxError, Runtime, Secrets, Source, system_now};
use hookgate_signature::Outgoing;

/// The configuration of a gateway that is measured.
pub(crate) const CONFIG: &str = r#"
[sources.bench]
provider = "product"
secrets  = ["env:BENCH"]

[[routes]]
to = "handler:log"
"#;

/// The variable that the source's secret is in.
pub(crate) const VARIABLE: &str = "BENCH";
/// The source's secret.
pub(crate) const SECRET: &str = "a-secret-for-measuring";
/// The path of the source's URL.
pub(crate) const PATH: &str = "/webhooks/bench";

/// The variables that the configuration refers to.
pub(crate) fn variables() -> HashMap<String, String> {
    HashMap::from([(VARIABLE.to_owned(), SECRET.to_owned())])
}

/// Loads the source, to sign events as its provider does.
pub(crate) async fn source() -> Result<Source, BoxError> {
    let config = Config::parse(CONFIG)?;
    let secrets = Secrets::new(variables(), None);
    Ok(Source::load("bench", &config.sources["bench"], &secrets, Runtime::Local).await?)
}

/// The headers that make a body the request of the source's provider.
pub(crate) fn signed(source: &Source, body: &str) -> Result<Vec<(String, String)>, BoxError> {
    let outgoing = Outgoing {
        method: "POST",
        url: PATH,
        id: None,
        headers: &[],
        body: body.as_bytes(),
    };
    Ok(source.verifier().sign(&outgoing, system_now())?)
}
