//! A message, and its limits: its size, its characters, its attributes and their digests.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::error::SqsError;

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The id it got when it was sent.
    pub id: String,
    /// The handle that deletes it or changes its visibility: of this receive alone.
    pub receipt_handle: String,
    /// The body as it was sent.
    pub body: String,
    /// The attributes that SQS adds: `ApproximateReceiveCount`, `SentTimestamp` and the like.
    pub system_attributes: BTreeMap<String, String>,
    /// The attributes as they were sent.
    pub attributes: MessageAttributes,
}

impl ReceivedMessage {
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

/// One attribute of a message, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with an optional custom suffix after a dot.
    pub data_type: String,
    /// The value, unless the type is binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value in base64, if the type is binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// The attributes of a message by name.
pub type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// The most attributes that a message may have.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
const MAX_ATTRIBUTES: usize = 10;

impl MessageAttribute {
    /// The value's bytes.
    ///
    /// # Errors
    /// When a binary value is not base64, which SQS never lets in.
    pub fn value(&self) -> Result<Vec<u8>, SqsError> {
        match (&self.string_value, &self.binary_value) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(encoded)) => {
                STANDARD
                    .decode(encoded)
                    .map_err(|error| SqsError::Serialization {
                        reason: error.to_string(),
                    })
            }
            _ => Ok(Vec::new()),
        }
    }

    fn check(&self, name: &str) -> Result<(), SqsError> {
        let refuse = |reason: String| Err(SqsError::InvalidParameterValue { reason });
        let kind = self.data_type.split('.').next().unwrap_or_default();
        let has_value = match kind {
            "String" | "Number" => self.string_value.is_some() && self.binary_value.is_none(),
            "Binary" => self.binary_value.is_some() && self.string_value.is_none(),
            _ => {
                return refuse(format!(
                    "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
                ));
            }
        };
        if !has_value || self.value()?.is_empty() {
            return refuse(format!(
                "ReceivedMessage (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
            ));
        }
        let text = self.string_value.as_deref().unwrap_or_default();
        if kind == "Number" && !is_number(text) {
            return refuse(format!(
                "Can't cast the value of message (user) attribute '{name}' to a number."
            ));
        }
        check_characters(text)
    }
}

/// Returns whether the text is a finite number, whole or not.
fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Rejects characters outside the set that SQS carries.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub(crate) fn check_characters(text: &str) -> Result<(), SqsError> {
    let allowed = |c: char| matches!(c, '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    if text.chars().all(allowed) {
        Ok(())
    } else {
        Err(SqsError::InvalidMessageContents)
    }
}

/// Rejects too many attributes, and names, types and values that SQS does not take.
pub(crate) fn check_attributes(attributes: &MessageAttributes) -> Result<(), SqsError> {
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(SqsError::InvalidParameterValue {
            reason: format!(
                "Number of message attributes [{}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
                attributes.len()
            ),
        });
    }
    for (name, attribute) in attributes {
        check_name(name)?;
        attribute.check(name)?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), SqsError> {
    let lower = name.to_ascii_lowercase();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let good = (1..=256).contains(&name.len())
        && name.bytes().all(known)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !lower.starts_with("aws.")
        && !lower.starts_with("amazon.");
    if good {
        return Ok(());
    }
    Err(SqsError::InvalidParameterValue {
        reason: format!("ReceivedMessage (user) attribute name '{name}' is invalid."),
    })
}

/// The size that counts against the limit: the body, and each attribute's name, type and value.
///
/// # Errors
/// When a binary value is not base64.
pub(crate) fn size_bytes(body: &str, attributes: &MessageAttributes) -> Result<usize, SqsError> {
    attributes.iter().try_fold(body.len(), |sum, (name, a)| {
        Ok(sum + name.len() + a.data_type.len() + a.value()?.len())
    })
}

/// The MD5 of a body, as SDKs check it.
pub(crate) fn md5_of_body(body: &str) -> String {
    hex::encode(Md5::digest(body.as_bytes()))
}

