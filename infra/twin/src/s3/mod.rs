//! S3 on a laptop, as far as the gateway needs it: objects are put, read and deleted, in path style
//! (`/bucket/key`) and in buckets of any name, without lists, versions and multipart uploads. A file each.

mod http;
mod store;

pub(crate) use http::router;
pub use store::{Objects, S3Error};

/// The largest accepted object, in bytes. AWS accepts 5 GB.
const MAX_OBJECT_BYTES: usize = 16 * 1024 * 1024;
