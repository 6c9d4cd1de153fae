//! The head of a base chain: which packets enter it, and when.

use crate::firewall::ReadError;
use crate::firewall::nftables::read::lex::{Kind, Token};
use crate::firewall::nftables::read::refuse;

/// Where packets enter a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base<'a> {
    /// `filter`, `nat` or `route`.
    pub(super) kind: &'a str,
    /// The hook's name.
    pub(super) hook: &'a str,
    /// Lower ones come first.
    pub(super) priority: i32,
    /// Whether packets that leave the chain undecided are dropped.
    pub(super) drops: bool,
}

/// Reads `type filter hook input priority filter - 10`.
pub(super) fn head<'a>(tokens: &[Token<'a>]) -> Result<Base<'a>, ReadError> {
    let line = tokens.first().map_or(1, |token| token.line);
    let words: Vec<&'a str> = tokens.iter().filter_map(word).collect();
    let after = |name: &str| words.iter().position(|word| *word == name).map(|at| at + 1);
    let value = |name: &str| after(name).and_then(|at| words.get(at).copied());
    let terms = after("priority").and_then(|at| words.get(at..)).unwrap_or_default();
    let (Some(kind), Some(hook), Some(priority)) = (value("type"), value("hook"), priority(terms))
    else {
        return Err(refuse(line, "the head of a base chain is not understood"));
    };
    Ok(Base { kind, hook, priority, drops: false })
}

fn word<'a>(token: &Token<'a>) -> Option<&'a str> {
    match token.kind {
        Kind::Word(text) | Kind::Quoted(text) => Some(text),
        _ => None,
    }
}

/// Reads `-150`, `filter`, `filter + 10` or `filter -10`; the names are those of `nft(8)`.
fn priority(terms: &[&str]) -> Option<i32> {
    let (first, rest) = terms.split_first()?;
    let from: i32 = match *first {
        "raw" => -300,
        "mangle" => -150,
        "dstnat" => -100,
        "filter" => 0,
        "security" => 50,
        "srcnat" => 100,
        "out" => 100,
        number => number.parse().ok()?,
    };
    let by = match rest {
        [] => 0,
        ["+", by] => by.parse::<i32>().ok()?,
        ["-", by] => by.parse::<i32>().ok()?.checked_neg()?,
        [by] => by.parse::<i32>().ok()?,
        _ => return None,
    };
    from.checked_add(by)
}
