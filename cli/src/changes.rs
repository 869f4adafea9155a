//! Files that a running gateway has read, and that someone edits meanwhile.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Reports when a file changes: the program still uses what it read at startup.
pub(crate) async fn report(files: [PathBuf; 2]) {
    let mut seen = files.each_ref().map(state);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for (file, seen) in files.iter().zip(&mut seen) {
            let now = state(file);
            if std::mem::replace(seen, now) != now {
                tracing::warn!("{} changed: restart to apply", file.display());
            }
        }
    }
}

/// The time and size of a file; `None` if there is none.
fn state(file: &PathBuf) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
