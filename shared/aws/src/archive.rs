//! Raw payloads, compressed, in items of their own.

use std::io::{Read, Write};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use hookgate_gateway::ports::{Archive, BoxError, PortError};
use hookgate_gateway::{Event, unix_ms};

use crate::attributes::{Attributes, b, bytes, n, number, s, text};
use crate::table::{
    DynamoTable, EXPIRES, INDEX_PK, INDEX_SK, PK, SK, expires_s, index_partition, shard,
};

/// The sort key of a payload's first item.
pub(crate) const PAYLOAD: &str = "payload";

/// Compressed bytes per item. DynamoDB takes 400 KB an item, names and headers included.
const PART_BYTES: usize = 350_000;

/// The largest body that is read back, against an archive that would not end.
const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;

impl Archive for DynamoTable {
    async fn archive(&self, event: &Event) -> Result<(), PortError> {
        let Some(retention) = self.retention else {
            return Ok(());
        };
        let failed = |error: BoxError| PortError::new("archive the payload", error);
        let compressed = compress(&event.body).map_err(|error| failed(error.into()))?;
        let headers =
            serde_json::to_string(&event.headers).map_err(|error| failed(error.into()))?;
        let parts: Vec<&[u8]> = compressed.chunks(PART_BYTES).collect();
        let expires = n(expires_s(event.received, retention));
        // The first item last: what it promises is there.
        for (index, part) in parts.iter().enumerate().skip(1) {
            let mut item = item(event, &part_key(index), part);
            item.insert(EXPIRES.into(), expires.clone());
            self.put(item).await.map_err(failed)?;
        }
        let mut first = item(event, PAYLOAD, parts.first().copied().unwrap_or_default());
        let partition = index_partition(&event.source, event.received, shard(&event.key));
        for (name, value) in [
            (EXPIRES, expires),
            ("parts", n(parts.len())),
            ("hd", s(headers)),
            (INDEX_PK, s(partition)),
            (INDEX_SK, s(format!("{:013}", unix_ms(event.received)))),
        ] {
            first.insert(name.into(), value);
        }
        self.put(first).await.map_err(failed)
    }
}

impl DynamoTable {
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

fn item(event: &Event, sort_key: &str, part: &[u8]) -> Attributes {
    [
        (PK.to_owned(), s(event.key.as_str())),
        (SK.to_owned(), s(sort_key)),
        ("data".to_owned(), b(part)),
    ]
    .into()
}

fn part_key(index: usize) -> String {
    format!("{PAYLOAD}.{index:04}")
}

/// What was kept of a request.
pub(crate) struct Kept {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a payload's items hold; `None` where the first one or a part is missing.
pub(crate) fn read_payload(items: &[Attributes]) -> Option<Kept> {
    let find = |key: &str| items.iter().find(|item| text(item, SK) == Some(key));
    let first = find(PAYLOAD)?;
    let mut compressed = bytes(first, "data")?.to_vec();
    for index in 1..number::<usize>(first, "parts")? {
        compressed.extend_from_slice(bytes(find(&part_key(index))?, "data")?);
    }
    let headers = serde_json::from_str(text(first, "hd")?).ok()?;
    let body = decompress(&compressed)?;
    Some(Kept { headers, body })
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
