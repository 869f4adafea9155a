//! AWS JSON 1.0 over HTTP: one POST names the action in `X-Amz-Target`, its body is the request.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>

use std::future::Future;

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

use crate::error::Fault;
use crate::store::Session;
use crate::{Sqs, SqsError, inflight, listing, mover, moves, queues, send, wire};

/// Room for a full batch whose every character is escaped in JSON.
const MAX_REQUEST_BYTES: usize = 16 * 1_048_576;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

#[derive(Clone)]
struct Server {
    sqs: Sqs,
    closing: watch::Receiver<bool>,
}

/// Answers requests until `shutdown`, then lets waiting receivers go.
pub(crate) async fn serve(
    sqs: Sqs,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (close, closing) = watch::channel(false);
    mover::resume(sqs.clone(), closing.clone())
        .await
        .map_err(std::io::Error::other)?;
    let router = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(Server { sqs, closing });
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
            Fault::Sender => (StatusCode::BAD_REQUEST, "Sender"),
            Fault::Receiver => (StatusCode::INTERNAL_SERVER_ERROR, "Receiver"),
        };
        if error.fault() == Fault::Receiver {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the SQS engine failed");
        }
        let query_error = [(QUERY_ERROR, format!("{};{blamed}", error.code()))];
        let body = json!({"__type": error.shape(), "message": error.to_string()});
        (status, query_error, body.to_string()).into_response()
    }
}

impl Server {
    /// Finds the action by its name: the list of what this engine offers.
    async fn act(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, SqsError> {
        let call = Call {
            server: self,
            base_url: base_url(headers).unwrap_or_else(|| self.sqs.engine.base_url()),
            body,
        };
        match action(headers) {
            "CreateQueue" => call.run(queues::create_queue).await,
            "GetQueueUrl" => call.run(queues::get_queue_url).await,
            "ListQueues" => call.run(listing::list_queues).await,
            "DeleteQueue" => call.run(queues::delete_queue).await,
            "PurgeQueue" => call.run(queues::purge_queue).await,
            "GetQueueAttributes" => call.run(queues::get_queue_attributes).await,
            "SetQueueAttributes" => call.run(queues::set_queue_attributes).await,
            "TagQueue" => call.run(listing::tag_queue).await,
            "UntagQueue" => call.run(listing::untag_queue).await,
            "ListQueueTags" => call.run(listing::list_queue_tags).await,
            "StartMessageMoveTask" => call.start_move().await,
            "ListMessageMoveTasks" => call.run(moves::list_message_move_tasks).await,
            "CancelMessageMoveTask" => call.run(moves::cancel_message_move_task).await,
            "ListDeadLetterSourceQueues" => call.run(listing::list_dead_letter_source_queues).await,
            "SendMessage" => call.run(send::send_message).await,
            "SendMessageBatch" => call.run(send::send_message_batch).await,
            "ReceiveMessage" => call.receive().await,
            "DeleteMessage" => call.run(inflight::delete_message).await,
            "DeleteMessageBatch" => call.run(inflight::delete_message_batch).await,
            "ChangeMessageVisibility" => call.run(inflight::change_message_visibility).await,
            "ChangeMessageVisibilityBatch" => {
                call.run(inflight::change_message_visibility_batch).await
            }
            unknown => Err(SqsError::InvalidAction {
                action: unknown.to_owned(),
            }),
        }
    }
}

struct Call<'a> {
    server: &'a Server,
    base_url: String,
    body: &'a [u8],
}

impl Call<'_> {
    async fn run<Q, A>(
        self,
        action: fn(&Session<'_>, Q) -> Result<A, SqsError>,
    ) -> Result<Value, SqsError>
    where
        Q: DeserializeOwned + Send + 'static,
        A: Serialize + Send + 'static,
    {
        let ask: Q = parse(self.body)?;
        let sqs = &self.server.sqs;
        let answer = sqs.run_at(self.base_url, move |session| action(session, ask));
        Ok(serde_json::to_value(answer.await?)?)
    }

    async fn start_move(self) -> Result<Value, SqsError> {
        let Server { sqs, closing } = self.server.clone();
        let ask = parse(self.body)?;
        let start = move |session: &Session<'_>| moves::start_message_move_task(session, ask);
        let started = sqs.run(start).await?;
        let answer = serde_json::to_value(&started)?;
        tokio::spawn(mover::carry_out(sqs, started.id, closing));
        Ok(answer)
    }

    async fn receive(self) -> Result<Value, SqsError> {
        let ask: wire::ReceiveMessage = parse(self.body)?;
        let mut closing = self.server.closing.clone();
        let closed = async move {
            // An error means that the server is gone, which ends the wait as well.
            let _ = closing.wait_for(|closing| *closing).await;
        };
        let messages = self.server.sqs.poll(ask.receive()?, closed).await?;
        ask.show(messages)
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

/// Reads the request. A field that is missing is told apart from a malformed one.
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
