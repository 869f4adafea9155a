//! Starting replays: events by their keys at once, a range slice by slice.

use std::collections::HashSet;

use futures_util::future::join_all;
use hookgate::metrics::Metric;
use hookgate::replay::{
    EventRange, Pending, Progress, Replay, ReplayId, ReplayState, Replayed, Sent, send_again,
};
use hookgate::{AwsError, EventKey, MetricLine, chain, rfc3339, unix_ms};
use hookgate_api::{
    Failed, KeysReplayed, KeysRequest, RangeCount, RangeRequest, ReplaySummary, ReplayedEvent,
};
use http::StatusCode;

use crate::events::{event_key, filter};
use crate::replays::view;
use crate::{Admin, BUDGET, Rejection};

/// The maximum number of keys in one replay.
const MAX_KEYS: usize = 100;

/// The number of messages that are sent concurrently.
const CHUNK: usize = 10;

/// The longest reason, in bytes.
const MAX_REASON: usize = 500;

/// The default and the maximum rate of a range replay, in events per second.
const RATE: u32 = 50;
const MAX_RATE: u32 = 5_000;

/// The number of keys that a count shows.
const SAMPLE: usize = 10;

/// The number of events that are counted per query.
const COUNTED: u32 = 100;

/// The result of replaying one event.
enum EventOutcome {
    Sent(Pending),
    Unknown,
    PayloadGone,
    Failed(AwsError),
}

impl Admin {
    /// Sends each event at its next epoch. Nothing is written before; what is noted afterwards is
    /// for the operator only.
    pub(crate) async fn replay_keys(&self, asked: KeysRequest) -> Result<KeysReplayed, Rejection> {
        let reason = reason(&asked.reason)?;
        let keys = event_keys(&asked.keys)?;
        let names = keys.iter().map(EventKey::to_string).collect();
        let replay = self.new_replay(reason, Replayed::Keys(names), RATE);
        let mut progress = Progress {
            found: keys.len() as u64,
            ..Progress::default()
        };
        let (mut replayed, mut failed) = (Vec::new(), Vec::new());
        for chunk in keys.chunks(CHUNK) {
            let outcomes =
                join_all(chunk.iter().map(|key| self.replay_event(&replay.id, key))).await;
            for (key, outcome) in chunk.iter().zip(outcomes) {
                let name = key.to_string();
                match count(&mut progress, outcome) {
                    Ok(epoch) => replayed.push(ReplayedEvent { key: name, epoch }),
                    Err(error) => failed.push(Failed { name, error }),
                }
            }
        }
        if progress.sent == 0 {
            return Err(Rejection::NothingDone {
                what: "none of the events was replayed",
                failed,
                status: match progress.failed {
                    0 => StatusCode::UNPROCESSABLE_ENTITY,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                },
            });
        }
        Ok(KeysReplayed {
            id: self.note(replay, progress).await,
            replayed,
            failed,
        })
    }

    async fn replay_event(&self, replay: &ReplayId, key: &EventKey) -> EventOutcome {
        let stored = match self.table.stored_event(key, None).await {
            Ok(stored) => stored,
            Err(error) => return EventOutcome::Failed(error),
        };
        let Some(pending) = stored.and_then(|stored| Pending::after(key, stored.epoch)) else {
            return EventOutcome::Unknown;
        };
        match send_again(&self.table, &self.queue, replay, &pending).await {
            Ok(Sent::Yes) => EventOutcome::Sent(pending),
            Ok(Sent::PayloadGone) => EventOutcome::PayloadGone,
            Err(error) => EventOutcome::Failed(error),
        }
    }

    /// Records a replay that was run, and returns its id if that succeeded.
    async fn note(&self, mut replay: Replay, progress: Progress) -> Option<String> {
        replay.state = ReplayState::Done;
        replay.ended_ms = Some(replay.asked_ms);
        replay.progress = Progress {
            exhausted: true,
            ..progress
        };
        MetricLine::new()
            .count(Metric::EventsReplayed, replay.progress.sent)
            .emit();
        tracing::info!(replay = %replay.id, sent = replay.progress.sent, reason = replay.reason, "events replayed");
        match self.table.add_replay(&replay, self.clock.now()).await {
            Ok(()) => Some(replay.id.to_string()),
            Err(error) => {
                tracing::error!(replay = %replay.id, error = chain(&error), "replay not recorded");
                None
            }
        }
    }

