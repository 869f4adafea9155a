//! JSON objects whose members are all different, as RFC 7515 (section 4) and RFC 7519 (section 4) let a reader demand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::error::Reason;

/// Members of an object, by name.
pub(crate) type Members = BTreeMap<String, Value>;

/// The error for a repeated member; distinguished from other errors by its text.
const DUPLICATE: &str = "a member is repeated";

/// The wanted members of an object that has no member twice.
///
/// Other members are skipped without recursion, so that no nesting can exhaust the stack.
pub(crate) fn members(json: &[u8], wanted: &'static [&'static str]) -> Result<Members, Reason> {
    // Skipped members are not decoded, so that only this looks at all the text.
    let json = std::str::from_utf8(json).map_err(|_| Reason::JwtMalformed)?;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let members = Strict(wanted)
        .deserialize(&mut deserializer)
        .map_err(|error| {
            if error.to_string().starts_with(DUPLICATE) {
                Reason::JwtDuplicateMember
            } else {
                Reason::JwtMalformed
            }
        })?;
    deserializer.end().map_err(|_| Reason::JwtMalformed)?;
    Ok(members)
}

struct Strict(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Members;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Members, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut seen = BTreeSet::new();
        let mut members = Members::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.0.contains(&name.as_str()) {
                members.insert(name.clone(), map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            if !seen.insert(name) {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(json: &str) -> Option<Reason> {
        members(json.as_bytes(), &["exp"]).err()
    }

    #[test]
    fn members_must_be_single_however_they_are_spelled() {
        assert_eq!(reason(r#"{"exp":1,"x":2}"#), None);
        assert_eq!(
            reason(r#"{"exp":1,"\u0065xp":2}"#),
            Some(Reason::JwtDuplicateMember)
        );
        assert_eq!(reason(r#"{"x":1,"x":2}"#), Some(Reason::JwtDuplicateMember));
    }

    #[test]
    fn what_is_not_strict_json_is_malformed() {
        for json in [
            "",
            "[]",
            "\"x\"",
            "{\"exp\":NaN}",
            "{\"exp\":1e400}",
            "{\"exp\":1}x",
            "\u{feff}{}",
            "{\"exp\":01}",
        ] {
            assert_eq!(reason(json), Some(Reason::JwtMalformed), "{json}");
        }
    }

    #[test]
    fn nesting_cannot_exhaust_the_stack() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert_eq!(reason(&format!("{{\"x\":{deep}}}")), None);
        assert_eq!(
            reason(&format!("{{\"exp\":{deep}}}")),
            Some(Reason::JwtMalformed)
        );
    }
}
