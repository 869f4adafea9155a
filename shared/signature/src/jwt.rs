//! JSON Web Tokens: strict parsing here, the signature check by `ring`.
//!
//! Sources: [RFC 7515](https://www.rfc-editor.org/rfc/rfc7515), [RFC 7519](https://www.rfc-editor.org/rfc/rfc7519),
//! [RFC 8725](https://www.rfc-editor.org/rfc/rfc8725).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use serde_json::Value;

use crate::error::Reason;
use crate::keys::KeyCache;
use crate::options::{Audiences, Options};
use crate::outcome::{Unverified, Verified};
use crate::request::Received;
use crate::signature_field::SignatureField;
use crate::strict_json::{Members, members};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Everything that needs no key is checked first, so that a bad token never causes a fetch.
pub(crate) fn check(
    field: &SignatureField,
    options: &Options,
    request: &Received<'_>,
    cache: &mut KeyCache,
    now: SystemTime,
) -> Result<Verified, Unverified> {
    let found = field.from.read(request);
    let value = found.map_err(|error| error.or(Reason::MissingToken))?.bytes;
    let parts = Compact::parse(bearer(field, &value)?)?;
    let kid = check_header(&parts.header)?;
    let claims = members(&parts.claims, &["iss", "aud", "exp", "nbf", "iat"])?;
    let (issuer, audiences) = trusted_issuer(&claims, options)?;
    check_dates(&claims, options.leeway, now)?;
    check_audience(&claims, audiences)?;
    verify_signature(&parts, issuer, &kid?, options, cache, now)?;
    Ok(Verified {
        secret: None,
        signed_at: issued_at(&claims),
        issuer: Some(issuer.clone()),
    })
}

fn bearer<'v>(field: &SignatureField, value: &'v [u8]) -> Result<&'v str, Reason> {
    let token = field.unprefixed(value).filter(|token| !token.is_empty());
    let token = token.ok_or(Reason::MissingToken)?;
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Reason::JwtTooLarge);
    }
    std::str::from_utf8(token).map_err(|_| Reason::JwtMalformed)
}

/// A compact JWS: three segments of base64url.
struct Compact<'t> {
    signed: &'t str,
    header: Vec<u8>,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    fn parse(token: &'t str) -> Result<Compact<'t>, Reason> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::JwtMalformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Reason::JwtMalformed)?;
        let decode = |segment: &str| {
            URL_SAFE_NO_PAD
                .decode(segment)
                .map_err(|_| Reason::JwtMalformed)
        };
        Ok(Compact {
            signed,
            signature: decode(signature)?,
            header: decode(header)?,
            claims: decode(claims)?,
        })
    }
}

/// The key id. Its absence is reported separately, so that an untrusted issuer is the reason if both apply.
fn check_header(header: &[u8]) -> Result<Result<String, Reason>, Reason> {
    let header = members(header, &["alg", "kid", "crit"])?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(Reason::JwtAlgNotAllowed);
    }
    if header.contains_key("crit") {
        return Err(Reason::JwtCritUnsupported);
    }
    let kid = header
        .get("kid")
        .and_then(Value::as_str)
        .filter(|kid| !kid.is_empty());
    Ok(kid.map(str::to_owned).ok_or(Reason::JwtUnknownKid))
}

fn trusted_issuer<'o>(
    claims: &Members,
    options: &'o Options,
) -> Result<(&'o String, &'o Audiences), Reason> {
    let issuer = claims.get("iss").and_then(Value::as_str);
    issuer
        .and_then(|issuer| options.issuers.get_key_value(issuer))
        .ok_or(Reason::JwtIssUntrusted)
}

fn check_dates(claims: &Members, leeway: Duration, now: SystemTime) -> Result<(), Reason> {
    let now = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let leeway = leeway.as_secs_f64();
    let expires = date(claims, "exp")?.ok_or(Reason::JwtMissingClaim)?;
    if now >= expires + leeway {
        return Err(Reason::JwtExpired);
    }
    if date(claims, "nbf")?.is_some_and(|start| now < start - leeway) {
        return Err(Reason::JwtNotYetValid);
    }
    match date(claims, "iat")? {
        Some(issued) if now < issued - leeway => Err(Reason::JwtIatInFuture),
        _ => Ok(()),
    }
}

/// A NumericDate: a JSON number, with or without a fraction.
fn date(claims: &Members, name: &str) -> Result<Option<f64>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|date| date.is_finite())
            .map(Some)
            .ok_or(Reason::JwtMalformedClaim),
    }
}

fn issued_at(claims: &Members) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(claims.get("iat")?.as_f64()?).ok()?;
    UNIX_EPOCH.checked_add(since)
}

fn check_audience(claims: &Members, wanted: &Audiences) -> Result<(), Reason> {
    let named: Vec<&str> = match claims.get("aud") {
        None => return Err(Reason::JwtMissingClaim),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many
            .iter()
            .map(Value::as_str)
            .collect::<Option<_>>()
            .ok_or(Reason::JwtMalformedClaim)?,
        Some(_) => return Err(Reason::JwtMalformedClaim),
    };
    match wanted {
        Audiences::Any if !named.is_empty() => Ok(()),
        Audiences::OneOf(list)
            if named
                .iter()
                .any(|name| list.iter().any(|wanted| wanted == name)) =>
        {
            Ok(())
        }
        _ => Err(Reason::JwtAudMismatch),
    }
}

fn verify_signature(
    token: &Compact<'_>,
    issuer: &str,
    kid: &str,
    options: &Options,
    cache: &mut KeyCache,
    now: SystemTime,
) -> Result<(), Unverified> {
    let jwk = cache.find(issuer, kid, options.loopback_http_issuers, now)?;
    let key = jwk.key.as_ref().ok_or(Reason::JwtWeakKey)?;
    let (signed, signature) = (token.signed.as_bytes(), &token.signature);
    key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
        .map_err(|_| Reason::JwtBadSignature.into())
}
