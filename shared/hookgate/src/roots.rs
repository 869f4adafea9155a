//! The trust store for AWS's endpoints.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// The roots of Amazon Trust Services, which have signed the certificates of all of AWS's own endpoints since
/// 2021, outside China.
///
/// Source: <https://www.amazontrust.com/repository/>
const AMAZON: &str = include_str!("amazon_roots.pem");

/// The roots that the SDK's client trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Amazon's own roots alone. The machine's store has some hundred and forty more, and reading them is most
    /// of a cold start.
    Amazon,
    /// The machine's store, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    Machine,
}

impl Roots {
    /// The SDK's HTTP client; `None` is its default one, which trusts the machine's store.
    pub(crate) fn client(self) -> Option<SharedHttpClient> {
        if self == Roots::Machine {
            return None;
        }
        let store = TrustStore::empty().with_pem_certificate(AMAZON);
        let context = TlsContext::builder().with_trust_store(store).build().ok()?;
        let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        Some(client.tls_context(context).build_https())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    /// SHA-256 of Amazon Root CA 1 to 4 and of Starfield Services Root CA G2.
    ///
    /// Source: <https://www.amazontrust.com/repository/>
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_roots_are_amazons_and_no_others() {
        let certificates = AMAZON.split("-----BEGIN CERTIFICATE-----").skip(1);
        let fingerprints = certificates.map(|text| {
            let (base64, _) = text.split_once("-----END").unwrap();
            let der = STANDARD.decode(base64.replace('\n', "")).unwrap();
            hex::encode(Sha256::digest(der))
        });
        assert_eq!(fingerprints.collect::<Vec<_>>(), FINGERPRINTS);
        assert!(Roots::Amazon.client().is_some());
    }
}
