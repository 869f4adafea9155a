//! Completion and a handler's writes in one transaction.

use std::time::SystemTime;

use crate::ports::{BoxError, Held, Joined, JoinedCompletion, PortError, Write, chain};
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem, Update};
use serde_json::{Map, Value};

use crate::attributes::{Attributes, n, s};
use crate::event::ledger::{COMPLETE, Completion, EVENT, completion};
use crate::table::{DynamoTable, PK, SK};

impl JoinedCompletion for DynamoTable {
    async fn complete_with(
        &self,
        held: Held<'_>,
        writes: &[Write],
        now: SystemTime,
    ) -> Result<Joined, PortError> {
        let failed = |error: BoxError| PortError::new("complete the event with its writes", error);
        let mut transaction = self.client.transact_write_items();
        let completion = self
            .completion(held, now)
            .map_err(|error| failed(error.into()))?;
        transaction =
            transaction.transact_items(TransactWriteItem::builder().update(completion).build());
        for write in writes {
            let item = self.item(write).map_err(|error| failed(error.into()))?;
            transaction = transaction.transact_items(item);
        }
        match transaction
            .send()
            .await
            .map_err(|error| error.into_service_error())
        {
            Ok(_) => Ok(Joined::Done),
            Err(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                Ok(meaning(cancelled.cancellation_reasons()))
            }
            Err(error) if is_final(&error) => Ok(Joined::Refused(chain(&error))),
            Err(error) => Err(failed(error.into())),
        }
    }
}

impl DynamoTable {
    fn completion(&self, held: Held<'_>, now: SystemTime) -> Result<Update, BuildError> {
        let Completion {
            expression,
            names,
            values,
        } = completion(held, now);
        Update::builder()
            .table_name(&self.name)
            .key(PK, s(held.event.key.as_str()))
            .key(SK, s(EVENT))
            .condition_expression(COMPLETE)
            .update_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()
    }

    fn item(&self, write: &Write) -> Result<TransactWriteItem, BuildError> {
        let name = |table: &Option<String>| table.clone().unwrap_or_else(|| self.name.clone());
        let item = TransactWriteItem::builder();
        Ok(match write {
            Write::Put {
                table,
                item: values,
            } => {
                let put = Put::builder()
                    .table_name(name(table))
                    .set_item(Some(attributes(values)));
                item.put(put.build()?).build()
            }
            Write::Add {
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

/// Whether the same writes would be refused again: they are malformed, or their table is not there.
fn is_final(error: &TransactWriteItemsError) -> bool {
    error.is_resource_not_found_exception() || error.code() == Some("ValidationException")
}

/// What a cancelled transaction means, by what is said of the completion (first) and the writes.
fn meaning(reasons: &[CancellationReason]) -> Joined {
    let codes: Vec<&str> = reasons
        .iter()
        .map(|reason| reason.code().unwrap_or("None"))
        .collect();
    if codes.first() == Some(&"ConditionalCheckFailed") {
        return Joined::Done; // An earlier call completed it, with its writes.
    }
    let passing = [
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    ];
    if codes.iter().any(|code| passing.contains(code)) {
        return Joined::Conflict;
    }
    let message = reasons.iter().find_map(|reason| reason.message());
    Joined::Refused(format!(
        "{}: {}",
        codes.join(", "),
        message.unwrap_or("no message")
    ))
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
