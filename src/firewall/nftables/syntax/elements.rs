//! The elements of sets and maps, named or not.

use super::cursor::Cursor;
use super::lex::{self, Kind, Token};
use super::{Expression, Word, expression};

/// A list of elements, as it stands between its braces.
#[derive(Clone, Copy, Debug)]
pub(in crate::firewall::nftables) enum Elements<'t, 'a> {
    /// Not split yet, and the line that it begins on.
    Text(&'a str, usize),
    /// Split.
    Tokens(&'t [Token<'a>]),
}

/// An element of a set or map.
#[derive(Debug)]
pub(in crate::firewall::nftables) struct Element<'t, 'a> {
    /// Its key; `None` for one that is none of the language.
    pub(in crate::firewall::nftables) key: Option<Expression<'t, 'a>>,
    /// What stands between key and data: `timeout 1h`, `counter packets 0 bytes 0`.
    pub(in crate::firewall::nftables) further: &'t [Token<'a>],
    /// What the key is mapped to; empty in a set.
    pub(in crate::firewall::nftables) data: &'t [Token<'a>],
}

/// What is done with each element; it returns whether to go on.
pub(in crate::firewall::nftables) type Take<'f, 'a> = dyn FnMut(&Element<'_, 'a>) -> bool + 'f;

impl<'a> Elements<'_, 'a> {
    /// Hands over each element, until one is not taken. A comma may end the list.
    pub(in crate::firewall::nftables) fn each(&self, take: &mut Take<'_, 'a>) -> bool {
        match self {
            Elements::Tokens(tokens) => list(tokens, take),
            Elements::Text(text, line) => {
                let (mut tokens, mut line) = (Vec::new(), *line);
                let mut pieces = text.split(',').peekable();
                while let Some(piece) = pieces.next() {
                    if let Some(element) = number(piece, line) {
                        if !take(&element) {
                            return false;
                        }
                        line += piece.bytes().filter(|b| *b == b'\n').count();
                        continue;
                    }
                    tokens.clear();
                    lex::words(piece, line, &mut tokens);
                    line += piece.bytes().filter(|b| *b == b'\n').count();
                    if pieces.peek().is_none() && tokens.iter().all(|t| t.kind == Kind::End) {
                        break;
                    }
                    if !take(&element(&mut Cursor::new(&tokens))) {
                        return false;
                    }
                }
                true
            }
        }
    }
}

/// Returns an element that is a number, address, prefix or range of them, or several joined by dots, as nearly
/// all are: nothing in it needs the grammar.
fn number<'t, 'a>(piece: &'a str, line: usize) -> Option<Element<'t, 'a>> {
    let text = piece.trim_matches([' ', '\t', '\n']);
    let before = piece.len() - piece.trim_start_matches([' ', '\t', '\n']).len();
    let line = line + piece.bytes().take(before).filter(|b| *b == b'\n').count();
    let value = |text: &'a str| is_number(text).then_some(Expression::Value(Word { text, line }));
    let key = match text.contains(' ') {
        false => value(text)?,
        true => {
            let values: Option<Vec<_>> = text.split(" . ").map(value).collect();
            Expression::Concatenation(values?)
        }
    };
    Some(Element { key: Some(key), further: &[], data: &[] })
}

/// Tells whether a word is a number, an address, a prefix or a range, or one of the usual protocols.
fn is_number(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_hexdigit() || b":./-".contains(&b);
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.bytes().all(plain)
        && !word.ends_with(':')
        || matches!(word, "tcp" | "udp")
}

fn list<'a>(tokens: &[Token<'a>], take: &mut Take<'_, 'a>) -> bool {
    let mut cursor = Cursor::new(tokens);
    loop {
        cursor.ends();
        if cursor.peek().is_none() {
            return true;
        }
        let inside = cursor.until(&[Kind::Symbol(",")]);
        if !take(&element(&mut Cursor::new(inside))) {
            return false;
        }
        cursor.next_is(Kind::Symbol(","));
    }
}

/// Reads `a . b timeout 1h : accept`.
pub(super) fn element<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Element<'t, 'a> {
    cursor.ends();
    let key = expression::constant(cursor);
    let further = cursor.until(&[Kind::Word(":")]);
    let colon = cursor.next_is(Kind::Word(":"));
    let data = cursor.tokens.get(cursor.at..).filter(|_| colon).unwrap_or_default();
    Element { key, further, data }
}

/// Reads `{ … }`, and returns what stands between the braces.
pub(super) fn braces<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<Elements<'t, 'a>> {
    let start = cursor.at + 1;
    if cursor.peek() != Some(Kind::Symbol("{")) {
        return None;
    }
    cursor.skip();
    let (last, inside) = cursor.since(start).split_last()?;
    if last.kind != Kind::Symbol("}") {
        return None;
    }
    Some(match inside {
        [Token { kind: Kind::Elements(text), line }] => Elements::Text(text, *line),
        inside => Elements::Tokens(inside),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_elements_as_the_grammar_has_them() {
        let text = "10.0.0.0/8, \n\t10.0.0.1-10.0.0.9 ,2001:db8::/32,80,tcp . 443, 10.0.0.1 . 1-5 . udp,1 .2, 1 . 2 . ,1 . accept,\n0x10, 1-,5:6, 00, 1.2.3.4\n";
        for piece in text.split(',') {
            let Some(quick) = number(piece, 7) else { continue };
            let mut tokens = Vec::new();
            lex::words(piece, 7, &mut tokens);
            let slow = element(&mut Cursor::new(&tokens));
            assert_eq!(format!("{:?}", quick.key), format!("{:?}", slow.key), "{piece}");
            assert!(slow.data.is_empty(), "{piece}");
        }
        assert!(number("1 . tcp", 1).is_some() && number("1 . @s", 1).is_none());
        assert!(number("80:", 1).is_none() && number("10.0.0.1 timeout 1h", 1).is_none());
    }
}
