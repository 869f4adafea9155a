//! The note with an event that its dead letter was discarded.

use std::time::SystemTime;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use hookgate_api::EventState;
pub use hookgate_ledger::DiscardDecision;
use hookgate_ledger::{DISCARD, Number, State, on_discard};

use crate::event::item::{EVENT, shortened, state, stored_item};
use crate::event::unwell::{LIST, listed};
use crate::table::event_item::{claims_at, failed_first_at};
use crate::table::{DynamoTable, PK, SK, n, names, s, values};
use crate::{AwsError, Event, unix_ms};

const OPERATION: &str = "note the discarded dead letter";

impl DynamoTable {
    /// Marks the event of a dead letter with this number as dead, with a text as its error. Without effect unless the
    /// answer is [`DiscardDecision::Dead`]. Doing it twice is harmless.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_discarded(
        &self,
        event: &Event,
        number: Number,
        text: &str,
        now: SystemTime,
    ) -> Result<DiscardDecision, AwsError> {
        let set = discarding(number.epoch);
        let mut discarded = values([
            (":received", state(State::Received)),
            (":enqueued", state(State::Enqueued)),
            (":processing", state(State::Processing)),
            (":dead", state(State::Dead)),
            (":ep", n(number.epoch)),
            (":sq", n(number.seq)),
            (":now", n(unix_ms(now))),
            (":err", s(shortened(text))),
        ]);
        discarded.extend(listed(EventState::Dead, event));
        let updated = self
            .client
            .update_item()
            .table_name(&self.name)
            .key(PK, s(event.key.as_str()))
            .key(SK, s(EVENT))
            .condition_expression(DISCARD)
            .update_expression(&set)
            .set_expression_attribute_names(Some(names(&[DISCARD, &set])))
            .set_expression_attribute_values(Some(discarded))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let old = match updated.map_err(|error| error.into_service_error()) {
            Ok(_) => return Ok(DiscardDecision::Dead),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => failed.item,
            Err(error) => return Err(AwsError::new(OPERATION, error)),
        };
        let old = old.as_ref().and_then(stored_item);
        match on_discard(old.as_ref(), number, unix_ms(now)) {
            DiscardDecision::Dead => Err(AwsError::new(
                OPERATION,
                "the stored item contradicts the refusal",
            )),
            decision => Ok(decision),
        }
    }
}

/// The update that writes `Dead`, under the condition [`DISCARD`]. An event that was dead before died then.
fn discarding(epoch: u32) -> String {
    let (claims, failed) = (claims_at(epoch), failed_first_at(epoch));
    format!(
        "SET #st = :dead, #err = :err, #t1 = if_not_exists(#t1, :now), {LIST} \
         REMOVE #own, #lu, #nx, #{claims}, #{failed}"
    )
}
