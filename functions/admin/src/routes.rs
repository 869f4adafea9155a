//! Routes: their states, pause and resume.

use hookgate::route::{Flow, RouteState, StoredRoute};
use hookgate::{Route, rfc3339, unix_ms};
use hookgate_api::{Nothing, RouteList, RouteStateName, RouteSummary};

use crate::{Admin, Rejection};

/// The number of times that a change is tried while others change the same route.
const TRIES: u32 = 5;

impl Admin {
    pub(crate) async fn list_routes(&self) -> Result<RouteList, Rejection> {
        let mut states = self.table.route_states().await?;
        let configured = self.routes.iter().map(|route| {
            let stored = states.remove(&route.name).unwrap_or_default();
            (route.name.clone(), Some(route.to.clone()), stored.state)
        });
        let mut routes: Vec<_> = configured.collect();
        let gone = states.into_iter();
        let gone = gone.filter(|(_, stored)| stored.state != RouteState::default());
        routes.extend(gone.map(|(name, stored)| (name, None, stored.state)));
        let mut list = RouteList::default();
        for (name, to, state) in routes {
            let held = self.table.held_depth(&name).await?;
            list.routes.push(summary(name, to, &state, held));
        }
        Ok(list)
    }

    pub(crate) async fn pause_route(
        &self,
        name: &str,
        Nothing {}: Nothing,
    ) -> Result<RouteSummary, Rejection> {
        self.change_route(name, RouteState::paused).await
    }

    pub(crate) async fn resume_route(
        &self,
        name: &str,
        Nothing {}: Nothing,
    ) -> Result<RouteSummary, Rejection> {
        self.change_route(name, RouteState::resumed).await
    }

    async fn change_route(
        &self,
        name: &str,
        change: fn(RouteState, u64) -> RouteState,
    ) -> Result<RouteSummary, Rejection> {
        let route = self.configured_route(name)?;
        // First, so that a change that is answered with an error was not made.
        let held = self.table.held_depth(name).await?;
        for _ in 0..TRIES {
            let stored: StoredRoute = self.table.route_state(name).await?;
            let next = change(stored.state.clone(), unix_ms(self.clock.now()));
            let saved = self.table.save_route(name, &stored, &next).await?;
            if saved.is_some() {
                tracing::info!(route = name, state = %state_name(&next), "route changed");
                let to = Some(route.to.clone());
                return Ok(summary(name.to_owned(), to, &next, held));
            }
        }
        Err(Rejection::Conflict(
            "the route is being changed by others; try again".into(),
        ))
    }

    fn configured_route(&self, name: &str) -> Result<&Route, Rejection> {
        let mut routes = self.routes.iter();
        routes.find(|route| route.name == name).ok_or_else(|| {
            Rejection::NotFound("route of this name; `GET /admin/routes` lists them")
        })
    }
}

fn summary(name: String, to: Option<String>, state: &RouteState, held: u64) -> RouteSummary {
    let breaker = state.breaker.as_ref();
    let since = state.paused_ms.or(breaker.map(|breaker| breaker.opened_ms));
    RouteSummary {
        name,
        to,
        state: state_name(state),
        since: since.map(rfc3339),
        next_probe_at: breaker
            .filter(|_| state.paused_ms.is_none())
            .map(|breaker| rfc3339(breaker.until_ms)),
        held,
    }
}

fn state_name(state: &RouteState) -> RouteStateName {
    match state.flow() {
        Flow::Paused => RouteStateName::Paused,
        Flow::Broken => RouteStateName::Broken,
        Flow::Open if state.release.is_some() => RouteStateName::Releasing,
        Flow::Open => RouteStateName::Active,
    }
}
