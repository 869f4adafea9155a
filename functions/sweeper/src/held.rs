//! Messages that are held: a probe now and then while a circuit breaker is open, and all of them, little by little,
//! once their route takes events again.

use std::collections::BTreeMap;
use std::time::SystemTime;

use hookgate::event::{OutboxRow, Rows};
use hookgate::route::{Flow, RouteState, StoredRoute};
use hookgate::{AwsError, Message, unix_ms};

use crate::{CLOSING_TIME, INTERVAL, PAGE, Sweeper, Swept};

/// The time between two looks for messages that are held although their route takes events.
const LOOK_AGAIN_MS: u64 = 3_600_000;

impl Sweeper {
    /// Probes the routes whose breaker is open, and releases messages of those that take events again.
    ///
    /// # Errors
    /// When the table does not answer; what is held stays for the next minute.
    pub async fn release(&self, deadline: SystemTime) -> Result<Swept, AwsError> {
        let mut swept = Swept::default();
        for (name, stored) in self.states().await? {
            if self.clock.now() + CLOSING_TIME > deadline {
                return Ok(swept);
            }
            swept = swept.and(match stored.state.flow() {
                Flow::Open => self.release_some(&name, &stored, deadline).await?,
                Flow::Broken => self.probe(&name, &stored).await?,
                Flow::Paused => Swept::default(),
            });
        }
        Ok(swept)
    }

    /// The states of the routes. A route that was removed from the configuration holds nothing any more. Once an hour,
    /// all routes are looked at.
    async fn states(&self) -> Result<BTreeMap<String, StoredRoute>, AwsError> {
        let mut states = self.table.route_states().await?;
        let now_ms = unix_ms(self.clock.now());
        let looks = now_ms % LOOK_AGAIN_MS < u64::try_from(INTERVAL.as_millis()).unwrap_or(0);
        for route in self.routes.iter().filter(|_| looks) {
            states.entry(route.name.clone()).or_default();
        }
        for (name, stored) in &mut states {
            let is_configured = self.routes.iter().any(|route| route.name == *name);
            let is_idle = stored.state == RouteState::default();
            if !is_configured && !is_idle || is_idle && looks {
                stored.state = RouteState::releasing(now_ms);
            }
        }
        Ok(states)
    }

    /// Sends a minute's messages of a release, spread over the minute.
    async fn release_some(
        &self,
        route: &str,
        stored: &StoredRoute,
        deadline: SystemTime,
    ) -> Result<Swept, AwsError> {
        let Some(release) = stored.state.release else {
            return Ok(Swept::default());
        };
        let mut swept = Swept::default();
        let mut found = 0;
        for shard in self.table.outbox_shards() {
            let mut from = None;
            loop {
                let left = (release.count as usize).saturating_sub(found);
                if left == 0 || self.clock.now() + CLOSING_TIME > deadline {
                    break;
                }
                let limit = i32::try_from(left).unwrap_or(PAGE).min(PAGE);
                let rows = Rows::Held(route);
                let page = self.table.outbox_page(rows, shard, from, limit).await?;
                found += page.found;
                swept = swept.and(self.send_rows(&page.rows, |_| self.within_a_minute()).await);
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        let next = stored.state.released(found, unix_ms(self.clock.now()));
        if next != stored.state {
            // Whoever saved it meanwhile paused it, or found it failing.
            self.table.save_route(route, stored, &next).await?;
        }
        Ok(swept)
    }

    /// Sends the oldest message that is held as a probe. The next probe's time is saved first, so that one of which
    /// nothing is heard is followed by another. If nothing is held, the breaker closes.
    async fn probe(&self, route: &str, stored: &StoredRoute) -> Result<Swept, AwsError> {
        let now = self.clock.now();
        let Some(probing) = stored.state.probing(unix_ms(now)) else {
            return Ok(Swept::default());
        };
        let oldest = self.oldest_held(route).await?;
        let next = match oldest {
            Some(_) => probing,
            None => RouteState::releasing(unix_ms(now)),
        };
        let saved = self.table.save_route(route, stored, &next).await?;
        let (Some(version), Some(mut row)) = (saved, oldest) else {
            return Ok(Swept::default());
        };
        row.message = row.message.map(|message| Message {
            probe: Some(version),
            ..message
        });
        Ok(self.send_rows(&[row], |row| row.due).await)
    }

    async fn oldest_held(&self, route: &str) -> Result<Option<OutboxRow>, AwsError> {
        let mut oldest: Option<OutboxRow> = None;
        for shard in self.table.outbox_shards() {
            let page = self
                .table
                .outbox_page(Rows::Held(route), shard, None, 10)
                .await?;
            let readable = page.rows.into_iter().filter(|row| row.message.is_some());
            oldest = readable.chain(oldest).min_by_key(|row| row.due);
        }
        Ok(oldest)
    }

    /// A moment of the next minute.
    fn within_a_minute(&self) -> SystemTime {
        self.clock.now() + INTERVAL.mul_f64(fastrand::f64())
    }
}
