//! The folder that holds a twin's state.

use std::fs::{File, TryLockError};
use std::path::Path;

use hookgate::Message;

use crate::engines::{EngineError, Engines, QUEUE, REPLAY_QUEUE};
use crate::error::TwinError;
use crate::faults::Faults;

/// Takes a folder, which is made where it is missing, for one twin alone: until the file is closed, or
/// the process has died.
pub(crate) fn own(data: &Path) -> Result<File, TwinError> {
    let failed = |error| TwinError::Data(data.to_owned(), error);
    std::fs::create_dir_all(data).map_err(failed)?;
    let lock = File::create(data.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(TwinError::DataInUse(data.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Starts the engines with what a twin before this one left, and opens doors before them if there are faults.
pub(crate) async fn start_engines(
    data: &Path,
    first_port: u16,
    faults: Faults,
) -> Result<Engines, EngineError> {
    if faults.is_empty() {
        let engines = Engines::start(data, first_port).await?;
        take_up(&engines).await?;
        return Ok(engines);
    }
    let engines = Engines::start(data, 0).await?;
    take_up(&engines).await?;
    engines.behind(faults, first_port)
}

/// Takes up what a twin before this one left in flight, without waiting for visibility timeout and
/// lease as one would on AWS: one process at a time owns the data, so the processes that held them are dead.
async fn take_up(engines: &Engines) -> Result<(), EngineError> {
    let table = engines.table(None);
    let mut released = Vec::new();
    for queue in [QUEUE, REPLAY_QUEUE] {
        let bodies = engines.sqs.release_in_flight(queue).await;
        released.extend(bodies.map_err(EngineError::queue)?);
    }
    for body in released {
        // Another message was never claimed.
        if let Ok(message) = Message::from_json(&body) {
            table.end_lease(&message.event.key).await?;
        }
    }
    Ok(())
}
