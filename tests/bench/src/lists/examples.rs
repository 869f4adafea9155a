//! Examples of the ledger's items, one for each end of an event, made by the gateway's own requests.

use dynoxide::{AttributeValue, Item};
use hookgate::event::{Claim, ClaimOutcome, ClaimRequest, Retry};
use hookgate::table::{INDEX_PK, INDEX_SK, PK, SK};
use hookgate::{BoxError, DynamoTable, Event, Message, Number, system_now, unix_ms};
use hookgate_twin::engines::{Engines, TABLE};

use super::capture::Captured;
use super::fill::text;
use super::load::{End, Load};

const OWNER: &str = "5a0c9d1e-7b1c-4b56-9a5f-0f5d6a1b2c3d";

/// An item for each end.
#[derive(Debug)]
pub(super) struct Examples(Vec<(End, Item)>);

impl Examples {
    pub(super) async fn make(
        load: Load,
        capturing: &Engines,
        captured: &Captured,
    ) -> Result<Examples, BoxError> {
        let engines = Engines::in_memory(Box::new(system_now)).await?;
        let table = engines.table(None);
        let mut examples = Vec::new();
        for (number, end) in End::ALL.into_iter().enumerate() {
            let event = load.event(number);
            let place = format!("0-{:013}-0123456789ab", unix_ms(event.received));
            handle(&table, &event, &place, end).await?;
            let get = engines.dynamodb_client().get_item().table_name(TABLE);
            let key = aws_sdk_dynamodb::types::AttributeValue::S(event.key.to_string());
            let sort_key = aws_sdk_dynamodb::types::AttributeValue::S("event".to_owned());
            let found = get.key(PK, key).key(SK, sort_key).send().await?.item;
            let put = capturing.dynamodb_client().put_item().table_name(TABLE);
            put.set_item(found).send().await?;
            let item = captured.take().pop().ok_or("an event has no item")?;
            examples.push((end, item));
        }
        engines.stop().await;
        Ok(Examples(examples))
    }

    /// The item of an event.
    pub(super) fn item(&self, end: End, event: &Event, place: &str) -> Item {
        let example = self.0.iter().find(|(other, _)| *other == end);
        let mut item = example.map(|(_, item)| item.clone()).unwrap_or_default();
        let ms = unix_ms(event.received);
        let own = [
            (PK, event.key.to_string()),
            ("src", event.source.clone()),
            ("ten", event.tenant.clone().unwrap_or_default()),
            ("eid", event.id.clone().unwrap_or_default()),
            ("typ", event.event_type.clone().unwrap_or_default()),
            ("arc", place.to_owned()),
        ];
        item.extend(own.map(|(name, value)| (name.to_owned(), text(value))));
        for name in ["t0", "t1", "t2", "nx"] {
            if let Some(AttributeValue::N(number)) = item.get_mut(name) {
                *number = ms.to_string();
            }
        }
        if let Some(AttributeValue::S(listed)) = item.get(INDEX_PK) {
            let state = listed.split('#').next().unwrap_or_default();
            let partition = format!("{state}#{}#{}", event.source, shard(event));
            item.insert(INDEX_PK.to_owned(), text(partition));
            item.insert(INDEX_SK.to_owned(), text(format!("{ms:013}")));
        }
        item
    }
}

/// The shard of an event's entry in the index, of 64: the first six bits of its key.
fn shard(event: &Event) -> usize {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let first = event.key.as_str().chars().next();
    first.and_then(|first| DIGITS.find(first)).unwrap_or(0)
}

/// Records an event, and ends its attempt so.
async fn handle(table: &DynamoTable, event: &Event, place: &str, end: End) -> Result<(), BoxError> {
    let now = event.received;
    table.record(event, now).await?;
    let message = Message {
        event: event.clone(),
        number: Number::first_of(0),
        replay: None,
        probe: false,
        held_ms: 0,
    };
    let request = ClaimRequest {
        message: &message,
        owner: OWNER,
        lease_until: now,
        place: Some(place),
        now,
    };
    let ClaimOutcome::Granted(grant) = table.claim(request).await? else {
        return Err("an event was not claimed".into());
    };
    let claim = Claim {
        event,
        number: Number::first_of(0),
        owner: OWNER,
        grant,
        began: now,
        target: (end != End::Unhandled).then_some("handler:log"),
        archived: Some(place),
    };
    let retry = Retry {
        error: "the service does not answer",
        next: now,
        number: Number::first_of(0),
    };
    match end {
        End::Done => table.complete(claim, now).await?,
        End::Unhandled => table.complete(claim, now).await?,
        End::Waiting => table.release(claim, retry, now).await?,
        End::Dead => {
            table
                .mark_dead(claim, "the event has no order", now)
                .await?
        }
    }
    Ok(())
}
