//! Raw payloads, in items of their own: compressed, or as the pointer to a body that is in S3.

use std::io::{Read, Write};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hookgate_api::Payload;

use crate::error::OrFailed;
use crate::event::item::description;
use crate::table::payload_item::{DATA, HEADERS, PARTS, STORED_BODY, TRACE};
use crate::table::{
    Attributes, DynamoTable, EXPIRES, INDEX_PK, INDEX_SK, PAYLOAD_SHARDS, PK, SK, b, bytes,
    expires_s, index_partition, index_time, n, number, s, shard, text, values,
};
use crate::{AwsError, Body, BodyError, BoxError, Event, Trace, unix_ms};

/// The sort key of a payload's first item.
pub(crate) const PAYLOAD: &str = "payload";

/// The largest body that is also given as text: an answer of Lambda has at most 6 MB.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// Compressed bytes per item. DynamoDB allows 400 KB per item, names and headers included.
const PART_BYTES: usize = 350_000;

/// The largest body that is read back, against an archive that would not end.
const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;

impl DynamoTable {
    /// Archives an event's payload. Written once: a second call changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn archive(&self, event: &Event) -> Result<(), AwsError> {
        const OPERATION: &str = "archive the payload";
        let Some(retention) = self.retention else {
            return Ok(());
        };
        let expires = n(expires_s(event.received, retention));
        let body = match &event.body {
            Body::Inline(body) => self.put_parts(event, body, &expires).await,
            Body::Stored(stored) => serde_json::to_string(stored)
                .map(|stored| vec![(STORED_BODY, s(stored))])
                .map_err(BoxError::from),
        };
        let headers = serde_json::to_string(&event.headers).or_failed(OPERATION)?;
        let partition = index_partition(
            &event.source,
            event.received,
            shard(&event.key) % PAYLOAD_SHARDS,
        );
        let described = [
            (EXPIRES, expires),
            (HEADERS, s(headers)),
            (INDEX_PK, s(partition)),
            (INDEX_SK, index_time(unix_ms(event.received))),
        ];
        let trace = event.trace.as_ref().map(serde_json::to_string).transpose();
        let trace = trace.or_failed(OPERATION)?;
        // The ledger may forget the event before its payload expires.
        let attributes = described
            .into_iter()
            .chain(description(event))
            .chain(trace.map(|trace| (TRACE, s(trace))))
            .chain(body.or_failed(OPERATION)?);
        let first = item(event, PAYLOAD, attributes);
        self.put(first).await.or_failed(OPERATION)
    }

    /// Puts the parts of a body but the first, and returns what the first item says of them. That one is put
    /// last: what it promises is there.
    async fn put_parts(
        &self,
        event: &Event,
        body: &[u8],
        expires: &AttributeValue,
    ) -> Result<Vec<(&'static str, AttributeValue)>, BoxError> {
        let compressed = compress(body)?;
        let parts: Vec<&[u8]> = compressed.chunks(PART_BYTES).collect();
        for (index, part) in parts.iter().enumerate().skip(1) {
            let attributes = [(DATA, b(*part)), (EXPIRES, expires.clone())];
            self.put(item(event, &part_key(index), attributes)).await?;
        }
        let first = parts.first().copied().unwrap_or_default();
        Ok(vec![(DATA, b(first)), (PARTS, n(parts.len()))])
    }

    /// The payload in an event's items, with its body from wherever that is; `None` if it is gone.
    pub(crate) async fn payload(&self, items: &[Attributes]) -> Result<Option<Payload>, AwsError> {
        let Some(archived) = read_payload(items) else {
            return Ok(None);
        };
        let body = match archived.body.fetch(self.bodies.as_ref()).await {
            Ok(body) => body,
            Err(BodyError::Unavailable(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(body = ?archived.body, %error, "payload has no body");
                return Ok(None);
            }
        };
        Ok(Some(Payload {
            headers: archived.headers,
            body_base64: STANDARD.encode(&body),
            body: as_text(&body),
        }))
    }

    async fn put(&self, item: Attributes) -> Result<(), BoxError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await.map_err(|error| error.into_service_error()) {
            Ok(_) | Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn item(
    event: &Event,
    sort_key: &str,
    attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>,
) -> Attributes {
    let mut item = values([(PK, s(event.key.as_str())), (SK, s(sort_key))]);
    item.extend(
        attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    item
}

/// A body as text, where it is text, and short enough to be answered both as text and as base64.
fn as_text(body: &[u8]) -> Option<String> {
    let short = body.len() <= MAX_TEXT_BYTES;
    let text = std::str::from_utf8(body).ok().filter(|_| short)?;
    Some(text.to_owned())
}

fn part_key(index: usize) -> String {
    format!("{PAYLOAD}.{index:04}")
}

/// An archived request.
pub(crate) struct ArchivedPayload {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) trace: Option<Trace>,
    pub(crate) body: Body,
}

/// The payload in an event's items; `None` if the first item or a part is missing.
pub(crate) fn read_payload(items: &[Attributes]) -> Option<ArchivedPayload> {
    let find = |key: &str| items.iter().find(|item| text(item, SK) == Some(key));
    let first = find(PAYLOAD)?;
    let headers = serde_json::from_str(text(first, HEADERS)?).ok()?;
    let trace = text(first, TRACE).and_then(|json| serde_json::from_str(json).ok());
    let body = match text(first, STORED_BODY) {
        Some(stored) => Body::Stored(serde_json::from_str(stored).ok()?),
        None => {
            let mut compressed = bytes(first, DATA)?.to_vec();
            for index in 1..number::<usize>(first, PARTS)? {
                compressed.extend_from_slice(bytes(find(&part_key(index))?, DATA)?);
            }
            Body::Inline(Bytes::from(decompress(&compressed)?))
        }
    };
    Some(ArchivedPayload {
        headers,
        trace,
        body,
    })
}

pub(crate) fn compress(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

pub(crate) fn decompress(compressed: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    GzDecoder::new(compressed)
        .take(MAX_BODY_BYTES)
        .read_to_end(&mut body)
        .ok()?;
    Some(body)
}
