/// The path of a webhook's URL: `/webhooks/{source}` or `/webhooks/{source}/{tenant}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookPath<'a> {
    /// The source's name.
    pub source: &'a str,
    /// The tenant, where the path names one.
    pub tenant: Option<&'a str>,
}

impl<'a> WebhookPath<'a> {
    /// Reads a path without its query; `None` where it is not a webhook's.
    pub fn parse(path: &'a str) -> Option<WebhookPath<'a>> {
        let rest = path.strip_prefix("/webhooks/")?;
        let (source, tenant) = match rest.split_once('/') {
            Some((source, tenant)) => (source, Some(tenant)),
            None => (rest, None),
        };
        let well_formed = is_name(source, 64) && tenant.is_none_or(|tenant| is_name(tenant, 128));
        well_formed.then_some(WebhookPath { source, tenant })
    }
}

/// Names that stand for themselves in a URL, so that one tenant has one spelling.
fn is_name(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.~:@".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_source_and_maybe_a_tenant() {
        let path = |text| WebhookPath::parse(text).map(|path| (path.source, path.tenant));
        assert_eq!(path("/webhooks/stripe"), Some(("stripe", None)));
        assert_eq!(path("/webhooks/wss/OU1243"), Some(("wss", Some("OU1243"))));
        for other in [
            "/",
            "/webhooks",
            "/webhooks/",
            "/webhooks/a/",
            "/webhooks/a/b/c",
            "/webhooks//b",
            "/webhooks/%61",
            "/webhooks/a/..%2f",
            "/Webhooks/a",
            "/webhooks/a b",
        ] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
