//! AWS's side on a laptop: DynamoDB, SQS, event source mapping and the OIDC issuer of a test provider.
//!
//! Nothing here is deployed. The functions and adapters run against it unchanged, because it speaks
//! AWS's own protocols.

pub mod dynamo;
pub mod mapping;
pub mod sqs;
