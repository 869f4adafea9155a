//! Fills the table of the embedded engine: the archive by the gateway's own code, the ledger's items after examples
//! that the gateway made, all of them in bulk.

use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use dynoxide::{AttributeValue, Database, ImportOptions, Item};
use hookgate::table::EXPIRES;
use hookgate::{BoxError, DynamoTable, system_now};
use hookgate_twin::engines::{Engines, TABLE};

use super::capture::Captured;
use super::examples::Examples;
use super::load::{BATCH, End, Load};

/// Items that are written in one transaction.
const CHUNK: usize = 10_000;

const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// The number of processes that write, each to a shard of its own.
const PROCESSES: u8 = 64;

/// The length of an event's key.
const KEY: usize = 43;

/// Fills the table in this folder.
pub(super) async fn fill(folder: &Path, load: Load) -> Result<(), BoxError> {
    make_table(folder).await?;
    let captured = Captured::default();
    let capturing = Engines::in_memory(Box::new(system_now)).await?;
    let capturing = capturing.over(captured.clone());
    let examples = Examples::make(load, &capturing, &captured).await?;
    let path = folder.join("dynamodb.sqlite");
    let database = Database::new(path.to_str().ok_or("the folder's path is not UTF-8")?)?;
    database.enable_bulk_loading()?;
    let filling = Filling {
        load,
        captured,
        database,
    };
    let places = filling.archive(&capturing.table(Some(RETENTION))).await?;
    filling.ledger(&examples, &places)?;
    filling.database.disable_bulk_loading()?;
    capturing.stop().await;
    Ok(())
}

/// Makes the table, without the engine's deletion of expired items: that reads all of them each second.
async fn make_table(folder: &Path) -> Result<(), BoxError> {
    let engines = Engines::start(folder, 0).await?;
    let off = TimeToLiveSpecification::builder()
        .attribute_name(EXPIRES)
        .enabled(false)
        .build()?;
    let client = engines.dynamodb_client();
    let update = client.update_time_to_live().table_name(TABLE);
    update.time_to_live_specification(off).send().await?;
    engines.stop().await;
    Ok(())
}

struct Filling {
    load: Load,
    captured: Captured,
    database: Database,
}

impl Filling {
    /// Archives all events, those of a batch together; the place of each batch.
    async fn archive(&self, table: &DynamoTable) -> Result<Vec<String>, BoxError> {
        let shards: Vec<_> = (0..PROCESSES)
            .map(|shard| table.clone().in_shard(shard))
            .collect();
        let batches = self.load.events.div_ceil(BATCH);
        let mut places = Vec::with_capacity(batches);
        let mut items = Vec::new();
        for batch in 0..batches {
            let numbers = batch * BATCH..((batch + 1) * BATCH).min(self.load.events);
            let events: Vec<_> = numbers.map(|number| self.load.event(number)).collect();
            let events: Vec<_> = events.iter().collect();
            let table = &shards[batch % shards.len()];
            let planned = table.archive_places(&events).ok_or("no archive")?;
            let place = planned.into_iter().next().ok_or("an empty batch")?;
            table.archive(&place, &events).await?;
            places.push(place);
            items.append(&mut self.captured.take());
            if items.len() >= CHUNK {
                self.import(std::mem::take(&mut items))?;
            }
        }
        self.import(items)?;
        Ok(places)
    }

    /// Writes the ledger's items in the order of their keys, which spares the engine most of its work.
    fn ledger(&self, examples: &Examples, places: &[String]) -> Result<(), BoxError> {
        let mut keys = Vec::with_capacity(self.load.events);
        for number in 0..self.load.events {
            let key: [u8; KEY] = self.load.event(number).key.as_str().as_bytes().try_into()?;
            keys.push((key, u32::try_from(number)?));
        }
        keys.sort_unstable();
        for chunk in keys.chunks(CHUNK) {
            let items = chunk.iter().map(|(_, number)| {
                let number = *number as usize;
                let event = self.load.event(number);
                examples.item(End::of(number), &event, &places[number / BATCH])
            });
            self.import(items.collect())?;
        }
        Ok(())
    }

    fn import(&self, items: Vec<Item>) -> Result<(), BoxError> {
        let options = ImportOptions::default();
        self.database.import_items(TABLE, items, options)?;
        Ok(())
    }
}

/// A text as the engine stores it.
pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}
