//! Variables for development in a file, as `.env` files are written: `hookgate.env`.

use std::collections::HashMap;

use dotenvy::Error;

/// Stands for a dollar sign while dotenvy reads, as it would put a variable's value in its place: a
/// secret may hold one, and would lose a part without a word.
const DOLLAR: &str = "\u{e000}";

/// Reads lines of `NAME=VALUE`, with quotes, comments and `export`; the error is a line's number.
pub(crate) fn parse(text: &str) -> Result<HashMap<String, String>, usize> {
    let no_variables = text.trim_start_matches('\u{feff}').replace('$', DOLLAR);
    let pairs = dotenvy::from_read_iter(no_variables.as_bytes());
    let restored = pairs.map(|pair| pair.map(|(name, value)| (name, value.replace(DOLLAR, "$"))));
    restored
        .collect::<Result<_, _>>()
        .map_err(|error| match error {
            Error::LineParse(rest, _) => line_of(&no_variables, &rest),
            _ => 1,
        })
}

/// The number of the line that ends with what could not be read of it.
fn line_of(text: &str, rest: &str) -> usize {
    let rest = rest.lines().next().unwrap_or_default().trim_end();
    let wrong = |line: &str| !line.starts_with('#') && line.trim_end().ends_with(rest);
    text.lines().position(wrong).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_people_write_them() {
        let read = |text: &str| {
            let mut pairs: Vec<_> = parse(text).unwrap().into_iter().collect();
            pairs.sort();
            let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(read("# secrets\n\nA=1\r\n B = two=2 \n"), "A=1 B=two=2");
        assert_eq!(read("export A=1\nA2=1 # today's"), "A=1 A2=1");
        assert_eq!(read("A=\"x y\"\nB='$A \\ \"' # b"), "A=x y B=$A \\ \"");
        assert_eq!(read("\u{feff}A=pa$word#1$\nB=\"$A\""), "A=pa$word#1$ B=$A");
        assert_eq!(read("A=\nB=\"\""), "A= B=");
    }

    #[test]
    fn what_cannot_be_read_is_found_by_its_line() {
        for (text, line) in [
            ("A=1\nB", 2),
            ("A=1\n\n# A=two words\nA=two words\nB=3", 4),
            ("A=1\r\nB=\"open\r\nC=3\r\n", 2),
            ("A=1\nB=back\\slash", 2),
            ("=1", 1),
            ("A=$x\nB=$x y", 2),
        ] {
            assert_eq!(parse(text), Err(line), "{text}");
        }
    }
}
