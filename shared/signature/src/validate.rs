//! Checks that the types of a scheme cannot make: that its parts fit together.

use crate::content::Part;
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::scheme::{Algorithm, Scheme, TimeFormat};
use crate::signature_field::SignatureField;

/// The first key of the scheme that does not fit.
pub(crate) fn scheme(scheme: &Scheme) -> Result<(), ConfigError> {
    if !(400..=499).contains(&scheme.reject_status) {
        return error(
            "verify.reject_status",
            "the status for rejected requests must be 400 to 499",
        );
    }
    fields(scheme)?;
    content(scheme, &scheme.content, "verify.content")?;
    for (name, variant) in &scheme.variants {
        let key = format!("verify.variants.{name}.content");
        content(scheme, &variant.content, &key)?;
    }
    timestamp(scheme)
}

fn error<T>(key: &str, advice: &str) -> Result<T, ConfigError> {
    Err(ConfigError::at(key, advice))
}

fn fields(scheme: &Scheme) -> Result<(), ConfigError> {
    let fields = scheme.signature.as_slice();
    if fields.is_empty() {
        return error(
            "verify.signature",
            "say where the signature is, such as `{ from = \"header:x-signature\", encoding = \"hex\" }`",
        );
    }
    if scheme.algorithm == Algorithm::Jwt && fields.len() > 1 {
        return error("verify.signature", "a JWT is in one place: one table");
    }
    fields.iter().try_for_each(|field| {
        encoding(scheme.algorithm, field)?;
        layout(scheme.algorithm, field)
    })
}

fn encoding(algorithm: Algorithm, field: &SignatureField) -> Result<(), ConfigError> {
    let plain = matches!(algorithm, Algorithm::Token | Algorithm::Jwt);
    match field.encoding {
        Some(_) if algorithm == Algorithm::Jwt => error(
            "verify.signature.encoding",
            "a JWT says itself how it is encoded: remove it",
        ),
        None if !plain => error(
            "verify.signature.encoding",
            "say `hex`, `base64` or `base64url`",
        ),
        Some(Encoding::Base64 | Encoding::Base64url) | None if field.hex_case.is_some() => error(
            "verify.signature.hex_case",
            "only hexadecimal digits have a case: remove it",
        ),
        _ => Ok(()),
    }
}

fn layout(algorithm: Algorithm, field: &SignatureField) -> Result<(), ConfigError> {
    if field.prefix_optional && field.prefix.is_none() {
        return error(
            "verify.signature.prefix_optional",
            "there is no prefix: remove it",
        );
    }
    let (separators, names) = match (&field.list, &field.pairs) {
        (Some(_), Some(_)) => {
            return error("verify.signature", "either `list` or `pairs`, not both");
        }
        (None, None) => return Ok(()),
        (Some(list), None) => ([&list.separator, &list.version_separator], &list.versions),
        (None, Some(pairs)) => ([&pairs.separator, &pairs.equals], &pairs.signature_keys),
    };
    if algorithm == Algorithm::Jwt {
        return error(
            "verify.signature",
            "a JWT stands alone: remove `list` and `pairs`",
        );
    }
    if separators.into_iter().any(String::is_empty) || separators[0] == separators[1] {
        return error("verify.signature", "separators are not empty and differ");
    }
    if names.is_empty() || names.iter().any(String::is_empty) {
        return error("verify.signature", "name at least one version or key");
    }
    Ok(())
}

fn content(scheme: &Scheme, parts: &[Part], key: &str) -> Result<(), ConfigError> {
    if matches!(scheme.algorithm, Algorithm::Token | Algorithm::Jwt) {
        return if parts.is_empty() {
            Ok(())
        } else {
            error(key, "a token or JWT signs no content: remove it")
        };
    }
    if parts.iter().all(|part| matches!(part, Part::Literal(_))) {
        return error(
            key,
            "say what is signed, such as `[\"timestamp\", \".\", \"body\"]`",
        );
    }
    if parts.contains(&Part::Timestamp) && scheme.timestamp.is_none() {
        return error(
            key,
            "it signs a timestamp: say in `verify.timestamp` where that is",
        );
    }
    if parts.contains(&Part::Id) && scheme.id.is_none() {
        return error(key, "it signs an id: say in `verify.id` where that is");
    }
    Ok(())
}

fn timestamp(scheme: &Scheme) -> Result<(), ConfigError> {
    let in_pairs = scheme.signature.as_slice().iter().any(|field| {
        let pairs = field.pairs.as_ref();
        pairs.is_some_and(|pairs| pairs.timestamp_key.is_some())
    });
    let Some(time) = &scheme.timestamp else {
        return if in_pairs {
            error(
                "verify.timestamp",
                "the signature holds one: say its `format`",
            )
        } else {
            Ok(())
        };
    };
    if time.from.is_none() && !in_pairs {
        return error(
            "verify.timestamp.from",
            "say where it is, such as `\"header:x-timestamp\"`, or name a `timestamp_key` in the signature's `pairs`",
        );
    }
    let formats = time.format.as_slice();
    if formats.is_empty()
        || (formats.contains(&TimeFormat::Unix) && formats.contains(&TimeFormat::UnixMs))
    {
        return error(
            "verify.timestamp.format",
            "one of `unix` and `unix_ms`, or `iso8601`, or two: digits cannot say which unit they are",
        );
    }
    if time.tolerance_s == 0 {
        return error(
            "verify.timestamp.tolerance_s",
            "at least 1: no request arrives at the instant it was signed",
        );
    }
    Ok(())
}
