//! Durability: our engine remembers everything when its process ends.

use std::path::Path;

use tokio::runtime::Runtime;

use crate::server::{Server, handle};

/// Does something with an engine on `file`, and ends it there and then.
fn with_engine<T>(file: &Path, act: impl AsyncFnOnce(Server) -> T) -> T {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async { act(Server::ours_at(Some(file)).await).await })
}

#[test]
fn queues_messages_and_receipts_survive_the_end_of_the_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sqs.sqlite");
    let (queue, received, waiting) = with_engine(&file, async |server| {
        let (queue, _) = server.queue_with_dead_letters(2).await;
        server.send(&queue, "held").await;
        let received = server.one(&queue).await;
        let waiting = server.send(&queue, "waiting").await;
        (queue, received, waiting)
    });
    with_engine(&file, async |server| {
        assert_eq!(server.one(&queue).await.message_id, Some(waiting));
        let changed = server.change(&queue, handle(&received), 0).await;
        assert_eq!(changed, Ok(()));
        assert_eq!(server.one(&queue).await.message_id, received.message_id);
    });
}
