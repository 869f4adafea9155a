//! AWS's side on a laptop: DynamoDB, SQS, S3, event source mapping and the OIDC issuer of a test provider.
//!
//! Nothing here is deployed. The functions and adapters run against it unchanged, because it speaks
//! AWS's own protocols.

mod data;
mod door;
pub mod dynamo;
pub mod engines;
mod error;
mod faults;
mod http;
mod issuer;
mod listen;
pub mod mapping;
pub mod s3;
mod token;
mod twin;

pub use error::TwinError;
pub use faults::{BadRule, Fault, FaultRule, Service};
pub use issuer::{AUDIENCE, Issuer, IssuerError, TOKEN_LIFETIME};
pub use token::Token;
pub use twin::{Twin, TwinOptions};
