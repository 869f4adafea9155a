//! The built-in providers: the one place to add another.
//!
//! Each row is TOML in the vocabulary of the README, and is parsed only when it is asked for.

/// Name and row of every built-in provider.
#[rustfmt::skip]
pub(crate) const PROVIDERS: &[(&str, &str)] = &[
    ("partssource", r#"
# https://docs.partssource.com/documentation/webhooks/overview
# There is no event id: X-PS-Delivery-ID names a delivery attempt and differs in each redelivery.
[verify]
algorithm = "hmac-sha256"
signature = [
  { from = "header:X-PS-Signature", prefix = "sha256=", encoding = "hex" },
  { from = "header:X-PS-Signature-Previous", prefix = "sha256=", encoding = "hex" },
]
timestamp = { from = "header:X-PS-Timestamp", format = "unix", tolerance_s = 300 }
content = ["timestamp", ".", "body"]
reject_status = 401

[event]
type = "body:event_type"
tenant = "body:company_id"
"#),
    ("product", r#"
# A common shape of webhook guides, like https://docs.stripe.com/webhooks/signature; the header's name is the product's own.
[verify]
algorithm = "hmac-sha256"
signature = { from = "header:X-Product-Signature", encoding = "hex", pairs = { separator = ",", equals = "=", signature_keys = ["v1"], timestamp_key = "t", trim = true } }
timestamp = { format = "unix", tolerance_s = 300 }
content = ["timestamp", ".", "body"]
reject_status = 400

[event]
id = "body:id"
type = "body:type"
"#),
    ("pps", r#"
# https://openid.net/specs/openid-connect-discovery-1_0.html
# The token covers neither the body nor the X-Pps headers: the tenant is what the bearer of a valid token says.
[verify]
algorithm = "jwt"
signature = { from = "header:Authorization", prefix = "Bearer " }
reject_status = 403

[event]
id = "header:X-Pps-Webhook-Id"
type = "header:X-Pps-Topic"
tenant = "header:X-Pps-Tenant-Id"
"#),
    ("pakk", r#"
# https://docs.pakk.io: Data and Integrations, Webhooks, Webhook Signature Verification
# There is no timestamp: only deduplication stops a replay.
[verify]
algorithm = "hmac-sha256"
signature = { from = "header:X-Pakk-Webhook-Signature", encoding = "base64" }
content = ["body"]
reject_status = 401
"#),
    ("wss", r#"
# Webhook Sender Service. Its text signs timestamp and body, its sample only the body: the text is the default.
[verify]
algorithm = "hmac-sha256"
signature = { from = "header:X-WSS-Signature", encoding = "hex" }
timestamp = { from = "header:X-WSS-Timestamp", format = ["unix", "iso8601"], tolerance_s = 300 }
content = ["timestamp", "body"]
variants = { timestamp_body = { content = ["timestamp", "body"] }, body_only = { content = ["body"] } }
reject_status = 401
"#),
    ("standard_webhooks", r#"
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
[verify]
algorithm = "hmac-sha256"
key = "whsec"
signature = { from = "header:webhook-signature", encoding = "base64", list = { separator = " ", version_separator = ",", versions = ["v1"] } }
timestamp = { from = "header:webhook-timestamp", format = "unix", tolerance_s = 300 }
id = "header:webhook-id"
content = ["id", ".", "timestamp", ".", "body"]
reject_status = 401

[event]
id = "header:webhook-id"
type = "body:type"
required = ["id"]
"#),
    ("stripe", r#"
# https://docs.stripe.com/webhooks/signature
[verify]
algorithm = "hmac-sha256"
signature = { from = "header:Stripe-Signature", encoding = "hex", pairs = { separator = ",", equals = "=", signature_keys = ["v1"], timestamp_key = "t" } }
timestamp = { format = "unix", tolerance_s = 300 }
content = ["timestamp", ".", "body"]
reject_status = 400

[event]
id = "body:id"
type = "body:type"
tenant = "body:account"
"#),
    ("github", r#"
# https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
[verify]
algorithm = "hmac-sha256"
signature = { from = "header:X-Hub-Signature-256", prefix = "sha256=", encoding = "hex" }
content = ["body"]
reject_status = 401

[event]
id = "header:X-GitHub-Delivery"
type = "header:X-GitHub-Event"
"#),
    ("slack", r#"
# https://docs.slack.dev/authentication/verifying-requests-from-slack
# Commands and interactions are forms: they have neither id nor type.
[verify]
algorithm = "hmac-sha256"
signature = { from = "header:X-Slack-Signature", prefix = "v0=", encoding = "hex" }
timestamp = { from = "header:X-Slack-Request-Timestamp", format = "unix", tolerance_s = 300 }
content = ["v0:", "timestamp", ":", "body"]
reject_status = 401

[event]
id = "body:event_id"
type = "body:event.type"
tenant = "body:team_id"
required = []

# https://docs.slack.dev/reference/events/url_verification
[[handshakes]]
from = "body:type"
equals = "url_verification"
echo = "body:challenge"
"#),
    ("shopify", r#"
# https://shopify.dev/docs/apps/build/webhooks/subscribe/https
[verify]
algorithm = "hmac-sha256"
signature = { from = "header:X-Shopify-Hmac-Sha256", encoding = "base64" }
content = ["body"]
reject_status = 401

[event]
id = "header:X-Shopify-Webhook-Id"
type = "header:X-Shopify-Topic"
tenant = "header:X-Shopify-Shop-Domain"
"#),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provider;

    #[test]
    fn every_row_parses_and_fits_together() {
        for (name, row) in PROVIDERS {
            Provider::parse(row).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn every_provider_refuses_with_the_status_that_it_documents() {
        let documented = [
            ("partssource", 401),
            ("product", 400),
            ("pps", 403),
            ("pakk", 401),
            ("wss", 401),
            ("slack", 401),
            ("shopify", 401),
            ("stripe", 400),
            ("github", 401),
            ("standard_webhooks", 401),
        ];
        for (name, status) in documented {
            assert_eq!(
                Provider::builtin(name).unwrap().reject_status(),
                status,
                "{name}"
            );
        }
    }
}
