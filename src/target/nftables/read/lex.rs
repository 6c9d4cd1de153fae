//! Text to tokens with lines.

use super::refuse;
use crate::target::ReadError;

/// A token and the line that it begins on, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token<'a> {
    /// What it is.
    pub(super) kind: Kind<'a>,
    /// Its line.
    pub(super) line: usize,
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind<'a> {
    /// A keyword, name, number, address, prefix or range; or `.` or `:` alone.
    Word(&'a str),
    /// The text between quotes.
    Quoted(&'a str),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// A line break or `;`.
    End,
}

const SYMBOLS: [&str; 10] = ["!=", "==", "{", "}", "(", ")", ",", "=", "&", "|"];

/// Splits a text; comments go, and so do repeated ends.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ReadError> {
    let mut tokens = Vec::with_capacity(text.len() / 6);
    for (number, line) in text.split('\n').enumerate() {
        split(line, number + 1, &mut tokens)?;
        end(number + 1, &mut tokens);
    }
    Ok(tokens)
}

fn end(line: usize, tokens: &mut Vec<Token<'_>>) {
    if !matches!(tokens.last(), None | Some(Token { kind: Kind::End, .. })) {
        tokens.push(Token { kind: Kind::End, line });
    }
}

fn split<'a>(text: &'a str, line: usize, tokens: &mut Vec<Token<'a>>) -> Result<(), ReadError> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        match rest.as_bytes().first() {
            None => return Ok(()),
            // A backslash joins lines in some places; it has no business in any.
            Some(b'#') if rest.ends_with('\\') => {
                return Err(refuse(line, "a comment ends in a backslash"));
            }
            Some(b'#') => return Ok(()),
            Some(b';') => {
                end(line, tokens);
                rest = rest.get(1..).unwrap_or_default();
            }
            Some(_) => {
                let (kind, length) = token(rest, line)?;
                tokens.push(Token { kind, line });
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }
}

fn token(rest: &str, line: usize) -> Result<(Kind<'_>, usize), ReadError> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let close = quoted.find('"').ok_or_else(|| refuse(line, "a quote is not closed"))?;
        let text = quoted.get(..close).unwrap_or_default();
        if text.contains(['\\', '$']) {
            return Err(refuse(line, "a quoted text has `\\` or `$`, which nft may expand"));
        }
        return Ok((Kind::Quoted(text), close + 2));
    }
    let of_word = |b: &u8| b.is_ascii_alphanumeric() || b"_-.:/@".contains(b);
    let length = rest.bytes().take_while(of_word).count();
    match rest.get(..length) {
        Some(word) if length > 0 => Ok((Kind::Word(word), length)),
        _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => Ok((Kind::Symbol(symbol), symbol.len())),
            None => {
                let first = rest.chars().next().unwrap_or_default();
                Err(refuse(line, format!("the character {first:?} is not understood")))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        tokens(text).expect(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn a_line_becomes_words_symbols_and_an_end() {
        use Kind::{End, Quoted, Symbol, Word};
        assert_eq!(
            kinds("\t::/0 . { 80,443 } : a\"x ; #\" # gone\n\n;;\nb"),
            [
                Word("::/0"),
                Word("."),
                Symbol("{"),
                Word("80"),
                Symbol(","),
                Word("443"),
                Symbol("}"),
                Word(":"),
                Word("a"),
                Quoted("x ; #"),
                End,
                Word("b"),
                End,
            ]
        );
        assert_eq!(kinds("a != b\n").len(), 4);
        assert_eq!(tokens("a\n\nb").expect("words").last().map(|t| t.line), Some(3));
    }

    #[test]
    fn what_nft_would_read_otherwise_is_refused() {
        let refused = [
            "\"open", "a \\\n", "# x\\\n", "\"a$b\"", "\"a\\\"", "a\u{a0}b", "a\rb", "<", "!",
            "$x", "a\0b", "'a'",
        ];
        for text in refused {
            assert!(tokens(text).is_err(), "{text:?}");
        }
    }
}
