//! The statements of a rule.

use super::cursor::Cursor;
use super::expression::{compared, listed, looked, written};
use super::lex::{Kind, Token};
use super::{Expression, Statement, Verdict, What, elements};

/// Splits a rule; what the grammar does not know is one statement up to the rule's end.
pub(super) fn statements<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<Statement<'t, 'a>> {
    let mut cursor = Cursor::new(tokens);
    let mut all = Vec::new();
    loop {
        cursor.ends();
        if cursor.peek().is_none() {
            return all;
        }
        let start = cursor.at;
        let what = statement(&mut cursor).filter(|_| cursor.at <= tokens.len());
        let what = what.unwrap_or_else(|| {
            cursor.at = tokens.len();
            What::Unknown
        });
        all.push(Statement { words: cursor.since(start), what });
    }
}

fn statement<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<What<'t, 'a>> {
    let word = cursor.word_ahead(0);
    match word {
        "comment" => {
            cursor.at += 1;
            quoted(cursor)?;
        }
        "counter" => counter(cursor)?,
        "last" => last(cursor)?,
        "log" => log(cursor)?,
        "limit" => limit(cursor)?,
        "quota" => quota(cursor)?,
        "ct" if cursor.word_ahead(1) == "count" => {
            cursor.at += 2;
            cursor.one_of(&["over"]);
            cursor.word().ok()?;
        }
        "notrack" => cursor.at += 1,
        "reject" => reject(cursor)?,
        "snat" | "dnat" | "masquerade" | "redirect" => translation(cursor)?,
        "flow" => flow(cursor)?,
        "reset" => {
            cursor.at += 1;
            cursor.one_of(&["tcp"]).and_then(|_| cursor.one_of(&["option"]))?;
            cursor.word().ok()?;
        }
        "xt" => {
            cursor.at += 1;
            cursor.one_of(&["match", "target"])?;
            cursor.value()?;
        }
        "add" | "update" | "delete" => return update(cursor),
        "accept" | "drop" | "return" | "continue" | "jump" | "goto" => {
            return verdict(cursor).map(What::Verdict);
        }
        "" | "@" => return None,
        // A match of xtables as a comment; targets have capital letters.
        word if word.starts_with("xt_") => {
            cursor.at += 1;
            return (word == word.to_ascii_lowercase()).then_some(What::Keyword("xt"));
        }
        _ => return expression(cursor),
    }
    Some(What::Keyword(word))
}

/// Reads `accept`, `jump NAME` and their like.
pub(in crate::firewall::nftables) fn verdict<'a>(
    cursor: &mut Cursor<'_, 'a>,
) -> Option<Verdict<'a>> {
    let word = cursor.word().ok()?.text;
    Some(match word {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(cursor.value()?.text),
        "goto" => Verdict::Goto(cursor.value()?.text),
        _ => return None,
    })
}

fn quoted(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    let found = matches!(cursor.peek(), Some(Kind::Quoted(_)));
    cursor.at += usize::from(found);
    found.then_some(())
}

fn number(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    let word = cursor.word().ok()?;
    word.text.parse::<u64>().ok().map(|_| ())
}

/// Passes `name "x"`, where that is what follows.
fn named(cursor: &mut Cursor<'_, '_>) -> Option<bool> {
    let found = cursor.one_of(&["name"]).is_some();
    if found {
        cursor.value()?;
    }
    Some(found)
}

fn counter(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    cursor.at += 1;
    if !named(cursor)? && cursor.one_of(&["packets"]).is_some() {
        number(cursor)?;
        cursor.one_of(&["bytes"])?;
        number(cursor)?;
    }
    Some(())
}

fn last(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    cursor.at += 1;
    if cursor.one_of(&["used"]).is_some() {
        cursor.word().ok()?;
    }
    Some(())
}

