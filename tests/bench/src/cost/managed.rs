//! Managed gateways' list prices for a million events, from `managed.toml`.

use serde::Deserialize;

const TEXT: &str = include_str!("../../managed.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    gateway: Vec<Managed>,
}

/// A plan of a managed gateway.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Managed {
    pub(super) name: String,
    /// Dollars a month for the plan.
    pub(super) month: f64,
    /// Dollars for a million events.
    pub(super) million: f64,
    pub(super) note: String,
    /// The vendor's page.
    pub(super) page: String,
    /// The transcript of that page.
    #[cfg_attr(not(test), expect(dead_code, reason = "for who reads the file"))]
    read_in: String,
    /// The day on which the page was read.
    pub(super) date: String,
}

impl Managed {
    pub(super) fn read() -> Result<Vec<Managed>, toml::de::Error> {
        toml::from_str::<Lists>(TEXT).map(|lists| lists.gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_price_has_its_page_where_it_was_read_and_a_day() {
        let all = Managed::read().expect("gateways");
        assert!(all.len() >= 2, "{all:?}");
        for one in all {
            assert!(one.million > 0.0, "{one:?}");
            assert!(one.page.starts_with("https://"), "{one:?}");
            assert!(one.read_in.starts_with("https://"), "{one:?}");
            one.date.parse::<jiff::civil::Date>().expect("a day");
        }
    }
}
