//! The elements of sets and maps, named or not.

use crate::firewall::ReadError;
use crate::firewall::nftables::read::lex::{Kind, Token};
use crate::firewall::nftables::read::parse::Cursor;
use crate::firewall::nftables::read::refuse;
use crate::firewall::nftables::read::syntax::Word;

/// An element of a set or map.
#[derive(Debug)]
pub(super) struct Element<'t, 'a> {
    /// The values that its key joins.
    pub(super) key: Vec<Word<'a>>,
    /// Whether the key is more than that, or the element comes and goes.
    pub(super) unclear: bool,
    /// What the key is mapped to; empty in a set.
    pub(super) data: &'t [Token<'a>],
}

/// Reads `{ a . b timeout 1h : accept, … }`.
pub(super) fn elements<'t, 'a>(
    cursor: &mut Cursor<'t, 'a>,
) -> Result<Vec<Element<'t, 'a>>, ReadError> {
    let open = cursor.line();
    if !cursor.next_is(Kind::Symbol("{")) {
        return Err(refuse(open, "a list of elements is expected here"));
    }
    let mut all = Vec::new();
    loop {
        cursor.ends();
        if cursor.next_is(Kind::Symbol("}")) {
            return Ok(all);
        }
        all.push(element(cursor));
        cursor.ends();
        match cursor.peek() {
            Some(Kind::Symbol(",")) => cursor.at += 1,
            Some(Kind::Symbol("}")) => {}
            _ => return Err(refuse(open, "a brace is not closed")),
        }
    }
}

fn element<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Element<'t, 'a> {
    let mut key = Vec::new();
    let mut unclear = false;
    loop {
        cursor.ends();
        match value(cursor) {
            Some(word) => key.push(word),
            None => unclear = true,
        }
        if !cursor.next_is(Kind::Word(".")) {
            break;
        }
    }
    unclear |= further(cursor);
    let start = cursor.at;
    let mut data = &[][..];
    if cursor.next_is(Kind::Word(":")) {
        skip(cursor);
        data = cursor.tokens.get(start + 1..cursor.at).unwrap_or_default();
    }
    Element { key, unclear, data }
}

/// Reads a word, name or quoted text.
pub(super) fn value<'a>(cursor: &mut Cursor<'_, 'a>) -> Option<Word<'a>> {
    let line = cursor.line();
    match cursor.peek() {
        Some(Kind::Quoted(text)) => {
            cursor.at += 1;
            Some(Word { text, line })
        }
        _ => cursor.word().ok(),
    }
}

/// Reads what stands between a key and its colon or comma; tells whether it makes the element uncertain.
fn further(cursor: &mut Cursor<'_, '_>) -> bool {
    let mut unclear = false;
    let mut plain = true;
    while let Some(kind) = cursor.peek() {
        match kind {
            Kind::Symbol("," | "}") | Kind::Word(":") => break,
            Kind::Word("counter" | "packets" | "bytes" | "comment") | Kind::Quoted(_) => {
                plain = false;
                cursor.at += 1;
            }
            Kind::Word(number) if !plain && number.bytes().all(|b| b.is_ascii_digit()) => {
                cursor.at += 1;
            }
            Kind::End => cursor.at += 1,
            _ => {
                unclear = true;
                skip_one(cursor);
            }
        }
    }
    unclear
}

/// Passes to the comma or brace that ends an element.
fn skip(cursor: &mut Cursor<'_, '_>) {
    while let Some(kind) = cursor.peek() {
        if matches!(kind, Kind::Symbol("," | "}")) {
            return;
        }
        skip_one(cursor);
    }
}

/// Passes one token, or all that is between braces or parentheses.
pub(super) fn skip_one(cursor: &mut Cursor<'_, '_>) {
    let mut depth = 0usize;
    while let Some(kind) = cursor.peek() {
        cursor.at += 1;
        match kind {
            Kind::Symbol("{" | "(") => depth += 1,
            Kind::Symbol("}" | ")") => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}