    pub(crate) async fn replay_range(
        &self,
        asked: RangeRequest,
    ) -> Result<ReplaySummary, Rejection> {
        let reason = reason(asked.reason.as_deref().unwrap_or_default())?;
        let rate = rate(&asked)?;
        let replay = self.new_replay(reason, Replayed::Range(self.range(asked)?), rate);
        self.table.add_replay(&replay, self.clock.now()).await?;
        tracing::info!(replay = %replay.id, reason = replay.reason, "replay started");
        Ok(view(&replay))
    }

    /// Counts a range's events, as far as one request's time goes.
    pub(crate) async fn count_range(&self, asked: RangeRequest) -> Result<RangeCount, Rejection> {
        rate(&asked)?;
        let range = self.range(asked)?;
        let deadline = self.clock.now() + BUDGET;
        let (mut found, mut sample, mut place) = (0, Vec::new(), None);
        let complete = loop {
            let page = self.table.page(&range, place.as_ref(), COUNTED).await?;
            found += page.events.len() as u64;
            let missing = SAMPLE - sample.len();
            let keys = page.events.iter().take(missing);
            sample.extend(keys.map(|found| found.key.to_string()));
            place = page.next;
            if place.is_none() || self.clock.now() > deadline {
                break place.is_none();
            }
        };
        Ok(RangeCount {
            found,
            complete,
            sample,
            since: rfc3339(range.since_ms),
            until: rfc3339(range.until_ms),
        })
    }

    fn range(&self, asked: RangeRequest) -> Result<EventRange, Rejection> {
        self.sources(Some(&asked.source))?;
        let (since, until) = self.times(Some(&asked.since), asked.until.as_deref())?;
        Ok(EventRange {
            source: asked.source,
            filter: filter(asked.state, asked.event_type)?,
            since_ms: unix_ms(since),
            until_ms: unix_ms(until),
        })
    }

    fn new_replay(&self, reason: String, of: Replayed, rate_per_s: u32) -> Replay {
        let now = self.clock.now();
        Replay {
            id: ReplayId::new(now, fastrand::u32(..)),
            reason,
            of,
            rate_per_s,
            asked_ms: unix_ms(now),
            ended_ms: None,
            state: ReplayState::Running,
            progress: Progress::default(),
            version: 0,
        }
    }
}

/// The number of events to send a second.
fn rate(asked: &RangeRequest) -> Result<u32, Rejection> {
    let rate = asked.rate_per_s.unwrap_or(RATE);
    if !(1..=MAX_RATE).contains(&rate) {
        let why = format!("`rate_per_s` must be between 1 and {MAX_RATE}");
        return Err(Rejection::asked(why));
    }
    Ok(rate)
}

/// Counts an outcome; the epoch, or the error for the operator.
fn count(progress: &mut Progress, outcome: EventOutcome) -> Result<u32, String> {
    match outcome {
        EventOutcome::Sent(pending) => {
            let epoch = pending.epoch;
            progress.sent += 1;
            Ok(epoch)
        }
        EventOutcome::Unknown => {
            progress.skipped += 1;
            Err("the ledger knows no event with this key; one that it has forgotten is replayed by its range".into())
        }
        EventOutcome::PayloadGone => {
            progress.skipped += 1;
            Err("its payload is gone".into())
        }
        EventOutcome::Failed(error) => {
            progress.failed += 1;
            Err(chain(&error))
        }
    }
}

pub(crate) fn reason(text: &str) -> Result<String, Rejection> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_REASON || text.chars().any(char::is_control) {
        let why = format!("`reason` must be one line of 1 to {MAX_REASON} bytes");
        return Err(Rejection::asked(why));
    }
    Ok(text.to_owned())
}

/// The keys, each once.
fn event_keys(texts: &[String]) -> Result<Vec<EventKey>, Rejection> {
    if texts.is_empty() || texts.len() > MAX_KEYS {
        return Err(Rejection::asked(format!(
            "`keys` must be 1 to {MAX_KEYS} keys; use a range for more"
        )));
    }
    let mut seen = HashSet::new();
    let once = texts.iter().filter(|text| seen.insert(text.as_str()));
    once.map(|text| event_key(text)).collect()
}
