//! Replays, in the same table: an item each (`pk = replay#id`), found by the index under
//! `replays#running` or `replays#ended`. A save is conditional on the version that was read.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use futures_util::future::{try_join, try_join_all};

use super::{Replay, ReplayId, ReplayState, Saved};
use crate::AwsError;
use crate::error::OrFailed;
use crate::table::replay_item::{REPLAY, VERSION};
use crate::table::{
    Attributes, DynamoTable, EXPIRES, INDEX, INDEX_PK, INDEX_SK, LEDGER_RETENTION, PK, SK,
    expires_s, index_time, n, number, s, text, values,
};

/// The sort key of a replay's item.
const ITEM: &str = "replay";

const RUNNING: &str = "replays#running";
const ENDED: &str = "replays#ended";

/// A time after every replay, as the index writes it.
const LATEST: u64 = 9_999_999_999_999;

/// The maximum number of replays that run concurrently.
const MAX_RUNNING: usize = 100;

impl DynamoTable {
    /// Notes a new replay.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_replay(&self, replay: &Replay, now: SystemTime) -> Result<(), AwsError> {
        const OPERATION: &str = "note the replay";
        let put = self.put_replay(replay, replay.version, now);
        put.or_failed(OPERATION)?
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .or_failed(OPERATION)?;
        Ok(())
    }

    /// The replay of this id, as it was last saved; `None` if there is none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn replay(&self, id: &ReplayId) -> Result<Option<Replay>, AwsError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(replay_key(id.as_str())))
            .consistent_read(true)
            .send()
            .await
            .or_failed("read the replay")?;
        Ok(found.item.as_ref().and_then(read))
    }

    /// Writes a replay over the one that it was read as, unless another saved it meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn save_replay(
        &self,
        replay: &mut Replay,
        now: SystemTime,
    ) -> Result<Saved, AwsError> {
        const OPERATION: &str = "save the replay";
        let version = replay.version + 1;
        let put = self.put_replay(replay, version, now);
        let put = put
            .or_failed(OPERATION)?
            .condition_expression("#ver = :read")
            .expression_attribute_names("#ver", VERSION)
            .expression_attribute_values(":read", n(replay.version));
        match put.send().await.map_err(|error| error.into_service_error()) {
            Ok(_) => {
                replay.version = version;
                Ok(Saved::Yes)
            }
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(Saved::Overtaken),
            Err(error) => Err(error).or_failed(OPERATION),
        }
    }

    /// The replays that are not ended, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn running_replays(&self) -> Result<Vec<Replay>, AwsError> {
        let mut running = self.replays_in(RUNNING, None, MAX_RUNNING).await?;
        // The index may be behind.
        running.retain(|replay| replay.state == ReplayState::Running);
        running.reverse();
        Ok(running)
    }

    /// The newest replays that were requested before another, or of all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_replays(
        &self,
        before: Option<&ReplayId>,
        limit: usize,
    ) -> Result<Vec<Replay>, AwsError> {
        let (running, ended) = try_join(
            self.replays_in(RUNNING, before, limit),
            self.replays_in(ENDED, before, limit),
        )
        .await?;
        // One that ends meanwhile may be in both.
        let replays = running.into_iter().chain(ended);
        let by_id: BTreeMap<String, Replay> = replays
            .map(|replay| (replay.id.as_str().to_owned(), replay))
            .collect();
        Ok(by_id.into_values().rev().take(limit).collect())
    }
}

impl DynamoTable {
    fn put_replay(
        &self,
        replay: &Replay,
        version: u64,
        now: SystemTime,
    ) -> serde_json::Result<PutItemFluentBuilder> {
        let partition = match replay.state {
            ReplayState::Running => RUNNING,
            ReplayState::Done | ReplayState::Cancelled => ENDED,
        };
        Ok(self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(replay_key(replay.id.as_str())))
            .item(REPLAY, s(serde_json::to_string(replay)?))
            .item(VERSION, n(version))
            .item(EXPIRES, n(expires_s(now, LEDGER_RETENTION)))
            .item(INDEX_PK, s(partition))
            .item(INDEX_SK, index_time(replay.asked_ms)))
    }

    /// The newest replays of a partition of the index, before another or of all.
    async fn replays_in(
        &self,
        partition: &str,
        before: Option<&ReplayId>,
        limit: usize,
    ) -> Result<Vec<Replay>, AwsError> {
        let asked_ms = before.map_or(LATEST, ReplayId::asked_ms);
        let mut items = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk AND gsk <= :asked")
            .expression_attribute_values(":gpk", s(partition))
            .expression_attribute_values(":asked", index_time(asked_ms))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        let mut ids = Vec::new();
        while ids.len() < limit
            && let Some(item) = items.try_next().await.or_failed("list replays")?
        {
            let id = text(&item, PK).and_then(|key| ReplayId::parse(key.strip_prefix("replay#")?));
            ids.extend(id.filter(|id| before.is_none_or(|before| id < before)));
        }
        let replays = try_join_all(ids.iter().map(|id| self.replay(id))).await?;
        Ok(replays.into_iter().flatten().collect())
    }
}

fn replay_key(id: &str) -> Attributes {
    values([(PK, s(format!("replay#{id}"))), (SK, s(ITEM))])
}

fn read(item: &Attributes) -> Option<Replay> {
    match serde_json::from_str::<Replay>(text(item, REPLAY)?) {
        Ok(replay) => Some(Replay {
            version: number(item, VERSION)?,
            ..replay
        }),
        Err(error) => {
            tracing::error!(replay = text(item, PK), %error, "replay cannot be read");
            None
        }
    }
}
