//! The twin's front door: webhooks to ingest, the operators' API, the test issuer, health.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get, post};
use hookgate::system_now;
use hookgate_admin::Admin;
use hookgate_ingest::Ingest;
use serde::Deserialize;
use serde_json::json;

use crate::issuer::{Issuer, IssuerError};
use crate::token::Token;

/// Bodies above this are cut off unread, as API Gateway does at 10 MB.
const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

pub(crate) struct Front {
    pub(crate) ingest: Ingest,
    pub(crate) admin: Admin,
    pub(crate) token: Token,
    pub(crate) issuer: Issuer,
}

pub(crate) fn router(front: Front) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(|| async { Json(json!({ "status": "ok" })) }),
        )
        .route("/issuer/.well-known/openid-configuration", get(discovery))
        .route("/issuer/jwks.json", get(jwks))
        .route("/issuer/token", post(token))
        .route("/admin/{*path}", any(admin))
        .fallback(any(webhook))
        .with_state(Arc::new(front))
}

type Shared = State<Arc<Front>>;

async fn webhook(State(front): Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        return too_large();
    };
    let response = front
        .ingest
        .handle(axum::http::Request::from_parts(parts, body))
        .await;
    response.map(Body::from).into_response()
}

async fn discovery(State(front): Shared) -> Response {
    Json(front.issuer.discovery()).into_response()
}

async fn jwks(State(front): Shared) -> Result<Response, IssuerFailure> {
    Ok(Json(front.issuer.jwks().await?).into_response())
}

#[derive(Deserialize)]
struct TokenQuery {
    /// The token's age in seconds.
    #[serde(default)]
    age_s: u64,
}

async fn token(
    State(front): Shared,
    Query(query): Query<TokenQuery>,
) -> Result<Response, IssuerFailure> {
    let now = system_now();
    let issued = now
        .checked_sub(Duration::from_secs(query.age_s))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(front.issuer.token(issued).await?.into_response())
}

/// The operators' API, for requests with the token.
async fn admin(State(front): Shared, request: Request) -> Response {
    if !front.token.opens(request.headers()) {
        let error = json!({ "error": "the operators' API wants `Authorization: Bearer TOKEN`, \
            with the token that the gateway printed at its start" });
        return (StatusCode::UNAUTHORIZED, Json(error)).into_response();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        return too_large();
    };
    let request = axum::http::Request::from_parts(parts, body);
    front.admin.handle(request).await.map(Body::from)
}

fn too_large() -> Response {
    let error = json!({ "error": "the body is larger than 10 MB, or was cut short" });
    (StatusCode::PAYLOAD_TOO_LARGE, Json(error)).into_response()
}

/// An error of the issuer, as an answer.
struct IssuerFailure(IssuerError);

impl From<IssuerError> for IssuerFailure {
    fn from(error: IssuerError) -> IssuerFailure {
        IssuerFailure(error)
    }
}

impl IntoResponse for IssuerFailure {
    fn into_response(self) -> Response {
        let error = json!({ "error": self.0.to_string() });
        (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response()
    }
}