/// The MD5 of a message's attributes, or nothing when it has none.
///
/// In the order of their names: the length-prefixed name and type, one byte for the kind of value,
/// the length-prefixed value. Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>
pub(crate) fn md5_of_attributes(
    attributes: &MessageAttributes,
) -> Result<Option<String>, SqsError> {
    if attributes.is_empty() {
        return Ok(None);
    }
    let mut md5 = Md5::new();
    for (name, attribute) in attributes {
        update(&mut md5, name.as_bytes());
        update(&mut md5, attribute.data_type.as_bytes());
        md5.update([if attribute.binary_value.is_some() {
            2
        } else {
            1
        }]);
        update(&mut md5, &attribute.value()?);
    }
    Ok(Some(hex::encode(md5.finalize())))
}

fn update(md5: &mut Md5, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    md5.update(length.to_be_bytes());
    md5.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> MessageAttribute {
        MessageAttribute {
            data_type: "String".to_owned(),
            string_value: Some(value.to_owned()),
            binary_value: None,
        }
    }

    #[test]
    fn digests_are_those_that_sqs_answers() {
        // Answers of SQS itself, as published in localstack's snapshots.
        assert_eq!(md5_of_body("msg"), "6e2baaf3b97dbeef01c0043275f9a0e7");
        let attributes = MessageAttributes::from([
            ("Help.Me".to_owned(), text("Me")),
            ("Hello".to_owned(), text("There")),
            ("General".to_owned(), text("Kenobi")),
        ]);
        let all = md5_of_attributes(&attributes).expect("text is never malformed");
        assert_eq!(all.as_deref(), Some("4c360f3fdafd970e05fae2f149d997f5"));
        let binary =
            MessageAttribute {
                data_type: "Binary".to_owned(),
                string_value: None,
                binary_value: Some(STANDARD.encode(
                    b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
                )),
            };
        let one = MessageAttributes::from([("attr1".to_owned(), binary)]);
        let md5 = md5_of_attributes(&one).expect("it is base64");
        assert_eq!(md5.as_deref(), Some("8cbe4db156db8a94db8b801b7addb984"));
        let none = md5_of_attributes(&MessageAttributes::new());
        assert_eq!(none.expect("nothing to read"), None);
    }

    #[test]
    fn characters_are_refused_exactly_outside_the_documented_ranges() {
        for good in [
            '\u{9}',
            '\u{A}',
            '\u{D}',
            '\u{20}',
            '\u{D7FF}',
            '\u{E000}',
            '\u{FFFD}',
            '\u{10000}',
            '\u{10FFFF}',
        ] {
            assert!(check_characters(&good.to_string()).is_ok(), "{good:?}");
        }
        for bad in [
            '\u{0}', '\u{8}', '\u{B}', '\u{C}', '\u{E}', '\u{1F}', '\u{FFFE}', '\u{FFFF}',
        ] {
            assert!(check_characters(&bad.to_string()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_size_counts_names_types_and_values_of_attributes() {
        let attributes = MessageAttributes::from([("name".to_owned(), text("välue"))]);
        let size = size_bytes("body", &attributes).expect("text is never malformed");
        assert_eq!(size, 4 + 4 + 6 + 6);
    }

    #[test]
    fn an_attribute_needs_a_good_name_a_known_type_and_a_value() {
        for name in ["", ".a", "a.", "a..b", "AWS.x", "amazon.x", "a b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_attributes(&MessageAttributes::from([("a".to_owned(), text(""))])).is_err());
        let odd = MessageAttribute {
            data_type: "Date".to_owned(),
            ..text("x")
        };
        assert!(check_attributes(&MessageAttributes::from([("a".to_owned(), odd)])).is_err());
        let custom = MessageAttribute {
            data_type: "Number.int".to_owned(),
            ..text("7")
        };
        assert!(check_attributes(&MessageAttributes::from([("a".to_owned(), custom)])).is_ok());
        let eleven = (0..11).map(|n| (format!("a{n}"), text("x"))).collect();
        assert!(check_attributes(&eleven).is_err());
    }
}
