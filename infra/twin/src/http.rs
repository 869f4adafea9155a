//! The twin's front door: webhooks to ingest, operators' questions, the test issuer, health.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get, post};
use hookgate_aws::{DynamoTable, EventQuery};
use hookgate_gateway::EventKey;
use hookgate_gateway::ports::{Clock, PortError, SystemClock, chain};
use hookgate_ledger::State as EventState;
use serde::Deserialize;
use serde_json::json;

use crate::issuer::{Issuer, IssuerError};
use crate::twin::TwinIngest;

/// Bodies above this are cut off unread, as API Gateway does at 10 MB.
const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// How many events are listed unless asked otherwise, and at most.
const LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

/// How far back events are listed unless asked otherwise: the archive's default retention.
const LOOK_BACK: Duration = Duration::from_secs(30 * 24 * 3600);

pub(crate) struct Front {
    pub(crate) ingest: TwinIngest,
    pub(crate) table: DynamoTable,
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
        .route("/admin/events", get(events))
        .route("/admin/events/{key}", get(event))
        .fallback(any(webhook))
        .with_state(Arc::new(front))
}

type Shared = State<Arc<Front>>;

async fn webhook(State(front): Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        let error = json!({ "error": "the body is larger than 10 MB, or was cut short" });
        return (StatusCode::PAYLOAD_TOO_LARGE, Json(error)).into_response();
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

async fn jwks(State(front): Shared) -> Result<Response, Failure> {
    Ok(Json(front.issuer.jwks().await?).into_response())
}

#[derive(Deserialize)]
struct TokenQuery {
    /// How long ago the token was issued, in seconds.
    #[serde(default)]
    age_s: u64,
}

async fn token(State(front): Shared, Query(query): Query<TokenQuery>) -> Result<Response, Failure> {
    let now = SystemClock.now();
    let issued = now
        .checked_sub(Duration::from_secs(query.age_s))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    Ok(front.issuer.token(issued).await?.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    source: Option<String>,
    state: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    limit: Option<usize>,
}

async fn events(State(front): Shared, Query(query): Query<ListQuery>) -> Result<Response, Failure> {
    let known = front
        .ingest
        .sources()
        .iter()
        .map(|source| source.name().to_owned());
    let sources: Vec<String> = match &query.source {
        Some(wanted) => known.filter(|name| name == wanted).collect(),
        None => known.collect(),
    };
    if sources.is_empty() {
        return Err(Failure::Asked("there is no such source".into()));
    }
    let state = match query
        .state
        .as_deref()
        .map(|name| (name, EventState::from_name(name)))
    {
        Some((name, None)) => {
            let names = EventState::ALL.map(EventState::name).join(", ");
            return Err(Failure::Asked(format!(
                "`{name}` is no state; states are {names}"
            )));
        }
        Some((_, state)) => state,
        None => None,
    };
    let until = SystemClock.now();
    let list = EventQuery {
        sources,
        state,
        event_type: query.event_type,
        since: until - LOOK_BACK,
        until,
        limit: query.limit.unwrap_or(LIMIT).min(MAX_LIMIT),
    };
    Ok(Json(front.table.list_events(&list).await?).into_response())
}

async fn event(State(front): Shared, Path(key): Path<String>) -> Result<Response, Failure> {
    let Some(key) = EventKey::parse(&key) else {
        return Err(Failure::Asked(
            "that is no event key: it has 43 characters".into(),
        ));
    };
    let event = front.table.show_event(&key).await?;
    Ok(Json(event.ok_or(Failure::NotFound)?).into_response())
}

/// Why an operator's question has no answer.
enum Failure {
    Asked(String),
    NotFound,
    Store(PortError),
    Issuer(IssuerError),
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Failure {
        Failure::Store(error)
    }
}

impl From<IssuerError> for Failure {
    fn from(error: IssuerError) -> Failure {
        Failure::Issuer(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Failure::Asked(why) => (StatusCode::BAD_REQUEST, why),
            Failure::NotFound => (
                StatusCode::NOT_FOUND,
                "there is no event of this key".to_owned(),
            ),
            Failure::Store(error) => (StatusCode::SERVICE_UNAVAILABLE, chain(&error)),
            Failure::Issuer(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}
