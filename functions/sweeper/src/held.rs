//! Messages that are held: a probe now and then while a circuit breaker is open, and all of them, little by little,
//! once their route takes events again.

use std::collections::BTreeMap;
use std::time::SystemTime;

use hookgate::event::{OutboxRow, Rows};
use hookgate::route::{Flow, RouteState, StoredRoute};
use hookgate::{AwsError, Message, chain, unix_ms};

use crate::{CLOSING_TIME, INTERVAL, PAGE, Sweeper, Swept};

/// The time between two looks for messages that are held although their route takes events.
const LOOK_AGAIN_MS: u64 = 3_600_000;

/// The number of messages in a shard from which a probe is chosen.
const CANDIDATES: i32 = 10;

/// A route as it is treated in this minute.
struct Treated {
    /// The state, as it was read.
    read: StoredRoute,
    /// The state in this minute: a route that was removed from the configuration holds nothing any more.
    state: RouteState,
}

impl Sweeper {
    /// Probes the routes whose breaker is open, and releases messages of those that take events again.
    ///
    /// # Errors
    /// When the table does not answer; what is held stays for the next minute.
    pub async fn release(&self, deadline: SystemTime) -> Result<Swept, AwsError> {
        let mut swept = Swept::default();
        for (name, route) in self.routes_to_treat().await? {
            if self.clock.now() + CLOSING_TIME > deadline {
                return Ok(swept);
            }
            swept = swept.and(match route.state.flow() {
                Flow::Open => self.release_some(&name, &route, deadline).await?,
                Flow::Broken => self.probe(&name, &route).await?,
                Flow::Paused => Swept::default(),
            });
        }
        Ok(swept)
    }

    /// The number of messages that are held for routes that were paused or failed, for the metrics; `None` if the table
    /// does not answer.
    pub(crate) async fn held_depth(&self) -> Option<u64> {
        let counted = async {
            let mut held = 0;
            for (name, stored) in self.table.route_states().await? {
                if stored.state != RouteState::default() {
                    held += self.table.held_depth(&name).await?;
                }
            }
            Ok(held)
        };
        let logged =
            |error: &AwsError| tracing::warn!(error = chain(error), "held messages not counted");
        counted.await.inspect_err(logged).ok()
    }

    /// The routes that may hold messages: those that have a state, and once an hour all of them.
    async fn routes_to_treat(&self) -> Result<BTreeMap<String, Treated>, AwsError> {
        let mut stored = self.table.route_states().await?;
        let now_ms = unix_ms(self.clock.now());
        let looks = now_ms % LOOK_AGAIN_MS < u64::try_from(INTERVAL.as_millis()).unwrap_or(0);
        for route in self.routes.iter().filter(|_| looks) {
            stored.entry(route.name.clone()).or_default();
        }
        let treated = stored.into_iter().map(|(name, read)| {
            let is_configured = self.routes.iter().any(|route| route.name == name);
            let is_held = read.state.flow() != Flow::Open;
            let is_idle = read.state == RouteState::default();
            let state = if !is_configured && is_held || is_idle && looks {
                RouteState::releasing(now_ms)
            } else {
                read.state.clone()
            };
            (name, Treated { read, state })
        });
        Ok(treated.collect())
    }

    /// Sends a minute's messages of a release, spread over the minute.
    async fn release_some(
        &self,
        name: &str,
        route: &Treated,
        deadline: SystemTime,
    ) -> Result<Swept, AwsError> {
        let Some(release) = route.state.release else {
            return Ok(Swept::default());
        };
        let mut swept = Swept::default();
        let mut found = 0;
        for shard in self.table.outbox_shards().await? {
            let mut from = None;
            loop {
                let left = (release.count as usize).saturating_sub(found);
                if left == 0 {
                    break;
                }
                if self.clock.now() + CLOSING_TIME > deadline {
                    // What was not looked at may still be held: the release stands as it was.
                    return Ok(swept);
                }
                let limit = i32::try_from(left).unwrap_or(PAGE).min(PAGE);
                let rows = Rows::Held(name);
                let page = self.table.outbox_page(rows, shard, from, limit).await?;
                found += page.found;
                let rows: Vec<OutboxRow> =
                    page.rows.into_iter().map(|row| self.freed(row)).collect();
                swept = swept.and(self.send_rows(&rows, |_| self.within_a_minute()).await);
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        let next = route.state.released(found, unix_ms(self.clock.now()));
        if next != route.read.state {
            // Whoever saved it meanwhile paused it, or found it failing.
            self.table.save_route(name, &route.read, &next).await?;
        }
        Ok(swept)
    }

    /// Sends one of the messages that are held as a probe. The next probe's time is saved first, so that one of which
    /// nothing is heard is followed by another. If nothing is held, the breaker closes.
    async fn probe(&self, name: &str, route: &Treated) -> Result<Swept, AwsError> {
        let now = self.clock.now();
        let Some(probing) = route.state.probing(unix_ms(now)) else {
            return Ok(Swept::default());
        };
        let held = self.any_held(name).await?;
        let next = match held {
            Some(_) => probing,
            None => RouteState::releasing(unix_ms(now)),
        };
        let saved = self.table.save_route(name, &route.read, &next).await?;
        let (Some(_), Some(row)) = (saved, held) else {
            return Ok(Swept::default());
        };
        let mut row = self.freed(row);
        row.message = row.message.map(|message| Message {
            probe: true,
            ..message
        });
        Ok(self.send_rows(&[row], |_| now).await)
    }

    /// One of the messages that have been held longest: any of them, because one event may fail by its own fault.
    async fn any_held(&self, name: &str) -> Result<Option<OutboxRow>, AwsError> {
        let mut candidates = Vec::new();
        for shard in self.table.outbox_shards().await? {
            let rows = Rows::Held(name);
            let page = self
                .table
                .outbox_page(rows, shard, None, CANDIDATES)
                .await?;
            candidates.extend(page.rows);
        }
        candidates.retain(|row| row.message.is_some());
        Ok(fastrand::choice(candidates))
    }

    /// A row whose message says how long it was held.
    fn freed(&self, row: OutboxRow) -> OutboxRow {
        let held = self.clock.now().duration_since(row.due).unwrap_or_default();
        let held_ms = u64::try_from(held.as_millis()).unwrap_or(u64::MAX);
        let message = row.message.map(|message| Message {
            held_ms: message.held_ms.saturating_add(held_ms),
            ..message
        });
        OutboxRow { message, ..row }
    }

    /// A moment of the next minute.
    fn within_a_minute(&self) -> SystemTime {
        self.clock.now() + INTERVAL.mul_f64(fastrand::f64())
    }
}
