//! Text to tokens with lines.

use super::refuse;
use crate::firewall::ReadError;

/// A token and the line that it begins on, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::firewall::nftables) struct Token<'a> {
    /// What it is.
    pub(in crate::firewall::nftables) kind: Kind<'a>,
    /// Its line.
    pub(in crate::firewall::nftables) line: usize,
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::firewall::nftables) enum Kind<'a> {
    /// A keyword, name, number, address, prefix or range; or `.` or `:` alone.
    Word(&'a str),
    /// The text between quotes.
    Quoted(&'a str),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    /// In a text of ours: what stands between the braces of `elements = { }`, not split yet. There can be
    /// a million elements, and nobody needs all their tokens at once.
    Elements(&'a str),
    /// A line break or `;`.
    End,
}

const SYMBOLS: [&str; 10] = ["!=", "==", "{", "}", "(", ")", ",", "=", "&", "|"];

/// Symbols that only rules of other hands have.
const FOREIGN: [&str; 8] = ["<=", ">=", "<<", ">>", "<", ">", "^", "!"];

/// Whose text it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// Ours: what we would not write is refused.
    Own,
    /// Anybody's: each character becomes some token, and only quotes must close.
    Any,
}

/// Splits a text; comments go, and so do repeated ends.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ReadError> {
    split_lines(text, Hand::Own)
}

/// Splits a text that anybody may have written.
pub(in crate::firewall::nftables) fn any_tokens(text: &str) -> Result<Vec<Token<'_>>, ReadError> {
    split_lines(text, Hand::Any)
}

fn split_lines(text: &str, hand: Hand) -> Result<Vec<Token<'_>>, ReadError> {
    let mut tokens = Vec::new();
    let (mut rest, mut number) = (Some(text), 0);
    while let Some(text) = rest {
        number += 1;
        let line = first_line(text);
        rest = text.get(line.len() + 1..);
        let joined = hand == Hand::Any && line.ends_with('\\') && !line.contains('#');
        let line = line.strip_suffix('\\').filter(|_| joined).unwrap_or(line);
        if let Some(at) = split(line, number, hand, &mut tokens)? {
            let inside = text.get(at..).unwrap_or_default();
            let (elements, after) = inside.split_at(closing_brace(inside));
            tokens.push(Token { kind: Kind::Elements(elements), line: number });
            // The line of the closing brace goes on.
            number = number + elements.matches('\n').count() - 1;
            rest = Some(after);
        } else if !joined {
            end(number, &mut tokens);
        }
    }
    Ok(tokens)
}

/// Tells whether the last tokens are `elements = {`.
fn opens_elements(tokens: &[Token<'_>]) -> bool {
    let last = tokens.last_chunk::<3>().map(|last| last.map(|token| token.kind));
    last == Some([Kind::Word("elements"), Kind::Symbol("="), Kind::Symbol("{")])
}

/// Returns the byte of the first brace that closes and stands in no comment, or the text's length.
fn closing_brace(text: &str) -> usize {
    let mut comment = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => comment = false,
            b'#' => comment = true,
            b'}' if !comment => return at,
            _ => {}
        }
    }
    text.len()
}

/// Returns a text up to its first line break: most lines are too short for a search by words.
pub(super) fn first_line(text: &str) -> &str {
    let end = text.bytes().position(|b| b == b'\n').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Splits one line of a text of ours.
pub(super) fn line<'a>(
    text: &'a str,
    number: usize,
    tokens: &mut Vec<Token<'a>>,
) -> Result<(), ReadError> {
    match split(text, number, Hand::Own, tokens)? {
        None => Ok(()),
        Some(_) => Err(refuse(number, "elements are inside elements")),
    }
}

fn end(line: usize, tokens: &mut Vec<Token<'_>>) {
    if !matches!(tokens.last(), None | Some(Token { kind: Kind::End, .. })) {
        tokens.push(Token { kind: Kind::End, line });
    }
}

