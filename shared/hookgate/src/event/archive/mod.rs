//! The archive: raw payloads, by source, day and time of receipt.
//!
//! Events of one source that were received within a second and handled in one batch are one item, compressed
//! together: `pk = archive#source#yyyy-mm-dd#shard`, `sk = time-id`, the time being no later than that of the first of
//! them, in 13 digits. What does not fit goes into `time-id.0001` and so on; the first item is written last.
//!
//! Each process writes to one shard, so that a source with little traffic has few to read. Before its first item of a
//! day it marks the day: `pk = archive-days#source`, `sk = yyyy-mm-dd#shard`. What reads many events goes by these
//! marks: a list knows without more reading which days and shards have events.

mod days;
mod pack;
mod place;
mod read;
mod write;

pub(crate) use days::DayPart;
pub(crate) use pack::{compress, decompress};
pub use place::ArchivePlace;
pub(crate) use place::{GroupPlace, SPAN_MS, after, before, is_sort_key, partition, time_of};
pub(crate) use read::{Group, payload, take_whole};
pub use write::NotArchived;
