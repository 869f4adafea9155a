//! `/admin/replays`: what became of replays, and an end to one.

use hookgate::replay::{Replay, ReplayId, ReplayState, Replayed, Saved};
use hookgate::{rfc3339, unix_ms};
use hookgate_ledger::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Admin, Answer, Rejection};

/// How many replays are listed.
const LISTED: usize = 50;

/// How often a cancellation is tried against slices that save at the same time.
const CANCEL_TRIES: usize = 5;

/// No filters: what is listed is little.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayListQuery {}

impl Admin {
    pub(crate) async fn list_replays(&self, _: ReplayListQuery) -> Result<Answer, Rejection> {
        let replays = self.table.recent_replays(LISTED).await?;
        let views: Vec<Value> = replays.iter().map(view).collect();
        Ok((StatusCode::OK, json!(views)))
    }

    pub(crate) async fn show_replay(&self, id: &str) -> Result<Answer, Rejection> {
        Ok((StatusCode::OK, view(&self.find_replay(id).await?)))
    }

    /// Cancels a replay; what is sent already is processed.
    pub(crate) async fn cancel_replay(&self, id: &str) -> Result<Answer, Rejection> {
        for _ in 0..CANCEL_TRIES {
            let mut replay = self.find_replay(id).await?;
            if replay.state != ReplayState::Running {
                return Err(Rejection::Conflict(format!(
                    "the replay is {} already",
                    name(replay.state)
                )));
            }
            let now = self.clock.now();
            replay.state = ReplayState::Cancelled;
            replay.ended_ms = Some(unix_ms(now));
            replay.progress.pending.clear();
            if self.table.save_replay(&mut replay, now).await? == Saved::Yes {
                tracing::info!(replay = %replay.id, "replay cancelled");
                return Ok((StatusCode::OK, view(&replay)));
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

fn name(state: ReplayState) -> &'static str {
    match state {
        ReplayState::Running => "running",
        ReplayState::Done => "done",
        ReplayState::Cancelled => "cancelled",
    }
}

/// A replay as operators see it.
pub(crate) fn view(replay: &Replay) -> Value {
    let progress = &replay.progress;
    let mut view = json!({
        "id": replay.id.as_str(), "state": name(replay.state), "reason": replay.reason,
        "asked_at": rfc3339(replay.asked_ms), "ended_at": replay.ended_ms.map(rfc3339),
        "found": progress.found, "sent": progress.sent, "skipped": progress.skipped,
        "failed": progress.failed, "failed_keys": progress.failed_keys, "error": progress.error,
    });
    match &replay.of {
        Replayed::Keys(keys) => view["keys"] = json!(keys),
        Replayed::Range(range) => {
            view["rate_per_s"] = json!(replay.rate_per_s);
            view["range"] = json!({
                "source": range.source, "type": range.filter.event_type,
                "state": range.filter.state.map(State::name),
                "since": rfc3339(range.since_ms), "until": rfc3339(range.until_ms),
            });
        }
    }
    view
}
