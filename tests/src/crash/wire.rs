use std::sync::Arc;

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

use super::{Fault, Faults};

/// The HTTP client under the functions' adapters. Each request of theirs is a call of the plan.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    faults: Arc<Faults>,
    http: SharedHttpClient,
}

/// A connector whose requests may be struck.
#[derive(Debug)]
struct Struck {
    faults: Arc<Faults>,
    connector: SharedHttpConnector,
}

impl Wire {
    pub(crate) fn new(faults: Arc<Faults>) -> Wire {
        Wire {
            faults,
            http: Builder::new().build_http(),
        }
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Struck {
            faults: self.faults.clone(),
            connector: self.http.http_connector(settings, components),
        })
    }
}

impl HttpConnector for Struck {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (faults, connector) = (self.faults.clone(), self.connector.clone());
        HttpConnectorFuture::new(async move {
            let send = || connector.call(request.try_clone().expect("a body in memory"));
            faults.call(&name(&request), send, failure).await
        })
    }
}

/// The failure that a request's sender sees: an answer for one that was not done, none for one that was.
fn failure(fault: Fault) -> Result<HttpResponse, ConnectorError> {
    if fault == Fault::LoseReply {
        return Err(ConnectorError::io("injected loss of the reply".into()));
    }
    let status = 500.try_into().expect("a status");
    Ok(HttpResponse::new(status, SdkBody::from("injected failure")))
}

/// The operation of a request and what it is about: `PutItem archive.0001`, `SendMessage hookgate-events`,
/// `SendMessage hookgate-events 60`, `ChangeMessageVisibility 60`, `PUT`.
fn name(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let Some((_, operation)) = target.split_once('.') else {
        return request.method().to_owned();
    };
    let body = request.body().bytes().unwrap_or_default();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if operation == "ChangeMessageVisibility" {
        return format!("{operation} {}", body["VisibilityTimeout"]);
    }
    if let Some(item) = archive_item(&body) {
        return format!("{operation} {item}");
    }
    let about = ["/Key/sk/S", "/Item/sk/S", "/IndexName", "/QueueUrl"];
    let about = about.iter().find_map(|path| body.pointer(path)?.as_str());
    let delay = body.get("DelaySeconds");
    match about.and_then(|about| about.rsplit('/').next()) {
        Some(about) if delay.is_some() => format!("{operation} {about} {}", body["DelaySeconds"]),
        Some(about) => format!("{operation} {about}"),
        None => operation.to_owned(),
    }
}

/// The item of the archive that a request puts: the mark of a day, or some part of the events.
fn archive_item(body: &Value) -> Option<String> {
    let text = |path| body.pointer(path).and_then(Value::as_str);
    let (table_part, sort_key) = (text("/Item/pk/S")?, text("/Item/sk/S")?);
    let kind = table_part.split('#').next()?;
    let part = sort_key.split_once('.');
    kind.starts_with("archive").then(|| match part {
        Some((_, part)) => format!("{kind}.{part}"),
        None => kind.to_owned(),
    })
}
