//! Replays, in the same table: an item each (`pk = replay#id`), found by the index under
//! `replays#running` or `replays#ended`. A save is conditional on the version that was read.

use std::collections::HashMap;
use std::time::SystemTime;

use crate::operators::{Replay, ReplayId, ReplayState, Replays, Saved};
use crate::ports::{BoxError, PortError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use futures_util::future::{try_join, try_join_all};

use crate::attributes::{Attributes, n, number, s, text};
use crate::table::{
    DynamoTable, EXPIRES, INDEX, INDEX_PK, INDEX_SK, LEDGER_RETENTION, PK, SK, expires_s,
};

/// The sort key of a replay's item.
const REPLAY: &str = "replay";

const RUNNING: &str = "replays#running";
const ENDED: &str = "replays#ended";

/// How many replays are carried out side by side, at most.
const MAX_RUNNING: usize = 100;

impl Replays for DynamoTable {
    async fn add_replay(&self, replay: &Replay, now: SystemTime) -> Result<(), PortError> {
        let failed = |error: BoxError| PortError::new("note the replay", error);
        let put = self.put_replay(replay, replay.version, now);
        put.map_err(|error| failed(error.into()))?
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .map_err(|error| failed(error.into_service_error().into()))?;
        Ok(())
    }

    async fn replay(&self, id: &ReplayId) -> Result<Option<Replay>, PortError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(replay_key(id.as_str())))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| PortError::new("read the replay", error.into_service_error()))?;
        Ok(found.item.as_ref().and_then(read))
    }

    async fn save_replay(&self, replay: &mut Replay, now: SystemTime) -> Result<Saved, PortError> {
        let failed = |error: BoxError| PortError::new("save the replay", error);
        let version = replay.version + 1;
        let put = self.put_replay(replay, version, now);
        let put = put
            .map_err(|error| failed(error.into()))?
            .condition_expression("#ver = :read")
            .expression_attribute_names("#ver", "ver")
            .expression_attribute_values(":read", n(replay.version));
        match put.send().await.map_err(|error| error.into_service_error()) {
            Ok(_) => {
                replay.version = version;
                Ok(Saved::Yes)
            }
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(Saved::Overtaken),
            Err(error) => Err(failed(error.into())),
        }
    }

    async fn running_replays(&self) -> Result<Vec<Replay>, PortError> {
        let mut running = self.replays_in(RUNNING, MAX_RUNNING).await?;
        // The index may be behind.
        running.retain(|replay| replay.state == ReplayState::Running);
        running.reverse();
        Ok(running)
    }

    async fn recent_replays(&self, limit: usize) -> Result<Vec<Replay>, PortError> {
        let (running, ended) = try_join(
            self.replays_in(RUNNING, limit),
            self.replays_in(ENDED, limit),
        )
        .await?;
        // One that ends meanwhile may be in both.
        let replays = running.into_iter().chain(ended);
        let by_id: HashMap<String, Replay> = replays
            .map(|replay| (replay.id.as_str().to_owned(), replay))
            .collect();
        let mut replays: Vec<Replay> = by_id.into_values().collect();
        replays.sort_by(|a, b| b.id.as_str().cmp(a.id.as_str()));
        replays.truncate(limit);
        Ok(replays)
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
            .item("job", s(serde_json::to_string(replay)?))
            .item("ver", n(version))
            .item(EXPIRES, n(expires_s(now, LEDGER_RETENTION)))
            .item(INDEX_PK, s(partition))
            .item(INDEX_SK, s(format!("{:013}", replay.asked_ms))))
    }

    /// The newest replays of a partition of the index.
    async fn replays_in(&self, partition: &str, limit: usize) -> Result<Vec<Replay>, PortError> {
        let page = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(INDEX)
            .key_condition_expression("gpk = :gpk")
            .expression_attribute_values(":gpk", s(partition))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| PortError::new("list replays", error.into_service_error()))?;
        let items = page.items.unwrap_or_default();
        let ids = items
            .iter()
            .filter_map(|item| ReplayId::parse(text(item, PK)?.strip_prefix("replay#")?));
        let ids: Vec<ReplayId> = ids.collect();
        let replays = try_join_all(ids.iter().map(|id| self.replay(id))).await?;
        Ok(replays.into_iter().flatten().collect())
    }
}

fn replay_key(id: &str) -> Attributes {
    [
        (PK.to_owned(), s(format!("replay#{id}"))),
        (SK.to_owned(), s(REPLAY)),
    ]
    .into()
}

fn read(item: &Attributes) -> Option<Replay> {
    match serde_json::from_str::<Replay>(text(item, "job")?) {
        Ok(replay) => Some(Replay {
            version: number(item, "ver")?,
            ..replay
        }),
        Err(error) => {
            tracing::error!(replay = text(item, PK), %error, "a replay cannot be read");
            None
        }
    }
}