/// Splits a line; in a text of ours it stops behind `elements = {` and gives the byte there.
fn split<'a>(
    text: &'a str,
    line: usize,
    hand: Hand,
    tokens: &mut Vec<Token<'a>>,
) -> Result<Option<usize>, ReadError> {
    let mut rest = text;
    loop {
        let blanks = rest.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
        rest = rest.get(blanks..).unwrap_or_default();
        if hand == Hand::Any {
            rest = rest.trim_start();
            // A match of xtables that nft has no words for; some versions list it so, in a rule's middle.
            rest = rest.strip_prefix("# ").filter(|rest| rest.starts_with("xt_")).unwrap_or(rest);
        }
        match rest.as_bytes().first() {
            None => return Ok(None),
            // A backslash joins lines in some places; it has no business in any.
            Some(b'#') if hand == Hand::Own && rest.ends_with('\\') => {
                return Err(refuse(line, "a comment ends in a backslash"));
            }
            Some(b'#') => return Ok(None),
            Some(b';') => {
                end(line, tokens);
                rest = rest.get(1..).unwrap_or_default();
            }
            Some(_) => {
                let (kind, length) = token(rest, line, hand)?;
                match (hand, kind) {
                    (Hand::Any, Kind::Word(word)) => keyed(word, line, tokens),
                    _ => tokens.push(Token { kind, line }),
                }
                rest = rest.get(length..).unwrap_or_default();
                if hand == Hand::Own && kind == Kind::Symbol("{") && opens_elements(tokens) {
                    return Ok(Some(text.len() - rest.len()));
                }
            }
        }
    }
}

/// Pushes a word; `80:accept` is a key of a map, a colon and a verdict.
fn keyed<'a>(word: &'a str, line: usize, tokens: &mut Vec<Token<'a>>) {
    let verdicts = ["accept", "drop", "return", "continue", "jump", "goto", "queue"];
    let split = word.rsplit_once(':').filter(|(key, verdict)| {
        !key.is_empty() && (verdict.is_empty() || verdicts.contains(verdict)) && !key.ends_with(':')
    });
    let Some((key, verdict)) = split else {
        return tokens.push(Token { kind: Kind::Word(word), line });
    };
    let words = [key, ":", verdict].into_iter().filter(|word| !word.is_empty());
    tokens.extend(words.map(|word| Token { kind: Kind::Word(word), line }));
}

fn token(rest: &str, line: usize, hand: Hand) -> Result<(Kind<'_>, usize), ReadError> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let close = quoted.find('"').ok_or_else(|| refuse(line, "a quote is not closed"))?;
        let text = quoted.get(..close).unwrap_or_default();
        if hand == Hand::Own && text.contains(['\\', '$']) {
            return Err(refuse(line, "a quoted text has `\\` or `$`, which nft may expand"));
        }
        return Ok((Kind::Quoted(text), close + 2));
    }
    let of_word = |b: &u8| {
        matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' | b'.' | b':' | b'/' | b'@')
            || (hand == Hand::Any && b"*$%+~?[]'`\\".contains(b))
    };
    let length = rest.bytes().take_while(of_word).count();
    match rest.get(..length) {
        Some(word) if length > 0 => Ok((Kind::Word(word), length)),
        _ => match symbol(rest, hand) {
            Some(symbol) => Ok((Kind::Symbol(symbol), symbol.len())),
            None if hand == Hand::Any => {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                Ok((Kind::Word(rest.get(..length).unwrap_or_default()), length))
            }
            None => {
                let first = rest.chars().next().unwrap_or_default();
                Err(refuse(line, format!("the character {first:?} is not understood")))
            }
        },
    }
}

fn symbol(rest: &str, hand: Hand) -> Option<&'static str> {
    if rest.starts_with(',') {
        return Some(",");
    }
    let foreign = FOREIGN.iter().filter(|_| hand == Hand::Any);
    SYMBOLS.iter().chain(foreign).copied().find(|symbol| rest.starts_with(symbol))
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

    #[test]
    fn a_text_of_another_hand_loses_nothing() {
        use Kind::{End, Quoted, Symbol, Word};
        let kinds = |text| -> Vec<_> {
            any_tokens(text).expect("tokens").into_iter().map(|token| token.kind).collect()
        };
        assert_eq!(
            kinds("a \\\n80:accept fe80::1 é \"$\" # xt_owner drop # gone \\\nb >= $c"),
            [
                Word("a"),
                Word("80"),
                Word(":"),
                Word("accept"),
                Word("fe80::1"),
                Word("é"),
                Quoted("$"),
                Word("xt_owner"),
                Word("drop"),
                End,
                Word("b"),
                Symbol(">="),
                Word("$c"),
                End,
            ]
        );
        assert!(any_tokens("\"open").is_err());
    }
}
