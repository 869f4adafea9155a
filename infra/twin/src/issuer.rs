//! A token issuer of the twin's own, for providers that sign with JWTs: it plays the part that the
//! provider's identity platform has, so that `send` can produce requests that verify.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::OnceCell;

/// The audience of its tokens.
pub const AUDIENCE: &str = "hookgate";

/// Lifetime of a token, as in the example of the PointServices guide.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// An OpenID issuer at `{base URL}/issuer`. Its key is made when it is first asked for, and lives as
/// long as the twin.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    key: OnceCell<SigningKey>,
}

#[derive(Debug)]
struct SigningKey {
    pair: KeyPair,
    id: String,
    modulus: String,
    exponent: String,
}

/// The issuer could not make its key or a token.
#[derive(Debug, Error)]
pub enum IssuerError {
    /// The key.
    #[error("the issuer's key could not be made")]
    SigningKey,
    /// The token.
    #[error("the token could not be signed")]
    Token,
}

impl Issuer {
    /// The issuer of the twin at `base`, as `http://127.0.0.1:9000`.
    pub fn new(base: &str) -> Issuer {
        Issuer {
            url: format!("{base}/issuer"),
            key: OnceCell::new(),
        }
    }

    /// Its name, which is also where its documents are.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The OpenID discovery document.
    pub fn discovery(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/jwks.json", self.url),
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
        })
    }

    /// The public keys.
    ///
    /// # Errors
    /// When no key can be made.
    pub async fn jwks(&self) -> Result<Value, IssuerError> {
        let key = self.key().await?;
        Ok(json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256",
            "kid": key.id, "n": key.modulus, "e": key.exponent,
        }]}))
    }

    /// A token issued at `issued`, good for an hour.
    ///
    /// # Errors
    /// When no key can be made, or signing fails.
    pub async fn token(&self, issued: SystemTime) -> Result<String, IssuerError> {
        let key = self.key().await?;
        let iat = issued
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let claims = json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "sample", "auth_time": iat,
            "iat": iat, "exp": iat + TOKEN_LIFETIME.as_secs(),
        });
        let header = json!({ "alg": "RS256", "kid": key.id, "typ": "JWT" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; key.pair.public_modulus_len()];
        key.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| IssuerError::Token)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    async fn key(&self) -> Result<&SigningKey, IssuerError> {
        self.key
            .get_or_try_init(|| async {
                tokio::task::spawn_blocking(make_key)
                    .await
                    .map_err(|_| IssuerError::SigningKey)?
            })
            .await
    }
}

fn make_key() -> Result<SigningKey, IssuerError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| IssuerError::SigningKey)?;
    let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
    Ok(SigningKey {
        id: uuid::Uuid::new_v4().simple().to_string(),
        modulus: URL_SAFE_NO_PAD.encode(public.n),
        exponent: URL_SAFE_NO_PAD.encode(public.e),
        pair,
    })
}
