//! The states of routes, in the same table: an item each (`pk = routes`, `sk` the name). A save is conditional on the
//! version that was read.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;

use super::RouteState;
use crate::AwsError;
use crate::error::OrFailed;
use crate::table::replay_item::VERSION;
use crate::table::{Attributes, DynamoTable, PK, SK, n, number, s, text, values};

const ROUTES: &str = "routes";

/// The attribute that has the state, as JSON.
const STATE: &str = "route";

/// The state of a route, and the version of it that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredRoute {
    /// The state.
    pub state: RouteState,
    /// The number of times that it was saved.
    pub version: u64,
}

impl DynamoTable {
    /// The state of a route, as it was last saved.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn route_state(&self, route: &str) -> Result<StoredRoute, AwsError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(values([(PK, s(ROUTES)), (SK, s(route))])))
            .consistent_read(true)
            .send()
            .await
            .or_failed("read the route's state")?;
        Ok(found.item.as_ref().map(read).unwrap_or_default())
    }

    /// The states of all routes that ever had one, by name; also of routes that are no longer configured.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn route_states(&self) -> Result<BTreeMap<String, StoredRoute>, AwsError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(ROUTES))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut states = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let items = page.or_failed("read the routes' states")?.items;
            let items = items.unwrap_or_default();
            let named = items
                .iter()
                .filter_map(|item| Some((text(item, SK)?.to_owned(), read(item))));
            states.extend(named);
        }
        Ok(states)
    }

    /// Saves a route's next state; the version that it has then. `None` if someone else saved it since it was read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn save_route(
        &self,
        route: &str,
        read: &StoredRoute,
        next: &RouteState,
    ) -> Result<Option<u64>, AwsError> {
        const OPERATION: &str = "save the route's state";
        let version = read.version + 1;
        let json = serde_json::to_string(next).or_failed(OPERATION)?;
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(values([
                (PK, s(ROUTES)),
                (SK, s(route)),
                (STATE, s(json)),
                (VERSION, n(version)),
            ])))
            .condition_expression("attribute_not_exists(pk) OR #ver = :read")
            .expression_attribute_names("#ver", VERSION)
            .expression_attribute_values(":read", n(read.version));
        match put.send().await.map_err(|error| error.into_service_error()) {
            Ok(_) => Ok(Some(version)),
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(None),
            Err(error) => Err(error).or_failed(OPERATION),
        }
    }
}

/// A state that cannot be read holds nothing.
fn read(item: &Attributes) -> StoredRoute {
    let state = text(item, STATE).and_then(|json| serde_json::from_str(json).ok());
    StoredRoute {
        state: state.unwrap_or_default(),
        version: number(item, VERSION).unwrap_or(0),
    }
}
