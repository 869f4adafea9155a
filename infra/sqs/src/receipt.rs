use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::SqsError;

/// What a receipt handle says: one receive of one message from one queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The queue's row.
    pub(crate) queue: i64,
    /// The message's row.
    pub(crate) message: i64,
    /// Made up anew for each receive, so that only the latest handle fits.
    pub(crate) token: String,
}

const MARK: &str = "hookgate";

impl Receipt {
    /// The handle that the client gets, opaque to it.
    pub(crate) fn handle(&self) -> String {
        let Receipt {
            queue,
            message,
            token,
        } = self;
        STANDARD.encode(format!("{MARK} {queue} {message} {token}"))
    }

    /// Reads a handle of `queue` back.
    ///
    /// # Errors
    /// `ReceiptHandleIsInvalid` when no receive of that queue ever gave it out.
    pub(crate) fn parse(handle: &str, queue: i64) -> Result<Receipt, SqsError> {
        Self::read(handle)
            .filter(|receipt| receipt.queue == queue)
            .ok_or(SqsError::ReceiptHandleIsInvalid)
    }

    fn read(handle: &str) -> Option<Receipt> {
        let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
        let [MARK, queue, message, token] = text.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Receipt {
            queue: queue.parse().ok()?,
            message: message.parse().ok()?,
            token: token.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_back_by_its_own_queue_alone() {
        let receipt = Receipt {
            queue: 3,
            message: 7,
            token: "t".to_owned(),
        };
        let handle = receipt.handle();
        assert_eq!(Receipt::parse(&handle, 3).expect("our own"), receipt);
        assert!(Receipt::parse(&handle, 4).is_err());
        for bogus in [
            "",
            "bogus",
            "aG9va2dhdGU=",
            &STANDARD.encode("hookgate x 7 t"),
        ] {
            assert!(Receipt::parse(bogus, 3).is_err(), "{bogus}");
        }
    }
}
