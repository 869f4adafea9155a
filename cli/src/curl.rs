use std::path::Path;

use crate::BoxError;
use crate::samples::Signed;

/// The command that sends a signed request. A body that is in a file as it is sent is taken from there.
pub(crate) fn command(url: &str, signed: &Signed, file: Option<&Path>) -> Result<String, BoxError> {
    let mut words = vec!["curl".to_owned(), "-i".to_owned(), url.to_owned()];
    for (name, value) in &signed.headers {
        words.extend(["-H".to_owned(), format!("{name}: {value}")]);
    }
    match file {
        Some(file) => words.extend(["--data-binary".to_owned(), format!("@{}", file.display())]),
        None => {
            let body = String::from_utf8(signed.body.clone());
            let body = body.map_err(|_| "the body is not text: pass it with --data")?;
            words.extend(["--data-raw".to_owned(), body]);
        }
    }
    Ok(shlex::try_join(words.iter().map(String::as_str))?)
}
