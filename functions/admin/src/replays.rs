//! Replays: what became of them, and an end to one.

use hookgate::replay::{Cursor, Replay, ReplayId, ReplayState, Replayed, Saved};
use hookgate::{rfc3339, unix_ms};
use hookgate_api::{
    OutcomesRequest, ReplayList, ReplayListRequest, ReplayOutcomes, ReplaySummary, ReplayedRange,
};

use crate::{Admin, BUDGET, Rejection, limit};

/// The default and the maximum number of replays in a list.
const LIMIT: usize = 50;
const MAX_LIMIT: usize = 100;

/// The number of tries of a cancellation, in case slices are saved at the same time.
const CANCEL_TRIES: usize = 5;

impl Admin {
    pub(crate) async fn list_replays(
        &self,
        asked: ReplayListRequest,
    ) -> Result<ReplayList, Rejection> {
        let limit = limit(asked.limit, LIMIT, MAX_LIMIT)?;
        let wrong = || Rejection::asked("`cursor` is not the `next` of a list of replays");
        let before = asked.cursor.as_deref();
        let before = before.map(|text| ReplayId::parse(text).ok_or_else(wrong));
        let before = before.transpose()?;
        let mut replays = self.table.list_replays(before.as_ref(), limit + 1).await?;
        let has_more = replays.len() > limit;
        replays.truncate(limit);
        let last = replays.last().filter(|_| has_more);
        Ok(ReplayList {
            next: last.map(|replay| replay.id.to_string()),
            replays: replays.iter().map(view).collect(),
        })
    }

    pub(crate) async fn show_replay(&self, id: &str) -> Result<ReplaySummary, Rejection> {
        Ok(view(&self.find_replay(id).await?))
    }

    /// Counts what became of a replay's events, until the time is over.
    pub(crate) async fn show_outcomes(
        &self,
        id: &str,
        asked: OutcomesRequest,
    ) -> Result<ReplayOutcomes, Rejection> {
        let replay = self.find_replay(id).await?;
        let wrong = || Rejection::asked("`cursor` is not the `next` of a replay's outcomes");
        let cursor = asked.cursor.as_deref();
        let cursor = cursor.map(|text| Cursor::parse(text).ok_or_else(wrong));
        let mut cursor = cursor.transpose()?;
        let deadline = self.clock.now() + BUDGET;
        let mut outcomes = ReplayOutcomes::default();
        loop {
            let from = cursor.as_ref();
            cursor = self
                .table
                .count_outcomes(&replay, from, &mut outcomes)
                .await?;
            if cursor.is_none() || self.clock.now() > deadline {
                break;
            }
        }
        outcomes.next = cursor.map(|cursor| cursor.to_string());
        Ok(outcomes)
    }

    /// Cancels a replay; what is sent already is processed.
    pub(crate) async fn cancel_replay(&self, id: &str) -> Result<ReplaySummary, Rejection> {
        for _ in 0..CANCEL_TRIES {
            let mut replay = self.find_replay(id).await?;
            if replay.state != ReplayState::Running {
                let state = replay.state;
                return Err(Rejection::Conflict(format!(
                    "the replay is {state} already"
                )));
            }
            let now = self.clock.now();
            replay.state = ReplayState::Cancelled;
            replay.ended_ms = Some(unix_ms(now));
            replay.progress.pending.clear();
            if self.table.save_replay(&mut replay, now).await? == Saved::Yes {
                tracing::info!(replay = %replay.id, "replay cancelled");
                return Ok(view(&replay));
            }
        }
        Err(Rejection::Conflict(
            "the replay changes too fast; try again".into(),
        ))
    }

    async fn find_replay(&self, id: &str) -> Result<Replay, Rejection> {
        let id = ReplayId::parse(id).ok_or_else(|| {
            Rejection::asked("that is not a replay's id: `hookgate replay list` shows them")
        })?;
        let replay = self.table.replay(&id).await?;
        replay.ok_or(Rejection::NotFound("replay of this id"))
    }
}

/// A replay as operators see it.
pub(crate) fn view(replay: &Replay) -> ReplaySummary {
    let progress = &replay.progress;
    let (keys, range) = match &replay.of {
        Replayed::Keys(keys) => (Some(keys.clone()), None),
        Replayed::Range(range) => (None, Some(range)),
    };
    ReplaySummary {
        id: replay.id.to_string(),
        state: replay.state,
        reason: replay.reason.clone(),
        asked_at: rfc3339(replay.asked_ms),
        ended_at: replay.ended_ms.map(rfc3339),
        found: progress.found,
        sent: progress.sent,
        skipped: progress.skipped,
        failed: progress.failed,
        failed_keys: progress.failed_keys.clone(),
        error: progress.error.clone(),
        keys,
        rate_per_s: range.map(|_| replay.rate_per_s),
        range: range.map(|range| ReplayedRange {
            source: range.source.clone(),
            event_type: range.filter.event_type.clone(),
            state: range.filter.state,
            since: rfc3339(range.since_ms),
            until: rfc3339(range.until_ms),
        }),
    }
}
