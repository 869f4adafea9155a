//! `hookgate routes`: which routes there are, and whether their events are held.

use std::io::{self, Write, stdout};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use hookgate_api::{ListRoutes, Nothing, PauseRoute, ResumeRoute, RouteSummary};

use crate::CommandResult;
use crate::api::Access;
use crate::output::{fields, json, line, or_dash};

#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    after_help = "Examples:
  hookgate routes list
  hookgate routes pause order_created
  hookgate routes resume order_created"
)]
pub(crate) struct Routes {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    command: RoutesCommand,
}

#[derive(Debug, Subcommand)]
enum RoutesCommand {
    /// List the routes, their states, and how many events each holds.
    List,
    /// Hold a route's events from now on. What is being handled goes on.
    Pause {
        /// The route's name.
        name: String,
    },
    /// Let a route's events go to its target again, and those that were held, little by little.
    Resume {
        /// The route's name.
        name: String,
    },
}

impl Routes {
    pub(crate) async fn run(self) -> CommandResult {
        let api = self.access.open().await?;
        let as_json = self.access.json;
        match self.command {
            RoutesCommand::List => {
                let list = api.ask::<ListRoutes>("", &Nothing {}).await?;
                if as_json {
                    json(&list)?;
                } else {
                    listed(&list.routes)?;
                }
                Ok(ExitCode::SUCCESS)
            }
            RoutesCommand::Pause { name } => {
                shown(&api.ask::<PauseRoute>(&name, &Nothing {}).await?, as_json)
            }
            RoutesCommand::Resume { name } => {
                shown(&api.ask::<ResumeRoute>(&name, &Nothing {}).await?, as_json)
            }
        }
    }
}

fn listed(routes: &[RouteSummary]) -> io::Result<()> {
    writeln!(
        stdout(),
        "{:<24}  {:<9}  {:>7}  {:<24}  TO",
        "NAME",
        "STATE",
        "HELD",
        "SINCE"
    )?;
    for route in routes {
        writeln!(
            stdout(),
            "{:<24}  {:<9}  {:>7}  {:<24}  {}",
            line(&route.name),
            route.state.to_string(),
            route.held,
            or_dash(route.since.as_deref()),
            or_dash(route.to.as_deref())
        )?;
    }
    Ok(())
}

fn shown(route: &RouteSummary, as_json: bool) -> CommandResult {
    if as_json {
        json(route)?;
        return Ok(ExitCode::SUCCESS);
    }
    fields(&[
        ("name", Some(&route.name)),
        ("to", route.to.as_ref()),
        ("state", Some(&route.state.to_string())),
        ("since", route.since.as_ref()),
        ("next probe", route.next_probe_at.as_ref()),
        ("held", Some(&route.held.to_string())),
    ])?;
    Ok(ExitCode::SUCCESS)
}