fn log(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    cursor.at += 1;
    while let Some(key) =
        cursor.one_of(&["prefix", "level", "group", "snaplen", "queue-threshold", "flags"])
    {
        if key == "flags" {
            cursor.one_of(&["tcp", "ip"]);
        }
        cursor.value()?;
        while key == "flags" && cursor.next_is(Kind::Symbol(",")) {
            cursor.value()?;
        }
    }
    Some(())
}

/// Passes `limit rate over 10 kbytes/second burst 5 kbytes`.
fn limit(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    cursor.at += 1;
    if named(cursor)? {
        return Some(());
    }
    cursor.one_of(&["rate"])?;
    cursor.one_of(&["over"]);
    if !cursor.word().ok()?.text.contains('/') && !cursor.word().ok()?.text.contains('/') {
        return None;
    }
    if cursor.one_of(&["burst"]).is_some() {
        number(cursor)?;
        cursor.word().ok()?;
    }
    Some(())
}

/// Passes `quota over 5 mbytes used 3 bytes`.
fn quota(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    cursor.at += 1;
    if named(cursor)? {
        return Some(());
    }
    cursor.one_of(&["over", "until"]);
    number(cursor)?;
    cursor.word().ok()?;
    if cursor.one_of(&["used"]).is_some() {
        number(cursor)?;
        cursor.word().ok()?;
    }
    Some(())
}

fn reject(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    cursor.at += 1;
    if cursor.one_of(&["with"]).is_none() {
        return Some(());
    }
    match cursor.one_of(&["tcp", "icmp", "icmpv6", "icmpx"])? {
        "tcp" => cursor.one_of(&["reset"]).map(|_| ()),
        _ => {
            cursor.one_of(&["type"]);
            cursor.word().ok().map(|_| ())
        }
    }
}

/// Passes to the comment: a translation is the end of a rule.
fn translation(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    let words = cursor.until(&[Kind::Word("comment")]);
    let more = ["accept", "drop", "return", "jump", "goto", "reject", "queue", "vmap"];
    let plain = |token: &Token<'_>| !matches!(token.kind, Kind::Word(word) if more.contains(&word));
    words.iter().all(plain).then_some(())
}

/// Passes `flow add @f`.
fn flow(cursor: &mut Cursor<'_, '_>) -> Option<()> {
    cursor.at += 1;
    cursor.one_of(&["add", "offload"])?;
    cursor.word().ok()?.text.starts_with('@').then_some(())
}

/// Reads `add @set { ip saddr timeout 1h }`.
fn update<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<What<'t, 'a>> {
    cursor.at += 1;
    let set = cursor.word().ok()?.text.strip_prefix('@')?;
    let start = cursor.at + 1;
    elements::braces(cursor)?;
    let (_, inside) = cursor.since(start).split_last()?;
    let mut inside = Cursor::new(inside);
    let key = written(&mut inside)?;
    let further = inside.tokens.get(inside.at..).unwrap_or_default();
    Some(What::Update(set, further, key))
}

/// Reads a statement that begins with what it looks at.
fn expression<'t, 'a>(cursor: &mut Cursor<'t, 'a>) -> Option<What<'t, 'a>> {
    let looked = looked(cursor)?;
    if cursor.next_is(Kind::Word("vmap")) {
        return Some(What::VerdictMap(looked, listed(cursor)?));
    }
    if cursor.next_is(Kind::Word("set")) {
        let Expression::Of(words) = looked else { return None };
        return Some(What::Write(words, written(cursor)?));
    }
    let operator = match cursor.peek() {
        Some(Kind::Symbol(symbol @ ("==" | "!=" | "<" | ">" | "<=" | ">=" | "!"))) => symbol,
        // For rules of iptables nft lists `lt 64`.
        Some(Kind::Word("lt")) => "<",
        Some(Kind::Word("gt")) => ">",
        _ => "",
    };
    cursor.at += usize::from(!operator.is_empty());
    Some(What::Match(looked, operator, compared(cursor)?))
}
