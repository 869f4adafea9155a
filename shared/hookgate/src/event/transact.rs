//! Completion and a handler's writes in one transaction.

use std::fmt;
use std::time::SystemTime;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem, Update};
use hookgate_ledger::COMPLETE;
use serde_json::{Map, Value};

use crate::error::OrFailed;
use crate::event::item::EVENT;
use crate::event::ledger::{Claim, completion, completion_values};
use crate::table::{Attributes, DynamoTable, PK, SK, n, names, s};
use crate::{AwsError, chain};

/// A write to a DynamoDB table that happens together with an event's completion, or not at all.
#[derive(Clone, PartialEq)]
pub enum TableWrite {
    /// Puts an item.
    Put {
        /// The table; `None` is the gateway's own.
        table: Option<String>,
        /// The whole item: JSON strings, numbers, booleans, lists and objects.
        item: Map<String, Value>,
    },
    /// Adds to a number, which is 0 where it is missing.
    Add {
        /// The table; `None` is the gateway's own.
        table: Option<String>,
        /// The item's key.
        key: Map<String, Value>,
        /// The number's name.
        attribute: String,
        /// The amount to add.
        amount: i64,
    },
}

/// Without the values: they come from a body.
impl fmt::Debug for TableWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, table) = match self {
            TableWrite::Put { table, .. } => ("Put", table),
            TableWrite::Add { table, .. } => ("Add", table),
        };
        f.debug_struct(name)
            .field("table", table)
            .finish_non_exhaustive()
    }
}

/// The end of a completion with writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactOutcome {
    /// The event is done, by this call or an earlier one, and the writes happened once.
    Done,
    /// Another writer changed one of the items at the same time: nothing happened, try again.
    Conflict,
    /// A write cannot be done: nothing happened, and nothing will.
    Refused(String),
}

impl DynamoTable {
    /// Notes that the effect happened and makes it happen, in one transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complete_with_writes(
        &self,
        claim: Claim<'_>,
        writes: &[TableWrite],
        now: SystemTime,
    ) -> Result<TransactOutcome, AwsError> {
        const OPERATION: &str = "complete the event with its writes";
        let completion = self.completion(claim, now).or_failed(OPERATION)?;
        let completion = TransactWriteItem::builder().update(completion).build();
        let mut transaction = self
            .client
            .transact_write_items()
            .transact_items(completion);
        for write in writes {
            transaction = transaction.transact_items(self.item(write).or_failed(OPERATION)?);
        }
        match transaction
            .send()
            .await
            .map_err(|error| error.into_service_error())
        {
            Ok(_) => Ok(TransactOutcome::Done),
            Err(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                Ok(cancellation(cancelled.cancellation_reasons()))
            }
            Err(error) if is_final(&error) => Ok(TransactOutcome::Refused(chain(&error))),
            Err(error) => Err(error).or_failed(OPERATION),
        }
    }

    fn completion(&self, claim: Claim<'_>, now: SystemTime) -> Result<Update, BuildError> {
        let update = completion(claim);
        Update::builder()
            .table_name(&self.name)
            .key(PK, s(claim.event.key.as_str()))
            .key(SK, s(EVENT))
            .condition_expression(COMPLETE)
            .set_expression_attribute_names(Some(names(&[COMPLETE, &update])))
            .set_expression_attribute_values(Some(completion_values(claim, now)))
            .update_expression(update)
            .build()
    }

    fn item(&self, write: &TableWrite) -> Result<TransactWriteItem, BuildError> {
        let name = |table: &Option<String>| table.clone().unwrap_or_else(|| self.name.clone());
        let item = TransactWriteItem::builder();
        Ok(match write {
            TableWrite::Put {
                table,
                item: values,
            } => {
                let put = Put::builder()
                    .table_name(name(table))
                    .set_item(Some(attributes(values)));
                item.put(put.build()?).build()
            }
            TableWrite::Add {
                table,
                key,
                attribute,
                amount,
            } => {
                let update = Update::builder()
                    .table_name(name(table))
                    .set_key(Some(attributes(key)))
                    .update_expression("ADD #attribute :amount")
                    .expression_attribute_names("#attribute", attribute)
                    .expression_attribute_values(":amount", n(amount));
                item.update(update.build()?).build()
            }
        })
    }
}

