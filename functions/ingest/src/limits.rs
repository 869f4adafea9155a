/// The largest body that is taken, in bytes: base64 of it and the headers fit Lambda's request (6 MB).
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_BODY_BYTES: usize = 4_500_000;

/// The largest body that is taken where there is no place for large ones, in bytes: base64 of it and
/// the headers fit a queue message (1 MiB).
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MAX_MESSAGE_BODY_BYTES: usize = 700 * 1024;

/// The largest body that travels with its message where there is a place for large ones, in bytes: what
/// is no larger also fits an item of the outbox (400 KB), and what is larger costs less in S3.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub const INLINE_BODY_BYTES: usize = 256 * 1024;
