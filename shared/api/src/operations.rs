//! The table of operations: method, path, request and answer of each.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    DeadLetterDetails, DeadLetterList, DeadLetterListRequest, Discard, Discarded, EventDetail,
    EventList, EventListRequest, KeysReplayed, KeysRequest, MoveList, MoveRequest, MoveStarted,
    Nothing, OutcomesRequest, RangeCount, RangeRequest, Redrive, Redriven, ReplayList,
    ReplayListRequest, ReplayOutcomes, ReplaySummary, RouteList, RouteSummary,
};

/// Something that operators can ask for.
pub trait Operation {
    /// Its row in the table.
    const INFO: OperationInfo;
    /// Its request: the query of a GET, the body of a POST.
    type Request: Serialize + DeserializeOwned;
    /// Its answer when it is done.
    type Answer: Serialize + DeserializeOwned;
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct OperationInfo {
    /// Its name.
    pub id: OperationId,
    /// The method.
    pub method: &'static str,
    /// The path; the part in braces is a name.
    pub path: &'static str,
    /// The status of its answer when it is done.
    pub status: u16,
    /// A sentence about it.
    pub summary: &'static str,
    #[cfg(feature = "openapi")]
    pub(crate) schemas: crate::schemas::Schemas,
}

/// The reason why a method and a path do not name an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// There is nothing at this path.
    UnknownPath,
    /// The path does not allow this method.
    UnknownMethod,
}

/// The operation of a method and a path, and the name in the path; the empty text where it has none.
///
/// # Errors
/// When there is nothing at the path, or nothing of this method.
pub fn route<'a>(method: &str, path: &'a str) -> Result<(OperationId, &'a str), NoRoute> {
    let mut at_path = OPERATIONS
        .iter()
        .filter_map(|operation| Some((operation, name(operation.path, path)?)))
        .peekable();
    if at_path.peek().is_none() {
        return Err(NoRoute::UnknownPath);
    }
    let found = at_path.find(|(operation, _)| operation.method == method);
    let (operation, name) = found.ok_or(NoRoute::UnknownMethod)?;
    Ok((operation.id, name))
}

/// The name in a path of this form; `None` if the path has another form.
fn name<'a>(form: &str, path: &'a str) -> Option<&'a str> {
    let Some((before, after)) = around_name(form) else {
        return (path == form).then_some("");
    };
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// The path of this form with a name in it.
pub fn path(form: &str, name: &str) -> String {
    match around_name(form) {
        Some((before, after)) => format!("{before}{name}{after}"),
        None => form.to_owned(),
    }
}

/// The parts of a path's form before and after the name in braces.
fn around_name(form: &str) -> Option<(&str, &str)> {
    let (before, rest) = form.split_once('{')?;
    Some((before, rest.split_once('}')?.1))
}

