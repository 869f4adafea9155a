//! `POST /admin/replay`: events by their keys at once, a range slice by slice.

use std::collections::HashSet;

use futures_util::future::join_all;
use hookgate::metrics::Metric;
use hookgate::replay::{
    EventRange, Pending, Progress, Replay, ReplayId, ReplayState, Replayed, Sent, send_again,
};
use hookgate::{AwsError, EventKey, MetricLine, chain, rfc3339, unix_ms};
use http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::events::{event_key, filter};
use crate::replays::view;
use crate::{Admin, Answer, BUDGET, Rejection, body};

/// How many events are replayed by their keys at a time, at most.
const MAX_KEYS: usize = 100;

/// How many of them are sent side by side.
const CHUNK: usize = 10;

/// The longest reason, in bytes.
const MAX_REASON: usize = 500;

/// How many events of a range are sent a second unless asked otherwise, and at most.
const RATE: u32 = 50;
const MAX_RATE: u32 = 500;

/// How many keys a dry run shows.
const SAMPLE: usize = 10;

/// How many events a dry run looks at a time.
const DRY_PAGE: u32 = 100;

/// Tells a list of keys from a range.
#[derive(Deserialize)]
struct Kind {
    keys: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayOfKeys {
    keys: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayOfRange {
    source: String,
    #[serde(rename = "type")]
    event_type: Option<String>,
    state: Option<String>,
    since: String,
    until: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    dry_run: bool,
    rate_per_s: Option<u32>,
}

/// How the replay of one event went.
enum EventOutcome {
    Sent(Pending),
    Unknown,
    PayloadGone,
    Failed(AwsError),
}

impl Admin {
    pub(crate) async fn replay(&self, text: &[u8]) -> Result<Answer, Rejection> {
        if body::<Kind>(text)?.keys.is_some() {
            self.replay_keys(body(text)?).await
        } else {
            self.replay_range(body(text)?).await
        }
    }

    /// Sends each event at its next epoch. Nothing is written before; what is noted afterwards is
    /// for the operator only.
    async fn replay_keys(&self, request: ReplayOfKeys) -> Result<Answer, Rejection> {
        let reason = reason(&request.reason)?;
        let keys = event_keys(&request.keys)?;
        let mut progress = Progress {
            found: keys.len() as u64,
            ..Progress::default()
        };
        let (mut replayed, mut failed) = (Vec::new(), Vec::new());
        for chunk in keys.chunks(CHUNK) {
            let outcomes = join_all(chunk.iter().map(|key| self.replay_event(key))).await;
            for (key, outcome) in chunk.iter().zip(outcomes) {
                match count(&mut progress, outcome) {
                    Ok(epoch) => replayed.push(json!({ "key": key.as_str(), "epoch": epoch })),
                    Err(why) => failed.push(json!({ "key": key.as_str(), "error": why })),
                }
            }
        }
        let mut answer = json!({ "replayed": replayed, "failed": failed });
        if progress.sent == 0 {
            answer["error"] = json!("none of the events was replayed");
            let status = if progress.failed > 0 {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            };
            return Ok((status, answer));
        }
        let keys = keys.iter().map(|key| key.as_str().to_owned()).collect();
        answer["id"] = json!(self.note(reason, keys, progress).await);
        Ok((StatusCode::ACCEPTED, answer))
    }

    async fn replay_event(&self, key: &EventKey) -> EventOutcome {
        let stored = match self.table.stored_event(key).await {
            Ok(stored) => stored,
            Err(error) => return EventOutcome::Failed(error),
        };
        let Some(pending) = stored.and_then(|stored| Pending::after(key, stored.epoch)) else {
            return EventOutcome::Unknown;
        };
        match send_again(&self.table, &self.queue, &pending).await {
            Ok(Sent::Yes) => EventOutcome::Sent(pending),
            Ok(Sent::PayloadGone) => EventOutcome::PayloadGone,
            Err(error) => EventOutcome::Failed(error),
        }
    }

    /// Notes a replay that was carried out; its id, where that could be noted.
    async fn note(&self, reason: String, keys: Vec<String>, progress: Progress) -> Option<String> {
        let mut replay = self.new_replay(reason, Replayed::Keys(keys), RATE);
        replay.state = ReplayState::Done;
        replay.ended_ms = Some(replay.asked_ms);
        replay.progress = Progress {
            exhausted: true,
            ..progress
        };
        MetricLine::new()
            .count(Metric::EventsReplayed, replay.progress.sent)
            .emit();
        tracing::info!(replay = %replay.id, sent = replay.progress.sent, reason = replay.reason, "replayed");
        match self.table.add_replay(&replay, self.clock.now()).await {
            Ok(()) => Some(replay.id.to_string()),
            Err(error) => {
                tracing::error!(replay = %replay.id, error = chain(&error), "replay not noted");
                None
            }
        }
    }

    async fn replay_range(&self, request: ReplayOfRange) -> Result<Answer, Rejection> {
        let reason = match (request.reason, request.dry_run) {
            (None, true) => String::new(),
            (given, _) => reason(&given.unwrap_or_default())?,
        };
        let rate = request.rate_per_s.unwrap_or(RATE);
        if !(1..=MAX_RATE).contains(&rate) {
            let why = format!("`rate_per_s` must be between 1 and {MAX_RATE}");
            return Err(Rejection::asked(why));
        }
        self.sources(Some(&request.source))?;
        let (since, until) = self.times(Some(&request.since), request.until.as_deref())?;
        let range = EventRange {
            source: request.source,
            filter: filter(request.state.as_deref(), request.event_type)?,
            since_ms: unix_ms(since),
            until_ms: unix_ms(until),
        };
        if request.dry_run {
            return self.dry_run(&range).await;
        }
        let replay = self.new_replay(reason, Replayed::Range(range), rate);
        self.table.add_replay(&replay, self.clock.now()).await?;
        tracing::info!(replay = %replay.id, reason = replay.reason, "replay begins");
        Ok((StatusCode::ACCEPTED, view(&replay)))
    }

    /// Counts a range's events, as far as one request's time goes.
    async fn dry_run(&self, range: &EventRange) -> Result<Answer, Rejection> {
        let deadline = self.clock.now() + BUDGET;
        let (mut found, mut sample, mut place) = (0, Vec::new(), None);
        let complete = loop {
            let page = self.table.page(range, place.as_ref(), DRY_PAGE).await?;
            found += page.events.len();
            let missing = SAMPLE - sample.len();
            let keys = page.events.iter().take(missing);
            sample.extend(keys.map(|(key, _)| key.as_str().to_owned()));
            place = page.next;
            if place.is_none() || self.clock.now() > deadline {
                break place.is_none();
            }
        };
        let answer = json!({
            "dry_run": true, "found": found, "complete": complete, "sample": sample,
            "since": rfc3339(range.since_ms), "until": rfc3339(range.until_ms),
        });
        Ok((StatusCode::OK, answer))
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
            Err("there is no event of this key".into())
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

fn reason(text: &str) -> Result<String, Rejection> {
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
            "`keys` must be 1 to {MAX_KEYS} keys; a range takes more"
        )));
    }
    let mut seen = HashSet::new();
    let once = texts.iter().filter(|text| seen.insert(text.as_str()));
    once.map(|text| event_key(text)).collect()
}
