//! Looks at the outbox.

use std::time::SystemTime;

use hookgate::DynamoTable;
use hookgate::event::{OutboxRow, Rows};

/// All rows that are due at a time.
pub async fn due(table: &DynamoTable, at: SystemTime) -> Vec<OutboxRow> {
    all(table, Rows::Due(at)).await
}

/// All rows that are held for a route.
pub async fn held(table: &DynamoTable, route: &str) -> Vec<OutboxRow> {
    all(table, Rows::Held(route)).await
}

async fn all(table: &DynamoTable, rows: Rows<'_>) -> Vec<OutboxRow> {
    let mut all = Vec::new();
    for shard in table.outbox_shards().await.expect("the table answers") {
        let mut from = None;
        loop {
            let page = table.outbox_page(rows, shard, from, 100).await;
            let page = page.expect("the table answers");
            all.extend(page.rows);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    all
}
