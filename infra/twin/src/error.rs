use std::net::SocketAddr;
use std::path::PathBuf;

use hookgate::UnusableSource;
use hookgate::config::ConfigError;
use thiserror::Error;

use crate::engines::EngineError;

/// An error that keeps a twin from starting.
#[derive(Debug, Error)]
pub enum TwinError {
    /// It cannot listen there.
    #[error("cannot listen on {0}; is another twin running? --listen chooses another address")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// Its data cannot be kept there.
    #[error("cannot keep data in {0}")]
    Data(PathBuf, #[source] std::io::Error),
    /// Another twin has its data there.
    #[error("another gateway keeps its events in {0}; stop it, or --data chooses another folder")]
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
