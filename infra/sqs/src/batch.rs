//! Batches: up to ten requests of one kind in one call, each with its own outcome.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorSide, SqsError};
use crate::names::is_plain;

/// The most entries that a batch may have.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const MAX_ENTRIES: usize = 10;

/// One entry of a batch: the caller's id for it, and its request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Entry<T> {
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) request: T,
}

/// The response to a batch: failures stand inside a success.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchResult<T> {
    successful: Vec<Success<T>>,
    failed: Vec<EntryFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Success<T> {
    id: String,
    #[serde(flatten)]
    result: T,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EntryFailure {
    id: String,
    sender_fault: bool,
    code: &'static str,
    message: String,
}

/// Rejects a batch that is wrong as a whole.
pub(crate) fn check<T>(entries: &[Entry<T>], called: &'static str) -> Result<(), SqsError> {
    if entries.is_empty() {
        return Err(SqsError::EmptyBatchRequest { entries: called });
    }
    if entries.len() > MAX_ENTRIES {
        return Err(SqsError::TooManyEntriesInBatchRequest {
            sent: entries.len(),
        });
    }
    let mut seen = HashSet::new();
    for entry in entries {
        if !is_plain(&entry.id) {
            return Err(SqsError::InvalidBatchEntryId);
        }
        if !seen.insert(&entry.id) {
            return Err(SqsError::BatchEntryIdsNotDistinct {
                id: entry.id.clone(),
            });
        }
    }
    Ok(())
}

/// Does each entry on its own: what is wrong with one says nothing about the others.
pub(crate) fn each<T, R>(
    entries: Vec<Entry<T>>,
    mut act: impl FnMut(T) -> Result<R, SqsError>,
) -> Result<BatchResult<R>, SqsError> {
    let mut answer = BatchResult {
        successful: Vec::new(),
        failed: Vec::new(),
    };
    for Entry { id, request } in entries {
        match act(request) {
            Ok(result) => answer.successful.push(Success { id, result }),
            Err(error) if error.fault() == ErrorSide::Receiver => return Err(error),
            Err(error) => answer.failed.push(EntryFailure {
                id,
                sender_fault: true,
                code: error.code(),
                message: error.to_string(),
            }),
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(ids: &[&str]) -> Vec<Entry<()>> {
        let entry = |id: &&str| Entry {
            id: (*id).to_owned(),
            request: (),
        };
        ids.iter().map(entry).collect()
    }

    #[test]
    fn a_batch_has_one_to_ten_entries_with_distinct_plain_ids() {
        let refused = |ids: &[&str]| check(&entries(ids), "X").expect_err("a bad batch").code();
        assert!(check(&entries(&["a", "b-1", "c_2"]), "X").is_ok());
        assert_eq!(refused(&[]), "AWS.SimpleQueueService.EmptyBatchRequest");
        assert_eq!(
            refused(&["a"; 11]),
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
        );
        assert_eq!(
            refused(&["a", "a"]),
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"
        );
        assert_eq!(
            refused(&["a:b"]),
            "AWS.SimpleQueueService.InvalidBatchEntryId"
        );
    }

    #[test]
    fn one_bad_entry_fails_alone_and_a_broken_store_fails_the_batch() {
        let answer = each(entries(&["good", "bad"]), {
            let mut first = true;
            move |()| {
                let good = std::mem::take(&mut first);
                good.then_some(1).ok_or(SqsError::InvalidMessageContents)
            }
        });
        let answer = answer.expect("a batch with a failure is a success");
        assert_eq!(answer.successful[0].id, "good");
        assert_eq!(answer.failed[0].id, "bad");
        let broken = || SqsError::Store(rusqlite::Error::QueryReturnedNoRows);
        assert!(each(entries(&["a"]), |()| Err::<(), _>(broken())).is_err());
    }
}
