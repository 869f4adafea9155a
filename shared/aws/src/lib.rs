//! The gateway's ports on DynamoDB, SQS, SSM and Secrets Manager.
