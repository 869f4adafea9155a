//! Standard output: text made safe for a terminal, its colours, and its end.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, ErrorKind, Write, stdout};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;

/// Answers whether standard output is in colour: on a terminal, unless `NO_COLOR`, `CLICOLOR` or
/// `CLICOLOR_FORCE` say otherwise.
pub(crate) fn coloured() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Recognizes the error of a standard output that no one reads any more, as after `| head`.
pub(crate) fn is_closed(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Prints a message to standard error, apart from the command's output.
pub(crate) fn tell(text: &str) {
    // Without a standard error there is nowhere to print to.
    let _ = writeln!(io::stderr(), "{}", lines(text));
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    writeln!(stdout(), "{}", serde_json::to_string_pretty(value)?)
}

/// Prints names and values, a line each; `-` where there is no value.
pub(crate) fn fields(fields: &[(&str, Option<&String>)]) -> io::Result<()> {
    let widest = fields.iter().map(|(name, _)| name.len()).max();
    for (name, value) in fields {
        let value = or_dash(value.map(String::as_str));
        writeln!(
            stdout(),
            "{name:<width$}  {value}",
            width = widest.unwrap_or(0)
        )?;
    }
    Ok(())
}

/// Text on one line; `-` where there is none.
pub(crate) fn or_dash(text: Option<&str>) -> Cow<'_, str> {
    text.map_or(Cow::Borrowed("-"), line)
}

/// Text on one line: control characters are escaped, as providers and handlers may write anything.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_unsafe)
}

/// Text of several lines: its line ends and tabs stay, other control characters are escaped.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_unsafe(c) && c != '\n' && c != '\t')
}

/// True for what a terminal does not show but obeys: control characters, and those that change the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, unsafe_in_a_terminal: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&unsafe_in_a_terminal) {
        return Cow::Borrowed(text);
    }
    let escape = |text: String, c: char| match unsafe_in_a_terminal(c) {
        true => text + &c.escape_default().to_string(),
        false => text + c.encode_utf8(&mut [0; 4]),
    };
    Cow::Owned(text.chars().fold(String::new(), escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_all_else_stays() {
        assert_eq!(line("\"a\" \\ ü 発\n"), "\"a\" \\ ü 発\\n");
        assert_eq!(
            line("\u{1b}]0;a\u{7}\u{9b}\u{7f}"),
            "\\u{1b}]0;a\\u{7}\\u{9b}\\u{7f}"
        );
        assert_eq!(line("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(lines("{\n\t\"a\": 1\r\n}"), "{\n\t\"a\": 1\\r\n}");
    }
}
