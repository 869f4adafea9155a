//! A token issuer over https, as PPS has one: discovery, keys and tokens, by nothing of ours.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::routing::get;
use axum::serve::Listener;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, IsCa};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// The audience of its tokens.
pub const AUDIENCE: &str = "hookgate-tests";

const KEY_ID: &str = "a1818f44894225f461d22b56084720371760f59b";

/// A running issuer. It ends with the test.
#[derive(Debug)]
pub struct Issuer {
    /// Its name, which is also where its documents are.
    pub url: String,
    key: KeyPair,
    folder: TempDir,
}

impl Issuer {
    /// Starts one at a free loopback port, with a certificate of an authority of its own.
    pub async fn start() -> Issuer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let acceptor = certified(&authority_file(folder.path()));
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("https://{}", tcp.local_addr().expect("it is bound"));
        let key = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
        let (discovery, jwks) = (discovery(&url), jwks(&key));
        let documents = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(|| async { Json(discovery) }),
            )
            .route("/jwks.json", get(|| async { Json(jwks) }));
        tokio::spawn(async { axum::serve(Tls { tcp, acceptor }, documents).await });
        Issuer { url, key, folder }
    }

    /// The authority's certificate as a PEM file, for `SSL_CERT_FILE`.
    pub fn authority(&self) -> PathBuf {
        authority_file(self.folder.path())
    }

    /// A token issued at `now`, good for an hour, with the claims that the guide shows.
    pub fn token(&self, unix_s: u64) -> String {
        let header = json!({ "alg": "RS256", "kid": KEY_ID, "typ": "JWT" });
        let claims = json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "xpps|Ua", "user_id": "xpps|Ua",
            "auth_time": unix_s, "iat": unix_s, "exp": unix_s + 3600,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .expect("an RSA signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn discovery(url: &str) -> Value {
    json!({ "issuer": url, "jwks_uri": format!("{url}/jwks.json"), "id_token_signing_alg_values_supported": ["RS256"] })
}

fn jwks(key: &KeyPair) -> Value {
    let public: PublicKeyComponents<Vec<u8>> = key.public_key().into();
    let (n, e) = (
        URL_SAFE_NO_PAD.encode(public.n),
        URL_SAFE_NO_PAD.encode(public.e),
    );
    json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e }] })
}

fn authority_file(folder: &Path) -> PathBuf {
    folder.join("authority.pem")
}

/// Makes an authority, writes its certificate to a file, and has it certify 127.0.0.1.
fn certified(authority_file: &Path) -> TlsAcceptor {
    let key = || rcgen::KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([]).expect("an authority's parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = key();
    let authority = params
        .self_signed(&authority_key)
        .expect("the authority's certificate");
    std::fs::write(authority_file, authority.pem()).expect("a writable folder");
    let issuer = rcgen::Issuer::new(params, authority_key);

    let server_key = key();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a server's parameters");
    let certificate = server
        .signed_by(&server_key, &issuer)
        .expect("the server's certificate");
    let private = PrivateKeyDer::try_from(server_key.serialize_der()).expect("a PKCS#8 key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], private)
        .expect("a key that fits its certificate");
    TlsAcceptor::from(Arc::new(config))
}

/// Takes connections whose handshake succeeds.
struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.tcp.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
