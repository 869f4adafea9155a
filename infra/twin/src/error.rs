use std::net::SocketAddr;
use std::path::PathBuf;

use hookgate::UnusableSource;
use hookgate::config::ConfigError;
use thiserror::Error;

use crate::engines::EngineError;

/// An error because of which a twin cannot start.
#[derive(Debug, Error)]
pub enum TwinError {
    /// It cannot listen there.
    #[error("cannot listen on {0}; is another twin running? Choose another address with --listen")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// Its data cannot be stored there.
    #[error("cannot store data in {0}")]
    Data(PathBuf, #[source] std::io::Error),
    /// Another twin has its data there.
    #[error(
        "another gateway stores its events in {0}; stop it, or choose another folder with --data"
    )]
    DataInUse(PathBuf),
    /// An embedded engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A source cannot be used.
    #[error(transparent)]
    Source(#[from] UnusableSource),
}
