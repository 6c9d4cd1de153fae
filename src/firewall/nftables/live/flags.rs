//! What a rule asks of TCP's flags.

use super::elements::skip_one;
use crate::firewall::nftables::read::lex::Kind;
use crate::firewall::nftables::read::parse::Cursor;
use crate::firewall::nftables::read::values::flag;

/// Reads what stands behind `tcp flags`; gives the octets that match, or `None` for what is not understood.
pub(super) fn octets(cursor: &mut Cursor<'_, '_>) -> Option<Vec<u32>> {
    if cursor.peek() == Some(Kind::Symbol("{")) {
        let list = list(cursor)?;
        return Some(those(|octet| list.contains(&octet)));
    }
    if cursor.next_is(Kind::Symbol("&")) {
        let mask = operand(cursor)?;
        let equal = comparison(cursor)?;
        let value = operand(cursor)?;
        return Some(those(|octet| (octet & mask == value) == equal));
    }
    if cursor.next_is(Kind::Symbol("!")) {
        let mask = operand(cursor)?;
        return Some(those(|octet| octet & mask == 0));
    }
    let said = comparison(cursor);
    if cursor.peek() == Some(Kind::Symbol("{")) {
        let list = list(cursor)?;
        return Some(those(|octet| list.contains(&octet) == (said == Some(true))));
    }
    let several = cursor.tokens.get(cursor.at + 1).map(|token| token.kind);
    let value = operand(cursor)?;
    if cursor.next_is(Kind::Word("/")) {
        let mask = operand(cursor)?;
        return Some(those(|octet| (octet & mask == value) == (said != Some(false))));
    }
    match said {
        Some(equal) => Some(those(|octet| (octet == value) == equal)),
        // What `syn | ack` alone compares with is not documented.
        None if several == Some(Kind::Symbol("|")) => None,
        None => Some(those(|octet| octet & value != 0)),
    }
}

fn those(fits: impl Fn(u32) -> bool) -> Vec<u32> {
    (0..=255).filter(|octet| fits(*octet)).collect()
}

fn comparison(cursor: &mut Cursor<'_, '_>) -> Option<bool> {
    if cursor.next_is(Kind::Symbol("==")) {
        return Some(true);
    }
    cursor.next_is(Kind::Symbol("!=")).then_some(false)
}

/// Reads `syn`, `fin,syn`, `(fin | syn)` or a number.
fn operand(cursor: &mut Cursor<'_, '_>) -> Option<u32> {
    let inside = cursor.next_is(Kind::Symbol("("));
    let mut octet = one(cursor)?;
    while cursor.next_is(Kind::Symbol("|")) || cursor.next_is(Kind::Symbol(",")) {
        octet |= one(cursor)?;
    }
    (!inside || cursor.next_is(Kind::Symbol(")"))).then_some(octet)
}

fn one(cursor: &mut Cursor<'_, '_>) -> Option<u32> {
    let word = cursor.word().ok()?.text;
    let number = || match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    };
    flag(word).or_else(number).filter(|octet| *octet <= 255)
}

/// Reads `{ syn, syn | ack }`.
fn list(cursor: &mut Cursor<'_, '_>) -> Option<Vec<u32>> {
    let start = cursor.at;
    let read = values(cursor);
    if read.is_none() {
        cursor.at = start;
        skip_one(cursor);
    }
    read
}

fn values(cursor: &mut Cursor<'_, '_>) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    cursor.at += 1;
    loop {
        cursor.ends();
        if cursor.next_is(Kind::Symbol("}")) {
            return Some(all);
        }
        let inside = cursor.next_is(Kind::Symbol("("));
        let mut octet = one(cursor)?;
        while cursor.next_is(Kind::Symbol("|")) {
            octet |= one(cursor)?;
        }
        if inside && !cursor.next_is(Kind::Symbol(")")) {
            return None;
        }
        all.push(octet);
        cursor.ends();
        if !cursor.next_is(Kind::Symbol(",")) && cursor.peek() != Some(Kind::Symbol("}")) {
            return None;
        }
    }
}
