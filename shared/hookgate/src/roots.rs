//! The trust store for AWS's endpoints.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// The roots of Amazon Trust Services, which have signed the certificates of all of AWS's own endpoints since
/// 2021, outside China: Amazon Root CA 1 to 4 and Starfield Services Root CA G2.
///
/// Source: <https://www.amazontrust.com/repository/>
const AMAZON: [&[u8]; 5] = [
    include_bytes!("roots/amazon_root_ca_1.der"),
    include_bytes!("roots/amazon_root_ca_2.der"),
    include_bytes!("roots/amazon_root_ca_3.der"),
    include_bytes!("roots/amazon_root_ca_4.der"),
    include_bytes!("roots/starfield_services_root_ca_g2.der"),
];

/// The roots that an HTTP client trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Amazon's own roots alone. The machine's store has some hundred and forty more, and reading them is most
    /// of a cold start.
    Amazon,
    /// The machine's store, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    Machine,
}

impl Roots {
    /// The certificates, ready to check others by.
    pub(crate) fn store(self) -> Result<RootCertStore, rustls::Error> {
        let mut store = RootCertStore::empty();
        if self == Roots::Amazon {
            for root in AMAZON {
                store.add(CertificateDer::from(root))?;
            }
            return Ok(store);
        }
        let found = rustls_native_certs::load_native_certs();
        let (usable, _) = store.add_parsable_certificates(found.certs);
        if usable == 0 {
            let none = "this machine has no root certificates; SSL_CERT_FILE can name a file";
            return Err(rustls::Error::General(none.to_owned()));
        }
        Ok(store)
    }
}

#[cfg(test)]
mod tests {
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
        let fingerprints = AMAZON.map(|der| hex::encode(Sha256::digest(der)));
        assert_eq!(fingerprints, FINGERPRINTS);
        assert_eq!(Roots::Amazon.store().unwrap().len(), FINGERPRINTS.len());
    }
}