/// True where the same writes would be rejected again: they are malformed, or their table is not there.
fn is_final(error: &TransactWriteItemsError) -> bool {
    error.is_resource_not_found_exception() || error.code() == Some("ValidationException")
}

/// The meaning of a cancelled transaction, by the reasons given for the completion (first) and the writes.
fn cancellation(reasons: &[CancellationReason]) -> TransactOutcome {
    const PASSING: [&str; 3] = [
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    ];
    let codes: Vec<&str> = reasons
        .iter()
        .map(|reason| reason.code().unwrap_or("None"))
        .collect();
    if codes.first() == Some(&"ConditionalCheckFailed") {
        return TransactOutcome::Done; // An earlier call completed it, with its writes.
    }
    if codes.iter().any(|code| PASSING.contains(code)) {
        return TransactOutcome::Conflict;
    }
    let message = reasons.iter().find_map(|reason| reason.message());
    let message = message.unwrap_or("no message");
    TransactOutcome::Refused(format!("{}: {message}", codes.join(", ")))
}

fn attributes(values: &Map<String, Value>) -> Attributes {
    values
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect()
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => n(number),
        Value::String(text) => s(text),
        Value::Array(values) => AttributeValue::L(values.iter().map(attribute).collect()),
        Value::Object(values) => AttributeValue::M(attributes(values)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cancelled(codes: &[&str]) -> TransactOutcome {
        let reason = |code: &&str| {
            CancellationReason::builder()
                .code(*code)
                .message("why")
                .build()
        };
        cancellation(&codes.iter().map(reason).collect::<Vec<_>>())
    }

    #[test]
    fn a_cancelled_transaction_is_done_comes_again_or_is_given_up() {
        let refused = |codes: &str| TransactOutcome::Refused(format!("{codes}: why"));
        for (codes, outcome) in [
            // An earlier call completed the event.
            (
                &["ConditionalCheckFailed", "None"][..],
                TransactOutcome::Done,
            ),
            (
                &["ConditionalCheckFailed", "TransactionConflict"],
                TransactOutcome::Done,
            ),
            (&["TransactionConflict", "None"], TransactOutcome::Conflict),
            (&["None", "TransactionConflict"], TransactOutcome::Conflict),
            (&["None", "ThrottlingError"], TransactOutcome::Conflict),
            (
                &["ProvisionedThroughputExceeded", "None"],
                TransactOutcome::Conflict,
            ),
            // A condition of a write is the handler's own: it has none that may pass.
            (
                &["None", "ConditionalCheckFailed"],
                refused("None, ConditionalCheckFailed"),
            ),
            (
                &["None", "ValidationError"],
                refused("None, ValidationError"),
            ),
            (
                &["None", "ItemCollectionSizeLimitExceeded"],
                refused("None, ItemCollectionSizeLimitExceeded"),
            ),
        ] {
            assert_eq!(cancelled(codes), outcome, "{codes:?}");
        }
        let nameless = cancellation(&[CancellationReason::builder().build()]);
        assert_eq!(
            nameless,
            TransactOutcome::Refused("None: no message".into())
        );
    }

    #[test]
    fn malformed_writes_and_missing_tables_are_given_up_and_outages_are_not() {
        use aws_sdk_dynamodb::error::ErrorMetadata;
        use aws_sdk_dynamodb::types::error::{InternalServerError, ResourceNotFoundException};

        let coded = |code: &str| {
            TransactWriteItemsError::generic(ErrorMetadata::builder().code(code).build())
        };
        let missing = ResourceNotFoundException::builder().build();
        assert!(is_final(
            &TransactWriteItemsError::ResourceNotFoundException(missing)
        ));
        assert!(is_final(&coded("ValidationException")));
        for code in [
            "ThrottlingException",
            "ServiceUnavailable",
            "AccessDeniedException",
        ] {
            assert!(!is_final(&coded(code)), "{code}");
        }
        let internal = InternalServerError::builder().build();
        assert!(!is_final(&TransactWriteItemsError::InternalServerError(
            internal
        )));
    }
}
