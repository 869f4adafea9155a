//! The items that the gateway's own code writes, without a database behind it.

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use dynoxide::Item;
use hookgate::BoxError;
use serde::Deserialize;

/// An HTTP client that answers every write of an item, and keeps the item.
#[derive(Clone, Debug, Default)]
pub(super) struct Captured(Arc<Mutex<Vec<Item>>>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    item: Item,
}

impl Captured {
    /// The items that were written since the last call.
    pub(super) fn take(&self) -> Vec<Item> {
        take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, request: &HttpRequest) -> Result<HttpResponse, BoxError> {
        let body = request.body().bytes().unwrap_or_default();
        let put: Put = serde_json::from_slice(body)?;
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        items.push(put.item);
        Ok(HttpResponse::new(200.try_into()?, SdkBody::from("{}")))
    }
}

impl HttpClient for Captured {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Captured {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.put(&request);
        HttpConnectorFuture::ready(answer.map_err(ConnectorError::user))
    }
}
