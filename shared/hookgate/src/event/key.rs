use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The key of an event in the ledger: base64url of the SHA-256 over tenant, source and dedupe key, each
/// with its length before it, so that no value can pose as two. 43 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(String);

impl EventKey {
    /// The key of the event that `dedupe_key` names within a source and a tenant.
    pub fn new(tenant: Option<&str>, source: &str, dedupe_key: &str) -> EventKey {
        let mut hash = Sha256::new();
        for part in [tenant.unwrap_or_default(), source, dedupe_key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        EventKey(URL_SAFE_NO_PAD.encode(hash.finalize()))
    }

    /// The key of the event of a provider's id, where events are told apart by their id alone.
    pub(crate) fn of_id(tenant: Option<&str>, source: &str, id: &str) -> EventKey {
        EventKey::new(tenant, source, &format!("id:{id}"))
    }

    /// Reads a key that was printed earlier; `None` if the text cannot be one.
    pub fn parse(text: &str) -> Option<EventKey> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| EventKey(text.to_owned()))
    }

    /// The hash's first byte, which spreads events evenly.
    pub(crate) fn first_byte(&self) -> u8 {
        let mut first = [0; 3];
        let start = self.0.get(..4).unwrap_or_default();
        // A key's first four characters are the hash's first three bytes.
        let _ = URL_SAFE_NO_PAD.decode_slice(start, &mut first);
        first[0]
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{SHARDS, shard};

    #[test]
    fn no_value_can_pose_as_two() {
        let key = |tenant, source, id| EventKey::new(Some(tenant), source, id);
        assert_ne!(key("a", "bc", "d"), key("ab", "c", "d"));
        assert_ne!(key("a", "b", "cd"), key("a", "bc", "d"));
        assert_eq!(key("a", "b", "c"), key("a", "b", "c"));
    }

    #[test]
    fn events_are_spread_evenly_over_the_shards() {
        let mut shards = [0; SHARDS as usize];
        for number in 0..6_400 {
            let key = EventKey::new(None, "stripe", &format!("id:evt_{number}"));
            shards[usize::from(shard(&key))] += 1;
        }
        let uneven = shards
            .iter()
            .filter(|&&events| !(50..=150).contains(&events));
        assert_eq!(uneven.count(), 0, "{shards:?}");
    }

    #[test]
    fn a_printed_key_reads_back_and_other_text_does_not() {
        let key = EventKey::new(None, "stripe", "id:evt_1");
        assert_eq!(key.as_str().len(), 43);
        assert_eq!(EventKey::parse(key.as_str()), Some(key));
        assert_eq!(EventKey::parse("evt_1"), None);
        assert_eq!(EventKey::parse(""), None);
    }
}
