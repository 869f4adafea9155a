//! AWS's side on a laptop: DynamoDB, SQS, event source mapping and the OIDC issuer of a test provider.
