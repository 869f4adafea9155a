//! Dead-letter queues: which queue has which, and the way of a message there.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>

use rusqlite::named_params;

use crate::error::SqsError;
use crate::names::arn;
use crate::redrive::RedrivePolicy;
use crate::store::{Queue, Session};

/// A queue's dead-letter queue, and the number of receives after which a message goes there.
pub(crate) struct DeadLetterQueue {
    queue: Queue,
    max_receive_count: i64,
}

impl DeadLetterQueue {
    /// Finds the dead-letter queue of `queue`, as long as it exists.
    pub(crate) fn of(
        session: &Session<'_>,
        queue: &Queue,
    ) -> Result<Option<DeadLetterQueue>, SqsError> {
        let Some(policy) = queue.attributes.redrive_policy() else {
            return Ok(None);
        };
        let target = session.queue_by_arn(&policy.dead_letter_target_arn)?;
        Ok(target.map(|queue| DeadLetterQueue {
            queue,
            max_receive_count: policy.max_receive_count,
        }))
    }

    /// Returns whether a message that was received that often goes here instead of to another receiver.
    pub(crate) fn takes(&self, receives: i64) -> bool {
        receives >= self.max_receive_count
    }

    /// Moves a message here. It keeps its id, its age and its total receive count.
    pub(crate) fn add(
        &self,
        session: &Session<'_>,
        from: &Queue,
        message: i64,
    ) -> Result<(), SqsError> {
        let sql = "UPDATE messages SET queue = :to, dead_letter_source = :from, visible_ms = :now,
                          receipt = NULL, received_ms = NULL, receives_here = 0
                   WHERE seq = :seq";
        session.tx.prepare_cached(sql)?.execute(named_params! {
            ":to": self.queue.id,
            ":from": from.arn(),
            ":now": session.now_ms,
            ":seq": message,
        })?;
        session.changed(&self.queue.name);
        session.changed(&from.name);
        Ok(())
    }
}

/// Checks that the dead-letter queue that `policy` names exists, and takes the dead letters of `source`.
pub(crate) fn check_target(
    session: &Session<'_>,
    source: &str,
    policy: &RedrivePolicy,
) -> Result<(), SqsError> {
    let target = &policy.dead_letter_target_arn;
    let refuse = |why: &str| Err(SqsError::parameter(target, "RedrivePolicy", why));
    let Some(target) = session.queue_by_arn(target)? else {
        return refuse("Dead letter target does not exist.");
    };
    if !target
        .attributes
        .redrive_allow_policy()
        .allows(&arn(source))
    {
        return refuse("The dead letter target's redrive allow policy does not allow this queue.");
    }
    Ok(())
}

/// Returns whether any queue names the queue `arn` as its dead-letter queue.
pub(crate) fn has_sources(session: &Session<'_>, arn: &str) -> Result<bool, SqsError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM queues WHERE ?1 =
                 json_extract(json_extract(attributes, '$.RedrivePolicy'), '$.deadLetterTargetArn'))";
    let mut statement = session.tx.prepare_cached(sql)?;
    Ok(statement.query_row([arn], |row| row.get(0))?)
}
