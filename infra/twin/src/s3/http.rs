//! S3's REST interface. Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::{MAX_OBJECT_BYTES, Objects, S3Error};

/// The SHA-256 of the body as the sender signed it, or a word for how it is signed.
const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// A refusal of a request, with S3's code for it.
enum S3Fault {
    NoSuchKey,
    Altered,
    NotImplemented,
    Method,
    Broken(S3Error),
}

pub(crate) fn router(objects: Objects) -> Router {
    Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::max(MAX_OBJECT_BYTES))
        .with_state(objects)
}

async fn answer(
    State(objects): State<Objects>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    // Files block the thread that they are read and written on.
    let done = tokio::task::spawn_blocking(move || match method {
        Method::PUT => put(&objects, &path, &headers, &body),
        Method::GET | Method::HEAD => get(&objects, &path),
        Method::DELETE => delete(&objects, &path),
        _ => Err(S3Fault::Method),
    });
    match done.await {
        Ok(Ok(response)) => response,
        Ok(Err(fault)) => fault.into_response(),
        Err(panic) => {
            tracing::error!(%panic, "the embedded S3 panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn put(
    objects: &Objects,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, S3Fault> {
    let hash = sha256(body);
    let signed = headers.get(CONTENT_SHA256).map(|value| value.as_bytes());
    match signed {
        // Chunks with signatures or checksums between them.
        Some(signed) if signed.starts_with(b"STREAMING-") => return Err(S3Fault::NotImplemented),
        Some(signed) if signed.len() == hash.len() && signed != hash.as_bytes() => {
            return Err(S3Fault::Altered);
        }
        _ => {}
    }
    objects.put(path, body)?;
    Ok([(ETAG, etag(&hash))].into_response())
}

fn get(objects: &Objects, path: &str) -> Result<Response, S3Fault> {
    let body = objects.get(path)?.ok_or(S3Fault::NoSuchKey)?;
    let headers = [
        (ETAG, etag(&sha256(&body))),
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
    ];
    Ok((headers, body).into_response())
}

fn delete(objects: &Objects, path: &str) -> Result<Response, S3Fault> {
    objects.delete(path)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn sha256(body: &[u8]) -> String {
    hex::encode(digest(&SHA256, body))
}

/// A word for these bytes. AWS promises no more of it.
fn etag(sha256: &str) -> String {
    format!("\"{sha256}\"")
}

impl From<S3Error> for S3Fault {
    fn from(error: S3Error) -> S3Fault {
        S3Fault::Broken(error)
    }
}

impl IntoResponse for S3Fault {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            S3Fault::NoSuchKey => (StatusCode::NOT_FOUND, "NoSuchKey"),
            S3Fault::Altered => (StatusCode::BAD_REQUEST, "XAmzContentSHA256Mismatch"),
            S3Fault::NotImplemented => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
            S3Fault::Method => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            S3Fault::Broken(error) => {
                let error: &dyn std::error::Error = error;
                tracing::error!(error, "the embedded S3 failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
            }
        };
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code></Error>"
        );
        (status, [(CONTENT_TYPE, "application/xml")], text).into_response()
    }
}