macro_rules! operations {
    ($($(#[doc = $summary:literal])+ $name:ident: $method:literal $path:literal
        $request:ty => $status:literal $answer:ty;)+) => {
        /// The name of an operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum OperationId {
            $($(#[doc = $summary])+ $name,)+
        }

        /// All operations. If the paths of two match, the first one is meant.
        pub const OPERATIONS: &[OperationInfo] = &[$($name::INFO),+];

        $($(#[doc = $summary])+
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Operation for $name {
            const INFO: OperationInfo = OperationInfo {
                id: OperationId::$name,
                method: $method,
                path: $path,
                status: $status,
                summary: concat!($($summary),+),
                #[cfg(feature = "openapi")]
                schemas: crate::schemas::Schemas::of::<$request, $answer>(),
            };
            type Request = $request;
            type Answer = $answer;
        })+
    };
}

operations! {
    /// Lists events.
    ListEvents: "GET" "/admin/events" EventListRequest => 200 EventList;
    /// Shows one event with its payload.
    ShowEvent: "GET" "/admin/events/{key}" Nothing => 200 EventDetail;
    /// Has some events handled again at once.
    ReplayKeys: "POST" "/admin/replay" KeysRequest => 202 KeysReplayed;
    /// Lists replays, the newest first.
    ListReplays: "GET" "/admin/replays" ReplayListRequest => 200 ReplayList;
    /// Has the events of a source and a time handled again, at a rate.
    ReplayRange: "POST" "/admin/replays" RangeRequest => 202 ReplaySummary;
    /// Counts the events of a source and a time.
    CountRange: "POST" "/admin/replays/count" RangeRequest => 200 RangeCount;
    /// Shows one replay.
    ShowReplay: "GET" "/admin/replays/{id}" Nothing => 200 ReplaySummary;
    /// Counts what became of a replay's events, as far as one request's time goes.
    ShowOutcomes: "GET" "/admin/replays/{id}/outcomes" OutcomesRequest => 200 ReplayOutcomes;
    /// Cancels a replay. What is sent already is handled.
    CancelReplay: "DELETE" "/admin/replays/{id}" Nothing => 200 ReplaySummary;
    /// Lists dead letters.
    ListDeadLetters: "GET" "/admin/dead-letters" DeadLetterListRequest => 200 DeadLetterList;
    /// Sends dead letters back to the queue.
    RedriveDeadLetters: "POST" "/admin/dead-letters/redrive" Redrive => 200 Redriven;
    /// Discards dead letters.
    DiscardDeadLetters: "POST" "/admin/dead-letters/discard" Discard => 200 Discarded;
    /// Lists the moves of all dead letters.
    ListMoves: "GET" "/admin/dead-letters/moves" Nothing => 200 MoveList;
    /// Has SQS move all dead letters back to the queue.
    MoveDeadLetters: "POST" "/admin/dead-letters/moves" MoveRequest => 202 MoveStarted;
    /// Lists the routes and whether their events are held.
    ListRoutes: "GET" "/admin/routes" Nothing => 200 RouteList;
    /// Holds a route's events from now on.
    PauseRoute: "POST" "/admin/routes/{name}/pause" Nothing => 200 RouteSummary;
    /// Lets a route's events go to its target again.
    ResumeRoute: "POST" "/admin/routes/{name}/resume" Nothing => 200 RouteSummary;
    /// Shows the dead letters of an event's key or a message's id.
    ShowDeadLetter: "GET" "/admin/dead-letters/{name}" Nothing => 200 DeadLetterDetails;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_and_a_path_name_one_operation() {
        for (method, path, found) in [
            ("GET", "/admin/events", Ok((OperationId::ListEvents, ""))),
            ("GET", "/admin/events/k", Ok((OperationId::ShowEvent, "k"))),
            (
                "POST",
                "/admin/replays/count",
                Ok((OperationId::CountRange, "")),
            ),
            (
                "DELETE",
                "/admin/replays/1",
                Ok((OperationId::CancelReplay, "1")),
            ),
            (
                "GET",
                "/admin/dead-letters/moves",
                Ok((OperationId::ListMoves, "")),
            ),
            (
                "GET",
                "/admin/dead-letters/m",
                Ok((OperationId::ShowDeadLetter, "m")),
            ),
            (
                "GET",
                "/admin/replays/1/outcomes",
                Ok((OperationId::ShowOutcomes, "1")),
            ),
            ("GET", "/admin/replays//outcomes", Err(NoRoute::UnknownPath)),
            ("PUT", "/admin/events", Err(NoRoute::UnknownMethod)),
            ("GET", "/admin/replay", Err(NoRoute::UnknownMethod)),
            ("GET", "/admin/events/", Err(NoRoute::UnknownPath)),
            ("GET", "/admin/events/k/more", Err(NoRoute::UnknownPath)),
            ("GET", "/admin", Err(NoRoute::UnknownPath)),
        ] {
            assert_eq!(route(method, path), found, "{method} {path}");
        }
    }
}
