//! What the types of a row cannot say: that its parts fit together.

use crate::content::Part;
use crate::error::ConfigError;
use crate::event::Extractor;
use crate::field::{FieldSource, Path};
use crate::row::Row;
use crate::scheme::{Algorithm, Carrier, Encoding, Scheme, TimeFormat};

/// The first key of the row that does not fit.
pub(crate) fn row(row: &Row) -> Result<(), ConfigError> {
    let scheme = &row.verify;
    if !(400..=499).contains(&scheme.reject_status) {
        return error(
            "verify.reject_status",
            "a refused request is answered with 400 to 499",
        );
    }
    carriers(scheme)?;
    content(scheme, &scheme.content, "verify.content")?;
    for (name, variant) in &scheme.variants {
        content(
            scheme,
            &variant.content,
            &format!("verify.variants.{name}.content"),
        )?;
    }
    timestamp(scheme)?;
    if let Some(id) = &scheme.id {
        header_name(&id.header, "verify.id.header")?;
    }
    event_headers(row)?;
    Extractor::new(row).map(|_| ())
}

fn error<T>(key: &str, advice: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(key, advice))
}

fn carriers(scheme: &Scheme) -> Result<(), ConfigError> {
    let carriers = scheme.signature.as_slice();
    if carriers.is_empty() {
        return error(
            "verify.signature",
            "say where the signature is, such as `{ header = \"x-signature\", encoding = \"hex\" }`",
        );
    }
    if scheme.algorithm == Algorithm::Jwt && carriers.len() > 1 {
        return error("verify.signature", "a JWT is in one place: one table");
    }
    carriers
        .iter()
        .try_for_each(|carrier| self::carrier(scheme.algorithm, carrier))
}

fn carrier(algorithm: Algorithm, carrier: &Carrier) -> Result<(), ConfigError> {
    let places = [
        &carrier.header,
        &carrier.query,
        &carrier.body,
        &carrier.form,
    ];
    if places.into_iter().flatten().count() != 1 {
        return error(
            "verify.signature",
            "name exactly one of `header`, `query`, `body` and `form`",
        );
    }
    if places.into_iter().flatten().any(String::is_empty) {
        return error("verify.signature", "the name is empty");
    }
    if let Some(name) = &carrier.header {
        header_name(name, "verify.signature.header")?;
    }
    if let Some(path) = &carrier.body {
        Path::new(path, "verify.signature.body")?;
    }
    encoding(algorithm, carrier)?;
    grammar(algorithm, carrier)
}

fn encoding(algorithm: Algorithm, carrier: &Carrier) -> Result<(), ConfigError> {
    let plain = matches!(algorithm, Algorithm::Token | Algorithm::Jwt);
    match carrier.encoding {
        Some(_) if algorithm == Algorithm::Jwt => error(
            "verify.signature.encoding",
            "a JWT says itself how it is encoded: remove it",
        ),
        None if !plain => error(
            "verify.signature.encoding",
            "say `hex`, `base64` or `base64url`",
        ),
        Some(Encoding::Base64 | Encoding::Base64url) | None if carrier.hex_case.is_some() => error(
            "verify.signature.hex_case",
            "only hexadecimal digits have a case: remove it",
        ),
        _ => Ok(()),
    }
}

fn grammar(algorithm: Algorithm, carrier: &Carrier) -> Result<(), ConfigError> {
    if carrier.prefix_optional && carrier.prefix.is_none() {
        return error(
            "verify.signature.prefix_optional",
            "there is no prefix: remove it",
        );
    }
    let (separators, names) = match (&carrier.list, &carrier.pairs) {
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
    for part in parts {
        match part {
            Part::Header(name) => header_name(name, key)?,
            Part::BodyField(path) => Path::new(path, key).map(|_| ())?,
            _ => {}
        }
    }
    Ok(())
}

fn timestamp(scheme: &Scheme) -> Result<(), ConfigError> {
    let paired = scheme
        .signature
        .as_slice()
        .iter()
        .filter_map(|carrier| carrier.pairs.as_ref());
    let has_key = paired
        .into_iter()
        .any(|pairs| pairs.timestamp_key.is_some());
    let Some(time) = &scheme.timestamp else {
        return if has_key {
            error(
                "verify.timestamp",
                "the signature holds one: say its `format`",
            )
        } else {
            Ok(())
        };
    };
    match (&time.header, &time.body) {
        (Some(_), Some(_)) => {
            return error("verify.timestamp", "either `header` or `body`, not both");
        }
        (Some(name), None) => header_name(name, "verify.timestamp.header")?,
        (None, Some(path)) => Path::new(path, "verify.timestamp.body").map(|_| ())?,
        (None, None) if has_key => {}
        (None, None) => {
            return error(
                "verify.timestamp",
                "name its `header`, or a `timestamp_key` in the signature's `pairs`",
            );
        }
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

fn event_headers(row: &Row) -> Result<(), ConfigError> {
    let event = &row.event;
    let single = [
        (&event.id, "event.id"),
        (&event.event_type, "event.type"),
        (&event.tenant, "event.tenant"),
    ];
    let named = single
        .into_iter()
        .filter_map(|(source, key)| source.as_ref().map(|source| (source, key)));
    for (source, key) in named.chain(event.dedupe.iter().map(|source| (source, "event.dedupe"))) {
        if let FieldSource::Header(name) = source {
            header_name(name, key)?;
        }
    }
    Ok(())
}

/// A token of RFC 9110, section 5.6.2: anything else can never be a header's name.
fn header_name(name: &str, key: &str) -> Result<(), ConfigError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(ConfigError::new(
            key,
            format!("`{name}` is not a header's name"),
        ));
    }
    Ok(())
}
