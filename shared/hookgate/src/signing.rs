//! Signature Version 4 of requests to S3.
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

/// Signs a request with the credentials of the configuration, and with the SHA-256 of its body, which S3
/// checks.
pub(crate) async fn sign(
    request: &mut HttpRequest,
    aws: &SdkConfig,
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
        .name("s3")
        .time(system_now())
        .settings(settings())
        .build()?
        .into();
    let body = match body_sha256 {
        Some(hash) => SignableBody::Precomputed(hex::encode(hash)),
        None => SignableBody::Bytes(&[]),
    };
    let (method, url) = (request.method(), request.uri());
    let signable = SignableRequest::new(method, url, std::iter::empty(), body)?;
    let (instructions, _) = sign_v4(signable, &parameters)?.into_parts();
    for (name, value) in instructions.headers() {
        let (name, value) = (name.to_owned(), value.to_owned());
        request.headers_mut().try_insert(name, value)?;
    }
    Ok(())
}

/// The settings in which S3 differs from all other services.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}
