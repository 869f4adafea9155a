//! Signature Version 4 of requests to AWS.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as sign_v4,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_types::SdkConfig;

use crate::{BoxError, system_now};

/// S3's name in a signature.
pub(crate) const S3: &str = "s3";

/// Signs a request to a service with the credentials of the configuration. The body's SHA-256 is part of what is
/// signed; it is computed where it is not given.
pub(crate) async fn sign(
    request: &mut HttpRequest,
    aws: &SdkConfig,
    service: &str,
    body_sha256: Option<&[u8; 32]>,
) -> Result<(), BoxError> {
    let provider = aws
        .credentials_provider()
        .ok_or("there are no AWS credentials")?;
    let identity = provider.provide_credentials().await?.into();
    let region = aws.region().ok_or("no region is configured")?;
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region.as_ref())
        .name(service)
        .time(system_now())
        .settings(settings(service))
        .build()?
        .into();
    let body = match body_sha256 {
        Some(hash) => SignableBody::Precomputed(hex::encode(hash)),
        None => SignableBody::Bytes(request.body().bytes().unwrap_or_default()),
    };
    let (method, url) = (request.method(), request.uri());
    let signable = SignableRequest::new(method, url, request.headers().iter(), body)?;
    let (instructions, _) = sign_v4(signable, &parameters)?.into_parts();
    for (name, value) in instructions.headers() {
        let (name, value) = (name.to_owned(), value.to_owned());
        request.headers_mut().try_insert(name, value)?;
    }
    Ok(())
}

/// The settings of a service: S3 differs from all others.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service != S3 {
        return settings;
    }
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}
