//! The queues' file: its schema, and transactions on it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};

use crate::attributes::QueueAttributes;
use crate::error::SqsError;
use crate::names::{ACCOUNT, arn, queue_of_arn, queue_of_url};

/// Row ids are never used twice (`AUTOINCREMENT`), so an old receipt handle never names a new message.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS queues (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  name        TEXT NOT NULL UNIQUE,
  attributes  TEXT NOT NULL,
  created_ms  INTEGER NOT NULL,
  modified_ms INTEGER NOT NULL,
  purged_ms   INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS messages (
  seq                INTEGER PRIMARY KEY AUTOINCREMENT,
  queue              INTEGER NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
  id                 TEXT NOT NULL,
  body               TEXT NOT NULL,
  attributes         TEXT NOT NULL,
  group_id           TEXT,
  trace_header       TEXT,
  sent_ms            INTEGER NOT NULL,
  visible_ms         INTEGER NOT NULL,
  receipt            TEXT,
  received_ms        INTEGER,
  first_receive_ms   INTEGER,
  receives           INTEGER NOT NULL DEFAULT 0,
  receives_here      INTEGER NOT NULL DEFAULT 0,
  dead_letter_source TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_visibility ON messages (queue, visible_ms, seq);
CREATE INDEX IF NOT EXISTS messages_by_age ON messages (queue, sent_ms);
CREATE TABLE IF NOT EXISTS move_tasks (
  id          TEXT PRIMARY KEY,
  source      TEXT NOT NULL,
  destination TEXT,
  per_second  INTEGER,
  status      TEXT NOT NULL,
  failure     TEXT,
  moved       INTEGER NOT NULL DEFAULT 0,
  to_move     INTEGER NOT NULL,
  started_ms  INTEGER NOT NULL
) STRICT;
";

/// Opens the queues' file, or queues that live in memory when there is no path.
///
/// With a write-ahead log and `synchronous = NORMAL` a commit survives the death of the process, but
/// not a power failure; in return, a commit needs no fsync. Source: <https://sqlite.org/wal.html>
pub(crate) fn open(path: Option<&Path>) -> Result<Connection, SqsError> {
    let connection = match path {
        Some(path) => Connection::open(path)?,
        None => Connection::open_in_memory()?,
    };
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// The number of messages that a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received, and neither deleted nor visible again.
    pub in_flight: u64,
    /// SentMessage, and held back by a delay.
    pub delayed: u64,
}

/// One action on the queues: a transaction, at one moment.
pub(crate) struct Session<'a> {
    pub(crate) tx: Transaction<'a>,
    /// Milliseconds since 1970.
    pub(crate) now_ms: i64,
    /// The beginning of queue URLs: scheme, host and port.
    base_url: &'a str,
    changed: RefCell<BTreeSet<String>>,
}

/// A queue as it is stored.
pub(crate) struct Queue {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) attributes: QueueAttributes,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) purged_ms: Option<i64>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(tx: Transaction<'a>, now_ms: i64, base_url: &'a str) -> Session<'a> {
        Session {
            tx,
            now_ms,
            base_url,
            changed: RefCell::default(),
        }
    }

    /// Notes that receivers waiting on `queue` should look again after the commit.
    pub(crate) fn changed(&self, queue: &str) {
        self.changed.borrow_mut().insert(queue.to_owned());
    }

    /// Commits, and returns the queues that changed.
    pub(crate) fn commit(self) -> Result<BTreeSet<String>, SqsError> {
        self.tx.commit()?;
        Ok(self.changed.into_inner())
    }

    /// The queue's URL, as this client reaches it.
    pub(crate) fn url(&self, queue: &str) -> String {
        format!("{}/{ACCOUNT}/{queue}", self.base_url)
    }

    /// The queue that a URL names.
    pub(crate) fn queue(&self, url: &str) -> Result<Queue, SqsError> {
        self.find_queue(queue_of_url(url))?
            .ok_or(SqsError::QueueDoesNotExist)
    }

    /// The queue of that name, if there is one.
    pub(crate) fn find_queue(&self, name: &str) -> Result<Option<Queue>, SqsError> {
        let sql = "SELECT * FROM queues WHERE name = ?1";
        let mut statement = self.tx.prepare_cached(sql)?;
        let found = statement.query_row([name], Queue::read).optional()?;
        found.transpose()
    }

    /// The queue of that Amazon resource name, if there is one.
    pub(crate) fn queue_by_arn(&self, arn: &str) -> Result<Option<Queue>, SqsError> {
        match queue_of_arn(arn) {
            Some(name) => self.find_queue(name),
            None => Ok(None),
        }
    }

    /// Removes the messages that outlived the queue's retention period.
    pub(crate) fn expire(&self, queue: &Queue) -> Result<(), SqsError> {
        let sql = "DELETE FROM messages WHERE queue = ?1 AND sent_ms <= ?2";
        let oldest = self.now_ms - queue.attributes.retention_ms();
        self.tx
            .prepare_cached(sql)?
            .execute(params![queue.id, oldest])?;
        Ok(())
    }

    /// Counts the messages that the queue holds.
    pub(crate) fn depth(&self, queue: &Queue) -> Result<Depth, SqsError> {
        self.expire(queue)?;
        let sql = "SELECT count(*) FILTER (WHERE visible_ms <= :now),
                          count(*) FILTER (WHERE visible_ms > :now AND receipt IS NOT NULL),
                          count(*) FILTER (WHERE visible_ms > :now AND receipt IS NULL)
                   FROM messages WHERE queue = :queue";
        let mut statement = self.tx.prepare_cached(sql)?;
        let parameters = named_params! {":now": self.now_ms, ":queue": queue.id};
        Ok(statement.query_row(parameters, |row| {
            Ok(Depth {
                visible: row.get(0)?,
                in_flight: row.get(1)?,
                delayed: row.get(2)?,
            })
        })?)
    }
}

impl Queue {
    pub(crate) fn arn(&self) -> String {
        arn(&self.name)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Result<Queue, SqsError>> {
        let attributes: String = row.get("attributes")?;
        let queue = Queue {
            id: row.get("id")?,
            name: row.get("name")?,
            attributes: match serde_json::from_str(&attributes) {
                Ok(attributes) => attributes,
                Err(error) => return Ok(Err(error.into())),
            },
            created_ms: row.get("created_ms")?,
            modified_ms: row.get("modified_ms")?,
            purged_ms: row.get("purged_ms")?,
        };
        Ok(Ok(queue))
    }
}
