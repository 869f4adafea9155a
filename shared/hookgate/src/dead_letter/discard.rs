//! The note with an event that its dead letter was thrown away.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use hookgate_ledger::State;

use crate::error::OrFailed;
use crate::event::item::{EVENT, shortened};
use crate::table::{DynamoTable, PK, SK, n, names, s};
use crate::{AwsError, EventKey};

const CONDITION: &str = "#st = :dead AND #ep = :ep";
const SET: &str = "SET #err = :err";

impl DynamoTable {
    /// Writes a text over the error of an event that is dead at this epoch. Without effect where the event was
    /// handled, or replayed, or forgotten meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_discarded(
        &self,
        key: &EventKey,
        epoch: u32,
        text: &str,
    ) -> Result<(), AwsError> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.name)
            .key(PK, s(key.as_str()))
            .key(SK, s(EVENT))
            .condition_expression(CONDITION)
            .update_expression(SET)
            .set_expression_attribute_names(Some(names(&[CONDITION, SET])))
            .expression_attribute_values(":dead", s(State::Dead.code()))
            .expression_attribute_values(":ep", n(epoch))
            .expression_attribute_values(":err", s(shortened(text)))
            .send()
            .await;
        match updated.map_err(|error| error.into_service_error()) {
            Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(error).or_failed("note the discarded dead letter"),
        }
    }
}
