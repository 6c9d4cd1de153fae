//! What a chain says of itself: which packets enter it, when, and what becomes of those that leave it.

use crate::firewall::ReadError;
use crate::firewall::nftables::syntax::{Property, refuse, texts};

/// Where packets enter a chain.
#[derive(Clone, Debug)]
pub(super) struct Base<'a> {
    /// `filter`, `nat` or `route`.
    pub(super) kind: &'a str,
    /// The hook's name.
    pub(super) hook: &'a str,
    /// Lower ones come first.
    pub(super) priority: i32,
    /// Whether packets that leave the chain undecided are dropped.
    pub(super) drops: bool,
    /// What is not understood of it, so that it is not known which packets enter.
    pub(super) unclear: Option<String>,
}

/// Reads what a chain says of itself; `None` for one that is only jumped to.
pub(super) fn base<'a>(properties: &[Property<'_, 'a>]) -> Result<Option<Base<'a>>, ReadError> {
    let mut base: Option<Base<'a>> = None;
    let mut unclear = None;
    for property in properties {
        let (key, line) = (property.key.text, property.key.line);
        let words = texts(property.words);
        match (key, words.as_slice()) {
            // It says nothing to packets.
            ("comment", _) => {}
            ("type", words) if base.is_none() => {
                let read = head(words)
                    .ok_or_else(|| refuse(line, "the head of a base chain is not understood"))?;
                base = Some(read);
            }
            ("policy", ["accept"]) => {}
            ("policy", ["drop"]) => match &mut base {
                Some(base) => base.drops = true,
                None => unclear = Some("the policy of no base chain".to_owned()),
            },
            _ => unclear = Some(format!("`{key}` of a chain is not understood")),
        }
    }
    Ok(base.map(|base| {
        let odd = !["filter", "nat", "route"].contains(&base.kind);
        let of_type = odd.then(|| format!("chains of type `{}` are not understood", base.kind));
        let level = super::stage::is_level(&base)
            .then(|| "which of this chain and connection tracking comes first".to_owned());
        let unclear = unclear.or(base.unclear.clone()).or(of_type).or(level);
        Base { unclear, ..base }
    }))
}

/// Reads `filter hook input priority filter - 10`, with devices or without.
fn head<'a>(words: &[&'a str]) -> Option<Base<'a>> {
    let at = words.iter().position(|word| *word == "priority")?;
    let (before, after) = (words.get(..at)?, words.get(at + 1..)?);
    let [kind, "hook", hook, devices @ ..] = before else { return None };
    let unclear = (!devices.is_empty()).then(|| "only some devices have the chain".to_owned());
    Some(Base { kind, hook, priority: priority(after)?, drops: false, unclear })
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
        "srcnat" | "out" => 100,
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
