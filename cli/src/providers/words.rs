//! A provider's definition in words.

use std::fmt::Display;

use hookgate_signature::{
    About, Algorithm, Encoding, EventFields, Handshake, KeyEncoding, Part, Place, Provider, Scheme,
    SignatureField, TimeFormat, Variant,
};

/// Lines of a key and a text.
pub(super) fn provider(about: &About, provider: &Provider) -> Vec<(&'static str, String)> {
    let scheme = provider.scheme();
    let fields = scheme.signature.as_slice().iter();
    let mut lines: Vec<_> = fields
        .map(|field| ("signature", signature(scheme, field)))
        .collect();
    lines.extend(signed(scheme).map(|text| ("signed", text)));
    lines.extend(scheme.variants.iter().map(variant));
    lines.extend(key(scheme.key).map(|text| ("secret", text.to_owned())));
    lines.push(("time", time(scheme)));
    lines.push(("event", event(provider.event())));
    lines.extend(
        provider
            .handshakes()
            .iter()
            .map(|handshake| ("test", test(handshake))),
    );
    lines.push(("refusal", format!("status {}", provider.reject_status())));
    lines.push(("facts", facts(about)));
    lines.extend(about.checked.map(|day| ("read", read(about, day))));
    lines.extend(
        about
            .warnings
            .iter()
            .map(|warning| ("note", warning.clone())),
    );
    lines
}

fn signature(scheme: &Scheme, field: &SignatureField) -> String {
    let what = match scheme.algorithm {
        Algorithm::HmacSha1 => "HMAC-SHA1",
        Algorithm::HmacSha256 => "HMAC-SHA256",
        Algorithm::HmacSha384 => "HMAC-SHA384",
        Algorithm::HmacSha512 => "HMAC-SHA512",
        Algorithm::Token => "the secret itself",
        Algorithm::Jwt => "a JWT (RS256) of a trusted issuer",
    };
    let encoding = match field.encoding {
        Some(Encoding::Hex) => " in hex",
        Some(Encoding::Base64) => " in base64",
        Some(Encoding::Base64url) => " in base64url",
        None => "",
    };
    format!(
        "{what}{encoding}, {}, as `{}`",
        field.from,
        shape(scheme, field)
    )
}

/// The signature's text, with placeholders for the parts that differ from request to request.
fn shape(scheme: &Scheme, field: &SignatureField) -> String {
    let word = match scheme.content.is_empty() {
        true => "TOKEN",
        false => "SIGNATURE",
    };
    let prefix = field.prefix.as_deref().unwrap_or_default();
    let first = |names: &[String]| names.first().cloned().unwrap_or_default();
    let value = match (&field.list, &field.pairs) {
        (Some(list), _) => format!(
            "{}{}SIGNATURE",
            first(&list.versions),
            list.version_separator
        ),
        (_, Some(pairs)) => {
            let time = pairs.timestamp_key.as_ref();
            let time = time.map(|key| format!("{key}{}TIME{}", pairs.equals, pairs.separator));
            let key = first(&pairs.signature_keys);
            format!("{}{key}{}SIGNATURE", time.unwrap_or_default(), pairs.equals)
        }
        _ => word.to_owned(),
    };
    format!("{prefix}{value}")
}

fn signed(scheme: &Scheme) -> Option<String> {
    (!scheme.content.is_empty()).then(|| parts(&scheme.content))
}

fn variant((name, variant): (&String, &Variant)) -> (&'static str, String) {
    ("variant", format!("{name}: {}", parts(&variant.content)))
}

fn parts(parts: &[Part]) -> String {
    let parts: Vec<_> = parts.iter().map(part).collect();
    parts.join(" ")
}

fn part(part: &Part) -> String {
    match part {
        Part::Timestamp => "timestamp".to_owned(),
        Part::Body => "body".to_owned(),
        Part::Id => "id".to_owned(),
        Part::Method => "method".to_owned(),
        Part::Url => "url".to_owned(),
        Part::Value(place) => place.to_string(),
        Part::Literal(text) => format!("{text:?}"),
    }
}

fn key(encoding: KeyEncoding) -> Option<&'static str> {
    match encoding {
        KeyEncoding::Utf8 => None,
        KeyEncoding::Hex => Some("hexadecimal digits"),
        KeyEncoding::Base64 => Some("base64"),
        KeyEncoding::Whsec => Some("base64, after `whsec_` if it is there"),
    }
}

fn time(scheme: &Scheme) -> String {
    let Some(time) = &scheme.timestamp else {
        let jwt = scheme.algorithm == Algorithm::Jwt;
        return if jwt { "in the token" } else { "none" }.to_owned();
    };
    let from = match &time.from {
        Some(place) => place.to_string(),
        None => "in the signature".to_owned(),
    };
    let formats: Vec<_> = time.format.as_slice().iter().map(format).collect();
    let formats = formats.join(" or ");
    format!("{from}, {formats}, at most {} s from now", time.tolerance_s)
}

fn format(format: &TimeFormat) -> &'static str {
    match format {
        TimeFormat::Unix => "seconds since 1970",
        TimeFormat::UnixMs => "milliseconds since 1970",
        TimeFormat::Iso8601 => "RFC 3339",
    }
}

fn event(fields: &EventFields) -> String {
    let named = [
        ("id", &fields.id),
        ("type", &fields.event_type),
        ("tenant", &fields.tenant),
    ];
    let named = named
        .into_iter()
        .filter_map(|(name, place)| Some(format!("{name} from {}", place.as_ref()?)));
    let dedupe: Vec<_> = fields.dedupe.iter().map(Place::to_string).collect();
    let dedupe = (!dedupe.is_empty()).then(|| format!("told apart by {}", dedupe.join(" and ")));
    let all: Vec<_> = named.chain(dedupe).collect();
    match all.is_empty() {
        true => "told apart by its body".to_owned(),
        false => all.join(", "),
    }
}

fn test(handshake: &Handshake) -> String {
    let Handshake { from, equals, echo } = handshake;
    format!("where {from} is `{equals}`, the answer is {echo}")
}

fn facts(about: &About) -> String {
    let (verify, event) = (about.basis.verify.as_str(), about.basis.event.as_str());
    format!("signature: {verify}, event: {event}")
}

fn read(about: &About, day: impl Display) -> String {
    format!("{day}, {}", about.source.as_ref().unwrap_or(&about.docs))
}
