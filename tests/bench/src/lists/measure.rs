//! Pages of lists, and the time that each takes.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookgate::{BoxError, Clock, rfc3339, unix_ms};
use hookgate_admin::Admin;
use hookgate_api::EventList;
use hookgate_twin::engines::Engines;
use http::Request;

use super::load::{BATCH, End, Load, RARE, SOURCES, id, source};

/// The longest time that a page may take.
const GOAL: Duration = Duration::from_secs(1);

const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Measures all lists, so many pages of each.
pub(super) async fn measure(folder: &Path, load: Load, pages: usize) -> Result<ExitCode, BoxError> {
    let engines = Engines::start(folder, 0).await?;
    let sources = SOURCES.iter().map(|(name, _)| (*name).to_owned());
    let admin = Admin::new(
        sources.collect(),
        Some(RETENTION),
        engines.table(Some(RETENTION)),
        engines.queue(),
        engines.dead_letters(),
        Clock::system(),
    );
    println!(
        "{:<34} {:>5} {:>6} {:>9} {:>8}  last page",
        "list", "pages", "events", "median ms", "worst ms"
    );
    let mut is_good = true;
    for (name, query) in lists(load) {
        let measured = Measured::of(&admin, &query, pages).await?;
        is_good &= measured.print(&name);
    }
    engines.stop().await;
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Every kind of list, each with its query.
#[rustfmt::skip]
fn lists(load: Load) -> Vec<(String, String)> {
    let middle = unix_ms(load.received(load.events / 2));
    let (hour_before, at_middle) = (rfc3339(middle - 3_600_000), rfc3339(middle));
    let dead = (load.events / 2..load.events).find(|number| End::of(*number) == End::Dead).unwrap_or(0);
    let of_dead = load.event(dead);
    let (dead_source, dead_tenant) = (source(dead / BATCH), of_dead.tenant.unwrap_or_default());
    let last_id = id(load.events / 2 + 1);
    let id_source = source((load.events / 2 + 1) / BATCH);
    let queries = [
        ("all, newest first", String::new()),
        ("all, oldest first", "order=oldest".to_owned()),
        ("all, pages of 1000", "limit=1000".to_owned()),
        ("all, from the middle", format!("cursor=n{middle:013}")),
        ("all, oldest first, from the middle", format!("order=oldest&cursor=o{middle:013}")),
        ("source", "source=stripe".to_owned()),
        ("source of few, from the middle", format!("source=shop&cursor=n{middle:013}")),
        ("an hour in the middle", format!("since={hour_before}&until={at_middle}")),
        ("type", "type=order.7".to_owned()),
        ("type by a pattern", "type=order.1*".to_owned()),
        ("tenant", "tenant=tenant-5".to_owned()),
        ("source, type, tenant", "source=github&type=order.3&tenant=tenant-8".to_owned()),
        ("state: done", "state=done".to_owned()),
        ("state: dead", "state=dead".to_owned()),
        ("state: dead, pages of 1000", "state=dead&limit=1000".to_owned()),
        ("state: dead, from the middle", format!("state=dead&cursor=n{middle:013}")),
        ("state: waiting", "state=waiting".to_owned()),
        ("state: unhandled, source", "state=unhandled&source=github".to_owned()),
        ("state: dead, one tenant", format!("state=dead&source={dead_source}&tenant={dead_tenant}")),
        ("state: processing, of which are none", "state=processing".to_owned()),
        ("source and event id", format!("source={id_source}&event_id={last_id}")),
        ("event id", format!("event_id={last_id}")),
        ("one type in all events", format!("type={RARE}")),
        ("one tenant in all events", format!("tenant={RARE}")),
        ("one type, within its hour", format!("type={RARE}&since={hour_before}&until={at_middle}")),
    ];
    queries.into_iter().map(|(name, query)| (name.to_owned(), query)).collect()
}

/// Some pages of a list.
#[derive(Debug, Default)]
struct Measured {
    times: Vec<Duration>,
    events: usize,
    /// The time that the last page has come to; `None` at the end.
    searched_to: Option<String>,
}

impl Measured {
    async fn of(admin: &Admin, query: &str, pages: usize) -> Result<Measured, BoxError> {
        let mut measured = Measured::default();
        let mut next = query.to_owned();
        for _ in 0..pages {
            let request = Request::get(format!("/admin/events?{next}")).body(Bytes::new())?;
            let start = Instant::now();
            let response = admin.handle(request).await;
            measured.times.push(start.elapsed());
            if !response.status().is_success() {
                return Err(format!("`{query}` was answered with {}", response.status()).into());
            }
            let page: EventList = serde_json::from_slice(response.body())?;
            measured.events += page.events.len();
            measured.searched_to = page.searched_to;
            let Some(cursor) = page.next else { break };
            let others = query.split('&').filter(|part| !part.starts_with("cursor="));
            let others: Vec<&str> = others.filter(|part| !part.is_empty()).collect();
            next = format!("{}&cursor={cursor}", others.join("&"));
            next = next.trim_start_matches('&').to_owned();
        }
        measured.times.sort();
        Ok(measured)
    }

    /// Prints a line; true if every page was in time.
    fn print(&self, name: &str) -> bool {
        let median = self.times[self.times.len() / 2];
        let worst = self.times[self.times.len() - 1];
        println!(
            "{name:<34} {:>5} {:>6} {:>9} {:>8}  {}",
            self.times.len(),
            self.events,
            median.as_millis(),
            worst.as_millis(),
            self.searched_to.as_deref().unwrap_or("the end")
        );
        worst <= GOAL
    }
}
