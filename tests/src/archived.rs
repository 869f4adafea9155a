//! Events as ingest and the processor write them into the table, without either.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use hookgate::config::DEFAULT_RETENTION;
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest};
use hookgate::{Body, DynamoTable, Event, EventKey, Message, Number, rfc3339, system_now, unix_ms};
use hookgate_twin::engines::{Engines, TABLE};

/// The source of the events.
pub const SOURCE: &str = "product";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Time between every second event and the one before it.
const APART: Duration = Duration::from_secs(22 * 60);

/// An event of the source, with its number in its id and its body.
pub fn event(number: usize, received: SystemTime) -> Event {
    let id = format!("evt_{number}");
    Event {
        key: EventKey::new(None, SOURCE, &id),
        source: SOURCE.to_owned(),
        tenant: None,
        body: Body::Inline(Bytes::from(format!(r#"{{"id":"{id}"}}"#))),
        id: Some(id),
        event_type: Some(
            if number.is_multiple_of(2) {
                "even"
            } else {
                "odd"
            }
            .to_owned(),
        ),
        received,
        headers: Vec::new(),
        trace: None,
    }
}

/// Archives an event by itself; its place.
pub async fn archive(table: &DynamoTable, event: &Event) -> String {
    let places = table.archive_places(&[event]).expect("an archive");
    let archived = table.archive(&places[0], &[event]).await;
    archived.expect("it is archived");
    places[0].clone()
}

/// The table's partition that has an event's place in the archive, and the place's sort key.
pub fn item_of(event: &Event, place: &str) -> (String, String) {
    let (shard, sort_key) = place.split_once('-').expect("a shard, and a sort key");
    let day = &rfc3339(unix_ms(event.received))[..10];
    let partition = format!("archive#{}#{day}#{shard}", event.source);
    (partition, sort_key.to_owned())
}

/// Archives an event that was recorded, and writes down that it was handled.
pub async fn handle(table: &DynamoTable, event: &Event) {
    let place = archive(table, event).await;
    let message = Message {
        event: event.clone(),
        number: Number::first_of(0),
        replay: None,
        probe: false,
        held_ms: 0,
    };
    let request = ClaimRequest {
        message: &message,
        owner: "me",
        lease_until: event.received,
        place: Some(&place),
        now: event.received,
    };
    let claimed = table.claim(request).await.expect("the table answers");
    let ClaimOutcome::Granted(grant) = claimed else {
        panic!("not granted: {claimed:?}");
    };
    let claim = Claim {
        event,
        number: Number::first_of(0),
        owner: "me",
        grant,
        began: event.received,
        target: Some("handler:log"),
        archived: Some(&place),
    };
    let completed = table.complete(claim, event.received).await;
    completed.expect("it is completed");
}

/// The table as one of several processes sees it that write to it.
pub fn of_process(table: &DynamoTable, number: usize) -> DynamoTable {
    let shards = [0, 7, 20, 63];
    table.clone().in_shard(shards[number % shards.len()])
}

/// Records events and archives their payloads: two at each time, the first of them thirty hours before the last
/// midnight of UTC, and about a hundred on each of the days around it.
pub async fn events_over_midnight(table: &DynamoTable, count: usize) -> Vec<Event> {
    let now = system_now();
    let since_midnight = Duration::from_millis(unix_ms(now) % 86_400_000);
    let start = now - since_midnight - DAY - DAY / 4;
    let mut events = Vec::new();
    for number in 0..count {
        let steps = u32::try_from(number / 2).expect("few events");
        let event = event(number, start + APART * steps);
        table.record(&event, now).await.expect("it is recorded");
        archive(&of_process(table, number), &event).await;
        events.push(event);
    }
    events
}

/// The engines' table, which is read in pages of no more than so many items: as if each item were so large that an
/// answer of DynamoDB (1 MB) holds no more.
pub fn table_in_pages(engines: &Engines, items: i32) -> DynamoTable {
    let client = engines.dynamodb_client();
    let config = client.config().to_builder().interceptor(Pages(items));
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    DynamoTable::new(client, TABLE, Some(DEFAULT_RETENTION))
}

#[derive(Debug)]
struct Pages(i32);

impl Intercept for Pages {
    fn name(&self) -> &'static str {
        "Pages"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(query) = context.input_mut().downcast_mut::<QueryInput>() {
            query.limit = Some(query.limit.unwrap_or(i32::MAX).min(self.0));
        }
        Ok(())
    }
}
