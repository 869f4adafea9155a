use std::collections::BTreeMap;

use crate::SqsError;
use crate::content::{MessageAttributes, md5_of_attributes, md5_of_body};

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The id it got when it was sent.
    pub id: String,
    /// What deletes it, or changes its visibility: of this receive alone.
    pub receipt_handle: String,
    /// The body as it was sent.
    pub body: String,
    /// What SQS says about it: `ApproximateReceiveCount`, `SentTimestamp` and the like.
    pub system_attributes: BTreeMap<String, String>,
    /// The attributes as they were sent.
    pub attributes: MessageAttributes,
}

impl Message {
    /// The MD5 of the body, in hexadecimal.
    pub fn md5_of_body(&self) -> String {
        md5_of_body(&self.body)
    }

    /// The MD5 of the attributes, in hexadecimal, unless there are none.
    ///
    /// # Errors
    /// When a binary value is not base64, which SQS never lets in.
    pub fn md5_of_attributes(&self) -> Result<Option<String>, SqsError> {
        md5_of_attributes(&self.attributes)
    }
}
