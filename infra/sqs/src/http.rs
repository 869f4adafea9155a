//! AWS JSON 1.0 over HTTP: one POST names the action in `X-Amz-Target`, its body is the request.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use uuid::Uuid;

use crate::engine::Engine;
use crate::error::{ErrorSide, SqsError};
use crate::move_task::{self, runner};
use crate::receive_message::ReceiveMessage;
use crate::store::Session;
use crate::{in_flight, queues, receive, send};

/// Room for a full batch whose every character is escaped in JSON.
const MAX_REQUEST_BYTES: usize = 16 * 1_048_576;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

#[derive(Clone)]
struct Server {
    engine: Arc<Engine>,
    closing: watch::Receiver<bool>,
}

/// Answers requests until `shutdown`, then lets waiting receivers go.
pub(crate) async fn serve(
    engine: Arc<Engine>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (close, closing) = watch::channel(false);
    runner::resume(&engine, &closing)
        .await
        .map_err(std::io::Error::other)?;
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(Server { engine, closing });
    let shutdown = async move {
        shutdown.await;
        close.send_replace(true);
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    let request_id = Uuid::new_v4().to_string();
    let headed = [
        (CONTENT_TYPE, "application/x-amz-json-1.0".to_owned()),
        (REQUEST_ID, request_id),
    ];
    match server.act(&headers, &body).await {
        Ok(answer) => (headed, answer.to_string()).into_response(),
        Err(error) => (headed, Refusal(error)).into_response(),
    }
}

struct Refusal(SqsError);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(error) = self;
        let (status, blamed) = match error.fault() {
            ErrorSide::Sender => (StatusCode::BAD_REQUEST, "Sender"),
            ErrorSide::Receiver => (StatusCode::INTERNAL_SERVER_ERROR, "Receiver"),
        };
        if error.fault() == ErrorSide::Receiver {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the SQS engine failed");
        }
        let query_error = [(QUERY_ERROR, format!("{};{blamed}", error.code()))];
        let body = json!({"__type": error.shape(), "message": error.to_string()});
        (status, query_error, body.to_string()).into_response()
    }
}

impl Server {
    /// Does the action that the header names. These are all that this engine offers.
    async fn act(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, SqsError> {
        let call = ActionCall {
            server: self,
            base_url: base_url(headers).unwrap_or_else(|| self.engine.base_url()),
            body,
        };
        match action(headers) {
            "CreateQueue" => call.run(queues::create_queue).await,
            "GetQueueUrl" => call.run(queues::get_queue_url).await,
            "ListQueues" => call.run(queues::list_queues).await,
            "DeleteQueue" => call.run(queues::delete_queue).await,
            "PurgeQueue" => call.run(queues::purge_queue).await,
            "GetQueueAttributes" => call.run(queues::get_queue_attributes).await,
            "SetQueueAttributes" => call.run(queues::set_queue_attributes).await,
            "StartMessageMoveTask" => call.start_move().await,
            "ListMessageMoveTasks" => call.run(move_task::list_message_move_tasks).await,
            "CancelMessageMoveTask" => call.run(move_task::cancel_message_move_task).await,
            "SendMessage" => call.run(send::send_message).await,
            "SendMessageBatch" => call.run(send::send_message_batch).await,
            "ReceiveMessage" => call.receive().await,
            "DeleteMessage" => call.run(in_flight::delete_message).await,
            "DeleteMessageBatch" => call.run(in_flight::delete_message_batch).await,
            "ChangeMessageVisibility" => call.run(in_flight::change_message_visibility).await,
            "ChangeMessageVisibilityBatch" => {
                call.run(in_flight::change_message_visibility_batch).await
            }
            unknown => Err(SqsError::InvalidAction {
                action: unknown.to_owned(),
            }),
        }
    }
}

struct ActionCall<'a> {
    server: &'a Server,
    base_url: String,
    body: &'a [u8],
}

impl ActionCall<'_> {
    async fn run<R, A>(
        self,
        action: fn(&Session<'_>, R) -> Result<A, SqsError>,
    ) -> Result<Value, SqsError>
    where
        R: DeserializeOwned + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let request: R = parse(self.body)?;
        let engine = &self.server.engine;
        let answer = engine.spawn(self.base_url, move |session| action(session, request));
        Ok(serde_json::to_value(answer.await?)?)
    }

    async fn start_move(self) -> Result<Value, SqsError> {
        let Server { engine, closing } = self.server.clone();
        let request = parse(self.body)?;
        let start =
            move |session: &Session<'_>| move_task::start_message_move_task(session, request);
        let started = engine.spawn(self.base_url, start).await?;
        let answer = serde_json::to_value(&started)?;
        tokio::spawn(runner::run(engine, started.id, closing));
        Ok(answer)
    }

    async fn receive(self) -> Result<Value, SqsError> {
        let request: ReceiveMessage = parse(self.body)?;
        let mut closing = self.server.closing.clone();
        let closed = async move {
            // An error means that the server is gone, which ends the wait as well.
            let _ = closing.wait_for(|closing| *closing).await;
        };
        let messages = receive::poll(&self.server.engine, request.of_queue()?, closed).await?;
        request.answer(messages)
    }
}

fn action(headers: &HeaderMap) -> &str {
    let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok());
    let target = target.unwrap_or_default();
    target.strip_prefix("AmazonSQS.").unwrap_or(target)
}

fn base_url(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    Some(format!("http://{host}"))
}

/// Reads the request. A missing field is distinguished from a malformed one.
fn parse<Q: DeserializeOwned>(body: &[u8]) -> Result<Q, SqsError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        let reason = error.to_string();
        let missing = reason.strip_prefix("missing field `");
        match missing.and_then(|rest| rest.split('`').next()) {
            Some(parameter) => SqsError::MissingParameter {
                parameter: parameter.to_owned(),
            },
            None => SqsError::Serialization { reason },
        }
    })
}
